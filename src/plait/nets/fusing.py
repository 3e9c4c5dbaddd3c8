"""A network for a data set: an encoder an input, a merge, a head a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.intake import check_seed
from plait.meant import meant
from plait.nets.encoders import Encoded, encode, enter, pooled
from plait.nets.heads import answer, layer_name, loss_of, metric_of, weight_of
from plait.nets.kinds import Given, Wanted, given, values_of, wanted
from plait.nets.loss_weights import weigh_losses
from plait.nets.merging import Merge, merge as merged_branches
from plait.randomness import seeded
from plait.starting import relu, settled

__all__ = ["fusion"]

_layers: Any = keras.layers  # their types are narrower than what they take

Part = Callable[[Any], Any]  # a layer, a model or a function of one tensor

_BY_FEATURES = ("film", "attention")


def fusion(
    data: Dataset,
    *,
    merge: Merge = "concatenate",
    on: str | None = None,
    width: int = 64,
    encoders: Mapping[str, Part] | None = None,
    heads: Mapping[str, Part] | None = None,
    losses: Mapping[str, Any] | None = None,
    loss_weights: Mapping[str, float] | str | None = None,
    optimizer: Any = "adam",
    dropout: float = 0.0,
    seed: int = 0,
    name: str = "fusion",
) -> keras.Model:
    """A compiled functional model that fits the data: a dict of its inputs in, a dict of its targets out.

    Inputs, by their specs: images (height, width, channels), maps of codes, token ids (integers, (length,); `Pad`'s value is passed over),
    series (length, channels), category codes, numbers and one-hot vectors, booleans. Values that are not of order 1 are scaled by a
    `Normalization` layer fitted on `data`, bytes of images divided by 255.

    Targets, by their specs: codes of classes (softmax, sparse crossentropy), one-hot vectors (softmax), booleans (sigmoid), numbers
    (linear, squared error); one or a vector a sample, at each step of a series, or at each place of a map. Numbers are predicted in their
    own units while the loss is that of standardised ones: the last layer scales and shifts, and the loss is weighted by 1 / variance.

    The model is made of stock layers: it is saved as `.keras` and loaded without plait. What it is fitted with, `data`, should be the
    training part.

    Args:
        data: The training part.
        merge: "concatenate", "add", "multiply", "film", "gated", "attention", a Keras layer or a function; see `plait.nets.merge`. "film"
            and "attention" work on the features of the input `on`, the others on vectors.
        on: The input that is modulated, or asks; by itself the first image, else the first series or tokens, else the first input.
        width: Of vectors and features. For "attention" a multiple of 4.
        encoders: input -> a model or function in place of its encoder: from the input as it is fed to a vector or to features.
        heads: target -> a layer or function in place of its head: from (samples, width) to the answer, in the target's units.
        losses: target -> a loss in place of its own.
        loss_weights: target -> weight, relative to the standardised losses, 1 where not named; or "uncertainty" or "gradnorm", which move
            them while training (see `plait.nets.weigh_losses`).
        optimizer: As for `compile`.
        dropout: Share of the fused vector that is left out in training.
        seed: Of the initial weights; the global random state stays as it is.
        name: Of the model.

    Returns:
        The model, compiled with the loss of each head, its weight, and accuracy or mean absolute error.

    Raises:
        ArgumentError: A stream that no encoder or head is known for, or branches whose shapes do not go together.
        SpecError: An input looks like an image without its axis of channels.
        NameUnknownError: `encoders`, `heads`, `losses`, `loss_weights` or `on` names no stream.
    """
    _check(data, encoders, heads, losses, loss_weights, on)
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise ArgumentError(f"fusion(width={width!r}): a whole number of at least 1 is needed.")
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ArgumentError(f"fusion(dropout={dropout!r}): a share from 0 to below 1 is needed.")
    check_seed("fusion", seed)
    encoders, heads, losses = dict(encoders or {}), dict(heads or {}), dict(losses or {})
    inputs = {n: given(data, n) if n not in encoders else _own(data, n) for n in data.inputs}
    targets = {n: found for n in data.targets if (found := _known(data, n, own=n in heads and n in losses)) is not None}
    losses = {n: losses[n] if n in losses else loss_of(targets[n]) for n in data.targets}
    free = _names(data)
    with seeded(int(seed)):
        entered = {n: enter(one) for n, one in inputs.items()}
        encoded = {n: _encoded(part, entered[n], n) for n, part in encoders.items()}
        lead = _lead(inputs, encoded, on)
        for n, one in inputs.items():
            if n not in encoded:
                vector = len(inputs) == 1 or merge not in _BY_FEATURES or (merge == "film" and n != lead)
                encoded[n] = encode(one, entered[n], width, name=free(f"{layer_name(n)}_encoder"), vector=vector)
        encoded = {n: encoded[n] for n in inputs}
        merged, features = _merged(encoded, merge, lead, width)
        shared = _layers.Dense(width, **relu(), name=free("shared"))(merged)
        shared = _layers.Dropout(dropout)(shared) if dropout else shared
        outputs = {
            n: _headed(heads[n], shared, n)
            if n in heads
            else answer(targets[n], shared, encoded, merged=features, loss=losses[n], width=width, free=free)
            for n in data.targets
        }
        model = settled(keras.Model(entered, outputs, name=name))
    own = loss_weights if isinstance(loss_weights, Mapping) else {}
    even = {n: weight_of(one, losses[n], None if n in heads else lambda n=n: values_of(data, n)) for n, one in targets.items()}
    model.compile(
        optimizer,
        loss=losses,
        loss_weights={n: own.get(n, 1.0) * even.get(n, 1.0) for n in data.targets},
        weighted_metrics={n: [metric_of(targets[n])] for n in data.targets if n in targets},
    )
    return weigh_losses(model, loss_weights) if isinstance(loss_weights, str) else model


def _check(data: object, encoders: Any, heads: Any, losses: Any, loss_weights: Any, on: str | None) -> None:
    if not isinstance(data, Dataset):
        raise ArgumentError(f"fusion takes a plait.Dataset, not a {type(data).__name__}. Write plait.nets.fusion(train).")
    if not data.targets:
        raise ArgumentError("fusion: the data have no target, so there is nothing to answer. Write plait.Dataset(..., targets={...}).")
    weights = loss_weights if isinstance(loss_weights, Mapping) else None
    for name, weight in (weights or {}).items():
        if not isinstance(weight, (int, float)) or isinstance(weight, bool) or not weight >= 0:
            raise ArgumentError(f"fusion: loss_weights={{{name!r}: {weight!r}}}; a weight is a number of 0 or more.")
    for word, named, known in (
        ("encoders", encoders, data.inputs),
        ("heads", heads, data.targets),
        ("losses", losses, data.targets),
        ("loss_weights", weights, data.targets),
        ("on", None if on is None else [on], data.inputs),
    ):
        for one in named or ():
            if one not in known:
                role = "input" if known is data.inputs or word in ("encoders", "on") else "target"
                raise NameUnknownError(
                    f"fusion: {word} names {one!r}, and the data have no {role} of that name; they have {list(known)}.{meant(one, known)}"
                )
    for name, loss in (losses or {}).items():
        try:
            keras.losses.get(loss)
        except (ValueError, TypeError) as error:
            raise ArgumentError(
                f"fusion: losses={{{name!r}: {loss!r}}}; Keras knows no such loss. Write one of its names, such as 'mse', or a loss."
            ) from error


def _own(data: Dataset, name: str) -> Given:
    """An input with an encoder of the user's own, fed as it is."""
    spec = data.inputs[name]
    if spec.text or spec.ragged or spec.dtype.kind not in "biuf":
        return given(data, name)  # which says what to write
    kind = "tokens" if spec.dtype.kind in "iu" and spec.dtype != "uint8" else "numbers"
    return Given(name, kind, tuple(int(n or 0) for n in spec.shape))


def _known(data: Dataset, name: str, *, own: bool) -> Wanted | None:
    """What a target is; None where that is not known and need not be, since head and loss are the user's own."""
    try:
        return wanted(data, name)
    except ArgumentError:
        if own:
            return None
        raise


def _encoded(part: Part, entered: Any, name: str) -> Encoded:
    made: Any = part(entered)
    if not hasattr(made, "shape") or len(made.shape) < 2:
        raise ArgumentError(f"fusion: encoders[{name!r}] gave {made!r}; it is to give one tensor, (samples, width) or with more axes.")
    if len(made.shape) == 2:
        return Encoded(made)
    return Encoded(made, made)  # a vector is made where one is needed; what is merged is what the encoder gave


def _headed(part: Part, shared: Any, name: str) -> Any:
    made: Any = part(shared)
    if not hasattr(made, "shape"):
        raise ArgumentError(f"fusion: heads[{name!r}] gave {made!r}; it is to give one tensor, the answer for each sample.")
    return made


def _lead(inputs: Mapping[str, Given], own: Mapping[str, Encoded], on: str | None) -> str:
    """The input that is modulated, or asks."""
    axes = {"image": 3, "labels": 3, "series": 2, "tokens": 2}
    ranks = {n: len(own[n].branch().shape) - 1 if n in own else axes.get(one.kind, 1) for n, one in inputs.items()}
    return on or max(ranks, key=lambda n: ranks[n])


def _merged(encoded: Mapping[str, Encoded], how: Merge, lead: str, width: int) -> tuple[Any, dict[str, Any]]:
    """(samples, channels) of all inputs, and the features of the one that others were merged into."""
    if len(encoded) == 1:
        only = next(iter(encoded.values()))
        return (pooled(only.vector) if len(only.vector.shape) > 2 else only.vector), {}
    if how not in _BY_FEATURES:
        made = merged_branches({n: one.vector for n, one in encoded.items()}, how, width=width)
        return (made if len(made.shape) == 2 else pooled(made)), {}
    branches = {n: one.branch() if how == "attention" or n == lead else one.vector for n, one in encoded.items()}
    masks = {n: one.mask for n, one in encoded.items() if one.mask is not None}
    made = merged_branches(branches, how, on=lead, width=width, masks=masks if how == "attention" else None)
    if len(made.shape) == 2:
        return made, {}
    return pooled(made, encoded[lead].mask), {lead: made}


def _names(data: Dataset) -> Callable[[str], str]:
    """A function that makes a name one that no stream and no other layer has."""
    taken = {layer_name(n) for n in (*data.inputs, *data.targets)}

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    return free
