"""What a user gives for a stream: checked, and as an array of its dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from plait.errors import ArgumentError
from plait.spec import TEXT, Spec

__all__ = ["given_array"]


def given_array(stream: str, value: Any, spec: Spec, samples: int) -> np.ndarray:
    """What a user gave for a stream, as (samples, *shape) of the stream's dtype; one value stands for all samples.

    Raises:
        ArgumentError: It is of another shape or kind, or holds missing values.
    """
    shape = tuple(n or 0 for n in spec.shape)
    wanted = f"({samples}, {', '.join(map(str, shape))})" if shape else f"({samples},)"
    masked = isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any()
    try:
        array = np.asarray(value)
        if spec.dtype.kind == "M" and array.dtype.kind in "UTO":  # dates as text, or of pandas
            array = np.array(array.tolist(), "datetime64")
        array = array.astype(TEXT) if array.dtype.kind in "UT" or (array.dtype.kind == "O" and spec.text) else array
    except (TypeError, ValueError) as error:
        kind = "date such as '2024-03-01'" if spec.dtype.kind == "M" else f"array of shape {wanted}"
        raise ArgumentError(f"given={{{stream!r}: ...}} is no {kind}: {error}.") from error
    if array.shape == (samples, 1) and not shape:
        array = array[:, 0]
    if array.shape not in (shape, (samples, *shape)):
        raise ArgumentError(
            f"given={{{stream!r}: ...}} has the shape {array.shape}; one value for each of the {samples} samples is needed, {wanted}, "
            f"or one for all, {shape}."
        )
    if masked or (array.dtype.kind in "fmM" and (np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)).any()):
        raise ArgumentError(f"given={{{stream!r}: ...}} holds missing values. Give a value for every sample, or leave the stream out.")
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ArgumentError(f"given={{{stream!r}: ...}} holds infinite values. Give finite ones, or leave the stream out.")
    text, numeric = spec.text, spec.dtype.kind in "biuf"
    kind = array.dtype.kind
    fits = kind == "T" if text else kind in "biuf" if numeric else kind == spec.dtype.kind
    if not fits:
        raise ArgumentError(f"given={{{stream!r}: ...}} is {array.dtype}, and the stream is {spec}. Give values of that kind.")
    if numeric and spec.dtype.kind in "iub" and kind == "f" and (array != np.rint(array)).any():
        raise ArgumentError(f"given={{{stream!r}: ...}} holds fractions, and the stream is {spec}.")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            cast = array if text else array.astype(spec.dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"given={{{stream!r}: ...}} is {array.dtype}, and the stream is {spec}: {error}.") from error
    beyond = np.isinf(cast) if spec.dtype.kind == "f" else cast != array if spec.dtype.kind in "iub" else np.zeros(array.shape, bool)
    if beyond.any():
        raise ArgumentError(f"given={{{stream!r}: ...}} holds values beyond {spec.dtype}, such as {array[beyond].flat[0]}.")
    if spec.dtype.kind in "mM" and (cast != array).any():
        raise ArgumentError(
            f"given={{{stream!r}: ...}} holds {array[cast != array].flat[0]}, which {spec.dtype} cannot tell. Write "
            f"values.astype({str(spec.dtype)!r})."
        )
    return np.broadcast_to(cast, (samples, *shape)).copy() if array.shape == shape else cast
