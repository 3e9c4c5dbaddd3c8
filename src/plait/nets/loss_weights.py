"""Weights of several losses that move while a compiled model is trained by plain `fit`."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import keras

from plait.checks.compiled import LossPart, arguments, loss_parts, untrack
from plait.contract import Contract
from plait.errors import ArgumentError
from plait.nets.gradnorm import GradNorm
from plait.nets.uncertainty import Uncertainty

__all__ = ["weigh_losses"]

_ops: Any = keras.ops

How = Literal["uncertainty", "gradnorm"]

_RATE = 0.025


def weigh_losses(model: Any, how: How | str | None = "uncertainty", *, rate: float = _RATE, alpha: float = 0.5) -> Any:
    """Let the weights of the losses of a compiled functional model move while it is trained by plain `fit`.

    "uncertainty": each loss is weighted by exp(-s), and s follows the gradient of exp(-s) * loss + s; it starts at the log of the loss of
    the first batch. "gradnorm": weights are moved until the gradients of all losses, with respect to what the heads share, are equally
    long, those of losses that fall more slowly longer. Both multiply the weights that `compile` was given and see the losses times those.

    The weights are shown while training and kept in the history, "<head>_weight"; with validation also as "val_<head>_weight". The loss
    of `evaluate` and of validation has the weights of `compile`, so that epochs and runs can be compared. The model stays what it was:
    stock layers, saved as `.keras` and loaded without plait, then with the weights of `compile`.

    Args:
        model: Functional, compiled, with two losses or more.
        how: "uncertainty", "gradnorm", or None for the weights of `compile` again.
        rate: How far a log weight moves in a step, at most.
        alpha: Of "gradnorm": how much longer the gradients of losses that fall more slowly are to be; 0 for all alike.

    Returns:
        The same model.

    Raises:
        ArgumentError: The model is not of that kind, or an argument cannot be meant.

    References:
        Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics". Here the
        factor 1/2 of regression losses is left out, which makes no difference where s has settled, and s is moved by clipped steps of its
        own and not by the model's optimizer. Chen, Badrinarayanan, Lee and Rabinovich 2018, "GradNorm: Gradient Normalization for
        Adaptive Loss Balancing in Deep Multitask Networks". Here gradients are those with respect to what the last shared layer gives and
        not to its weights, and weights are moved in logs by clipped steps towards the balance, starting at that of the first batch.
    """
    parts = _check(model, how, rate, alpha)
    if hasattr(model, "loss_weighting"):
        untrack(model, model.loss_weighting)
        del model.loss_weighting, model.compute_loss
    model.train_function = model.test_function = None  # made of the former compute_loss
    if how is None:
        return model
    names = [part.head for part in parts]
    rule = Uncertainty(rate) if how == "uncertainty" else GradNorm(model, names, rate, alpha)
    model.loss_weighting = Weighting(names)
    model.compute_loss = types.MethodType(_compute_loss(rule), model)
    return model


class Weighting(keras.layers.Layer):
    """The state of moving weights: it is tracked by the model, and its variables are not trained.

    Args:
        names: Of the heads.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(name="loss_weighting")
        several: Any = {"shape": (len(names),), "trainable": False, "dtype": "float32"}
        self.logs = self.add_weight(initializer="zeros", name="logs", **several)  # of the weights
        self.first = self.add_weight(initializer="ones", name="first", **several)  # losses
        self.begun = self.add_weight(initializer="zeros", name="begun", **several)  # 1 where `first` is known
        self.shown = [keras.metrics.Mean(name=f"{name}_weight") for name in names]
        self.built = True


def _compute_loss(rule: Uncertainty | GradNorm) -> Any:
    def compute_loss(self: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:
        total = type(self).compute_loss(self, x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        state = self.loss_weighting
        weights = _ops.exp(state.logs)
        if training:
            parts = loss_parts(self)
            losses = _losses(self, parts, y, y_pred, sample_weight)
            held = _ops.stop_gradient(_ops.stack(losses))
            norms = rule.norms(self, x, lambda made: _losses(self, parts, y, made, sample_weight))
            used, logs, first, begun = rule.step(_values(state), held, norms)
            weights = _ops.exp(used)
            for variable, value in ((state.logs, logs), (state.first, first), (state.begun, begun)):
                variable.assign(value)
            # not the stock sum with something added: where losses are far apart the least would be lost in the digits of the largest
            total = _ops.sum(_ops.stack(losses) * weights) + sum(_ops.sum(_ops.cast(loss, "float32")) for loss in self.losses)
        for place, metric in enumerate(state.shown):
            metric.update_state(weights[place])
        return total

    return compute_loss


def _values(state: Weighting) -> tuple[Any, Any, Any]:
    return tuple(_ops.convert_to_tensor(variable) for variable in (state.logs, state.first, state.begun))  # type: ignore[return-value]


def _losses(model: Any, parts: Sequence[LossPart], y: Any, y_pred: Any, sample_weight: Any) -> list[Any]:
    """The losses of the heads times their weights in `compile`."""
    names, losses = list(model.output_names), []
    for part in parts:
        weight = _at(sample_weight, part.path, names) if keras.tree.is_nested(sample_weight) else sample_weight
        value = part.loss(_at(y, part.path, names), _at(y_pred, part.path, names), weight)
        losses.append(_ops.cast(value, "float32") * (1.0 if part.weight is None else part.weight))
    return losses


def _at(structure: Any, path: Sequence[Any], names: Sequence[str]) -> Any:
    """The part of a dict or list that belongs to a head, whose path is a key or a number."""
    for key in path:
        if isinstance(structure, Mapping) and key not in structure:
            structure = structure[names[key]]
        elif isinstance(structure, (list, tuple)) and isinstance(key, str):
            structure = structure[names.index(key)]
        else:
            structure = structure[key]
    return structure


def _check(model: Any, how: Any, rate: Any, alpha: Any) -> list[LossPart]:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"weigh_losses takes a keras.Model, not a {type(model).__name__}.")
    if how is not None and how not in get_args(How):
        raise ArgumentError(f"weigh_losses: {how!r} is not known; write 'uncertainty' or 'gradnorm', or loss_weights={{...}} in compile().")
    for word, value in (("rate", rate), ("alpha", alpha)):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 10:
            raise ArgumentError(f"weigh_losses: {word}={value!r}; a number from 0 to 10 is needed.")
    compiled = arguments(model)
    if compiled is None:
        raise ArgumentError(
            f"weigh_losses: model {model.name!r} is not compiled. Write model.compile(optimizer='adam', loss={{...}}) first."
        )
    contract = Contract.of(model)
    if contract is None or compiled.own:
        raise ArgumentError(
            f"weigh_losses: model {model.name!r} {'has no graph' if contract is None else 'computes its loss itself'}; it works on "
            "functional models, keras.Model(inputs, outputs), with the losses that compile() was given."
        )
    parts = loss_parts(model)
    if len(parts) < 2:
        raise ArgumentError(f"weigh_losses: model {model.name!r} has one loss; two or more can be weighed against each other.")
    return parts
