"""Loss weights by the lengths of gradients (Chen et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from plait.checks.compiled import ends, parents
from plait.errors import ArgumentError
from plait.nets.gradients import gradients

__all__ = ["GradNorm"]

_ops: Any = keras.ops

_TINY = 1e-12  # a loss or gradient that is not larger says nothing


class GradNorm:
    """Weights at which the gradients of all losses, with respect to what the heads share, are equally long.

    Args:
        model: Functional, compiled.
        names: Of the heads.
        rate: How far a log weight moves in a step, at most.
        alpha: How much longer the gradient of a loss is to be that falls more slowly.

    Raises:
        ArgumentError: The heads share no layer.
    """

    def __init__(self, model: Any, names: Sequence[str], rate: float, alpha: float) -> None:
        self.rate, self.alpha = rate, alpha
        given, made = ends(model)
        border = _border(keras.tree.flatten(made))
        self._learned = [place for place, tensor in enumerate(border) if parents(tensor) and _real(tensor)]
        if not self._learned:
            raise ArgumentError(
                f"weigh_losses: the heads {list(names)} of model {model.name!r} share no layer, so that no loss is in another's way. "
                "Leave the weights to compile()."
            )
        # no keras.Model: one that begins in the middle adds nodes to the layers, and the model could no longer be saved
        self._shared, self._rest = keras.Function(given, border), keras.Function(border, made)

    def norms(self, model: Any, x: Any, losses: Callable[[Any], list[Any]]) -> Any:
        """(heads,) lengths of the gradients of the losses with respect to what is shared."""
        shared = [_ops.stop_gradient(tensor) for tensor in keras.tree.flatten(self._shared(x))]

        def of(learned: Sequence[Any]) -> list[Any]:
            whole = list(shared)
            for place, tensor in zip(self._learned, learned, strict=True):
                whole[place] = tensor
            return losses(self._rest(whole))

        found = gradients(of, [shared[place] for place in self._learned])
        squares = [sum(_ops.sum(_ops.square(_ops.cast(part, "float32"))) for part in parts) for parts in found]
        return _ops.stop_gradient(_ops.sqrt(_ops.stack(squares)))

    def step(self, state: tuple[Any, Any, Any], losses: Any, norms: Any) -> tuple[Any, Any, Any, Any]:
        """(log weights of this step, log weights of the next, first losses, which of them are known), each (heads,)."""
        logs, first, begun = state
        live = _ops.logical_and(losses > _TINY, norms > _TINY)
        safe, lengths = _ops.where(live, losses, 1.0), _ops.log(_ops.where(live, norms, 1.0))
        begins = _ops.logical_and(live, begun < 0.5)
        # in the first batch all at once; what is without a gradient there has the mean of the others, and moves from there as they do
        some = _ops.cast(live, "float32")
        middle = _ops.sum(-lengths * some) / _ops.maximum(_ops.sum(some), 1.0)
        early = _ops.logical_and(_ops.any(begins), _ops.all(begun < 0.5))
        logs = _ops.where(early, _even(_ops.where(live, -lengths, middle)), logs)
        first = _ops.where(begins, safe, first)
        slow = _ops.where(live, safe / first, 1.0)
        slow = _ops.log(slow / _ops.mean(slow))
        wanted = _ops.log(_ops.mean(_ops.exp(logs + lengths))) + self.alpha * slow
        moved = logs + self.rate * _ops.clip(wanted - (logs + lengths), -1.0, 1.0)
        return logs, _even(_ops.where(live, moved, logs)), first, _ops.where(begins, 1.0, begun)


def _even(logs: Any) -> Any:
    """The same weights with a mean of 1."""
    return logs - _ops.log(_ops.mean(_ops.exp(logs)))


def _border(outputs: Sequence[Any]) -> list[Any]:
    """The tensors that two heads or more depend on and that are handed to something which only one depends on, or to no one."""
    below = [_ancestors(output) for output in outputs]
    tensors = {number: tensor for known in below for number, tensor in known.items()}
    shared = {number for number in tensors if sum(number in known for known in below) > 1}
    handed = {id(parent) for number, tensor in tensors.items() if number not in shared for parent in parents(tensor)}
    return [tensors[number] for number in tensors if number in shared and (number in handed or any(tensors[number] is o for o in outputs))]


def _ancestors(tensor: Any) -> dict[int, Any]:
    found, open_ = {}, [tensor]
    while open_:
        one = open_.pop()
        if id(one) not in found:
            found[id(one)] = one
            open_.extend(parents(one))
    return found


def _real(tensor: Any) -> bool:
    return "float" in str(tensor.dtype)
