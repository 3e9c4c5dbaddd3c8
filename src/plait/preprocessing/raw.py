"""Raw samples, as a user has them at hand, as the column that a source would give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, ChangedError, ReadError, SpecError, TransformError
from plait.formats.paths import is_url
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.transforms.cast import Cast
from plait.transforms.columns import as_column, values_of
from plait.transforms.vocabulary import Vocabulary

__all__ = ["column_of"]


def column_of(values: Any, spec: Spec, decoder: Any, *, label: str) -> Array:
    """One stream's raw samples, in the dtype and shape that its source gives.

    Args:
        values: A list or array, samples first: what the decoder takes, or values as `spec` says.
        spec: Of the source's stream.
        decoder: The source's step from raw material; None where values are given as they are.
        label: How messages call the stream: "Input 'age'".

    Raises:
        ArgumentError: One sample is given instead of a list.
        SpecError, TransformError, ReadError: The values are not what the stream holds.
    """
    if isinstance(values, (str, bytes, os.PathLike)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
        raise ArgumentError(f"{label} is {values!r:.60}, one value; give a list with one entry a sample: [{values!r:.60}].")
    if decoder is None or _as_decoded(values, spec):
        return _typed(values, spec, label)
    samples = list(values)
    if not samples:
        return _none(spec)
    try:
        named = getattr(decoder, "decode", None)
        column: Any = named(samples, label=label, key=lambda row: row) if callable(named) else decoder(samples)
    except ChangedError as error:
        raise ReadError(f"{label}: {_gone(samples, spec)}") from error
    return _checked(column, spec, label)


def _as_decoded(values: Any, spec: Spec) -> bool:
    """Whether these are numbers just as the decoder gives them."""
    return isinstance(values, (np.ndarray, Ragged)) and values.dtype.kind in "biuf" and _alike(Spec.of(values), spec)


def _typed(values: Any, spec: Spec, label: str) -> Array:
    column = as_column(values, transform=label)
    if not len(column):
        return _none(spec)
    text = values_of(column).dtype.kind == "T"
    if spec.ragged and isinstance(column, np.ndarray) and column.ndim > 1:
        samples, length = column.shape[:2]
        column = Ragged(column.reshape(samples * length, *column.shape[2:]), np.arange(samples + 1, dtype=np.int64) * length)
    if text and spec.classes is not None and all(isinstance(c, str) for c in spec.classes):
        try:
            return _checked(Vocabulary(spec.classes)(column), spec, label)  # type: ignore[arg-type]
        except TransformError as error:
            raise SpecError(f"{label} has the classes {list(spec.classes)}: {error}") from error
    if spec.dtype.kind in "Mm":
        try:
            given = values_of(column)
            return _checked(np.array(given.tolist(), spec.dtype) if text else given.astype(spec.dtype), spec, label)
        except ValueError as error:
            raise SpecError(f"{label} holds {spec.dtype}, and what is given is none: {error}.") from error
    if text != spec.text:
        found = "text" if text else f"of dtype {values_of(column).dtype}"
        raise SpecError(f"{label} holds {'text' if spec.text else spec.dtype}, and what is given is {found}: {list(values)[:3]!r:.80}.")
    return _checked(column, spec, label)


def _checked(column: Array, spec: Spec, label: str) -> Array:
    """The column in the dtype of the spec, its shape and classes checked."""
    if column.dtype != spec.dtype:
        try:
            column = Cast(spec.dtype)(column)
        except TransformError as error:
            raise SpecError(f"{label} holds {spec.dtype}. {error}") from error
    found = Spec.of(column)
    if not _alike(found, spec):
        raise SpecError(f"{label}: a sample is to be {spec}, and what is given is {found}. The first axis is the samples: one entry each.")
    if spec.classes is not None and column.dtype.kind in "iu":
        codes = values_of(column)
        if codes.size and not 0 <= codes.min() <= codes.max() < len(spec.classes):
            raise SpecError(
                f"{label} holds codes 0 to {len(spec.classes) - 1} of classes; found codes from {codes.min()} to {codes.max()}."
            )
    return column


def _alike(found: Spec, spec: Spec) -> bool:
    same = len(found.shape) == len(spec.shape) and all(b is None or a == b for a, b in zip(found.shape, spec.shape, strict=True))
    return same and found.ragged == spec.ragged


def _none(spec: Spec) -> Array:
    """No sample."""
    shape = tuple(n or 0 for n in spec.shape)
    return Ragged(np.zeros((0, *shape[1:]), spec.dtype), np.zeros(1, np.int64)) if spec.ragged else np.zeros((0, *shape), spec.dtype)


def _gone(samples: Sequence[Any], spec: Spec) -> str:
    for row, sample in enumerate(samples):
        if isinstance(sample, (str, os.PathLike)) and not is_url(os.fspath(sample)) and not os.path.exists(sample):
            also = " (text itself is given as bytes: text.encode())" if spec.text else ""
            return f"there is no file {os.fspath(sample)!r}, given for sample {row}{also}. Working directory {os.getcwd()!r}."
    return f"one of the files does not exist: {[str(s) for s in samples[:3]]}."
