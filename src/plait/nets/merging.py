"""Several branches into one tensor, after their shapes were checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from plait.errors import ArgumentError, NameUnknownError
from plait.meant import meant
from plait.nets.shapes import (
    MERGES,
    Shape,
    check_attended,
    check_but_last,
    check_conditions,
    check_given,
    check_widths,
    same_shape,
)

__all__ = ["Merge", "merge"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

Merge = str | Callable[..., Any]  # a name of MERGES, a Keras layer that takes a list, or a function of {name: tensor}

_EQUAL = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
_DOT = ("Attention", "AdditiveAttention")


def merge(
    branches: Mapping[str, Any],
    how: Merge = "concatenate",
    *,
    on: str | None = None,
    width: int | None = None,
    heads: int = 4,
    masks: Mapping[str, Any] | None = None,
) -> Any:
    """Merge the branches of a functional model: `merge({"photo": a, "caption": b}, "film")`. Stock Keras, so it saves and loads as such.

    | how | shapes | gives |
    |---|---|---|
    | "concatenate" | equal but for the last axis | all, one behind the other on the last axis |
    | "add", "multiply" | equal; nothing is broadcast | the shape of each |
    | "film" | `on` any, the others vectors | `on`, each channel scaled and shifted by the others; nothing is changed at first |
    | "gated" | equal but for the last axis | (..., width), at each place a weighted mean of the branches with learned weights |
    | "attention" | vectors, sequences, maps | `on`, to which each of its tokens has added what it attends to in the others |
    | a Keras layer | as the layer needs, checked for Keras's own merges | what the layer makes of the list of branches |
    | a function | its own | what it makes of the dict of branches |

    Args:
        branches: name -> tensor (samples, ...): a vector (width,), a sequence (length, width) or a map (height, width, channels) a sample.
        how: One of the above.
        on: The branch that is modulated ("film") or that asks ("attention"); by itself the first map, else the first sequence, else the
            first branch.
        width: Of the result of "gated", and of what "attention" compares; by itself that of the first branch, or of `on`.
        heads: Attention heads; they share the width.
        masks: name -> (samples, length) bool tensor, false where a token of that sequence is padding; "attention" passes over it.

    Raises:
        ArgumentError: Shapes that do not go together: the message names two branches, their shapes and the line to write.
        NameUnknownError: `on` or a mask names no branch.

    References:
        Perez et al. 2018, "FiLM: Visual Reasoning with a General Conditioning Layer". Arevalo et al. 2017, "Gated Multimodal Units for
        Information Fusion" (here without the tanh of each branch). Vaswani et al. 2017, "Attention Is All You Need" (cross-attention with
        residual and layer normalisation, without the feed-forward part).
    """
    if not isinstance(branches, Mapping):
        raise ArgumentError(
            f"merge takes the branches by name, not a {type(branches).__name__}. Write merge({{'photo': a, 'caption': b}}, 'add')."
        )
    for word, number in (("width", width), ("heads", heads)):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise ArgumentError(f"merge({word}={number!r}): a whole number of at least 1 is needed.")
    branches, masks = dict(branches), {name: mask for name, mask in (masks or {}).items() if mask is not None}
    for name in [*masks, *([on] if on is not None else [])]:
        if name not in branches:
            raise NameUnknownError(f"merge: there is no branch {name!r}; the branches are {list(branches)}.{meant(name, branches)}")
    shapes: dict[str, Shape] = {name: tuple(tensor.shape[1:]) for name, tensor in branches.items()}
    called = how if isinstance(how, str) else _name(how)
    if isinstance(how, str) and how not in MERGES:
        raise ArgumentError(f"merge={how!r} is not known; write one of {', '.join(map(repr, MERGES))}, a Keras layer or a function.")
    _check_for_it(how, called, on, {name: tuple(np.shape(mask)[1:]) for name, mask in masks.items()}, shapes)
    check_given(shapes, called)
    if not isinstance(how, str):
        return _by_layer(branches, shapes, how) if isinstance(how, keras.layers.Layer) else _result(how(branches), called)
    if how in ("add", "multiply"):
        same_shape(shapes, how)
        return (_layers.Add() if how == "add" else _layers.Multiply())(list(branches.values()))
    if how in ("concatenate", "gated"):
        check_but_last(shapes, how)
        return _layers.Concatenate()(list(branches.values())) if how == "concatenate" else _gated(branches, width)
    lead = on or max(shapes, key=lambda name: len(shapes[name]))
    if how == "film":
        check_conditions(shapes, lead)
        return _film(branches, lead)
    check_attended(shapes)
    return _attention(branches, lead, masks, width or int(shapes[lead][-1] or 1), heads)


def _check_for_it(how: Merge, called: str, on: str | None, masks: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> None:
    """Raise where `on` or masks are given to a merge that has no use for them, or a mask is no mask of its branch."""
    for word, given, merges in (("on", on is not None, ("film", "attention")), ("masks", bool(masks), ("attention",))):
        if given and how not in merges:
            said = " and ".join(map(repr, merges))
            raise ArgumentError(f"merge({word}=...) is for {said}, and this merge is {called!r}. Leave {word}= out.")
    for name, own in masks.items():
        tokens = shapes[name][:-1]
        if len(tokens) != 1 or len(own) != 1 or (None not in (*own, *tokens) and own != tokens):
            raise ArgumentError(
                f"merge: the mask of {name!r} has the shape {own} a sample, and {name!r} has {shapes[name]}; a mask has a value for each "
                "token of a sequence (length, width)."
            )


def _film(branches: Mapping[str, Any], on: str) -> Any:
    x = branches[on]
    others = [tensor for name, tensor in branches.items() if name != on]
    condition = _layers.Concatenate()(others) if len(others) > 1 else others[0]
    channels = x.shape[-1]
    scale, shift = (  # zero at first, so that `on` begins as it is
        _layers.Reshape((*(1,) * (len(x.shape) - 2), channels))(_layers.Dense(channels, kernel_initializer="zeros")(condition))
        for _ in range(2)
    )
    return x + x * scale + shift


def _gated(branches: Mapping[str, Any], width: int | None) -> Any:
    tensors = list(branches.values())
    width = width or tensors[0].shape[-1]
    together = _layers.Concatenate()(tensors)
    logits = _ops.stack([_layers.Dense(width)(together) for _ in tensors], axis=-1)
    values = _ops.stack([_layers.Dense(width)(tensor) for tensor in tensors], axis=-1)
    return _ops.sum(_ops.softmax(logits, axis=-1) * values, axis=-1)


def _attention(branches: Mapping[str, Any], on: str, masks: Mapping[str, Any], width: int, heads: int) -> Any:
    if width % heads:
        raise ArgumentError(
            f"merge='attention': width={width} is not divided by heads={heads}. Write a width that is: {-(-width // heads) * heads}."
        )
    asking = _tokens(branches[on], width)
    told = [(_tokens(tensor, width, always=True), masks.get(name)) for name, tensor in branches.items() if name != on]
    context = _layers.Concatenate(axis=1)([tokens for tokens, _ in told]) if len(told) > 1 else told[0][0]
    options = {}
    if any(mask is not None for _, mask in told):
        present = [_ops.ones_like(tokens[:, :, 0], dtype="bool") if mask is None else mask for tokens, mask in told]
        options["key_mask"] = _ops.concatenate(present, axis=1) if len(present) > 1 else present[0]
    seen = _layers.MultiHeadAttention(heads, width // heads)(asking, context, **options)
    out = _layers.LayerNormalization()(asking + seen)
    own = branches[on].shape[1:]
    return _layers.Reshape((*own[:-1], width))(out) if len(own) != 2 else out


def _tokens(tensor: Any, width: int, *, always: bool = False) -> Any:
    """A sequence (samples, tokens, width) of a vector (one token), a sequence, or a map (a token each place)."""
    shape = tensor.shape[1:]
    if len(shape) != 2:
        tensor = _layers.Reshape((1 if len(shape) == 1 else shape[0] * shape[1], shape[-1]))(tensor)
    return _layers.Dense(width)(tensor) if always or shape[-1] != width else tensor


def _by_layer(branches: Mapping[str, Any], shapes: Mapping[str, Shape], layer: Any) -> Any:
    kind = type(layer).__name__
    if kind in _EQUAL:
        same_shape(shapes, _name(layer))
    elif kind == "Concatenate" and layer.axis in (-1, len(next(iter(shapes.values())))):
        check_but_last(shapes, _name(layer))
    elif kind in _DOT:
        check_widths(shapes, _name(layer))
    return _result(layer(list(branches.values())), _name(layer))


def _result(made: Any, called: str) -> Any:
    if not hasattr(made, "shape") or not hasattr(made, "dtype") or len(made.shape) < 2:
        raise ArgumentError(f"merge={called} gave a {type(made).__name__}; it is to give one tensor (samples, ...) made of the branches.")
    return made


def _name(how: Any) -> str:
    return f"{type(how).__name__}()" if isinstance(how, keras.layers.Layer) else str(getattr(how, "__name__", type(how).__name__))
