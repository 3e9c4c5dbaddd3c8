"""Series cut into windows of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.transforms.columns import as_column

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """Series (samples, time, *item) as (samples, windows, length, *item); ragged ones as ragged windows. Pure.

    There are `1 + (time - length) // stride` windows. With a stride above 1, values behind the last whole window are left out.

    Args:
        length: Of a window.
        stride: From the begin of one to the begin of the next.
    """

    length: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name in ("length", "stride"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ArgumentError(f"Window: {name}={value!r} must be a whole number from 1 on, such as Window(16, stride=8).")
            object.__setattr__(self, name, int(value))

    def __call__(self, array: Array) -> Array:
        column = as_column(array, transform="Window")
        if isinstance(column, Ragged):
            return self._ragged(column)
        if column.ndim < 2:
            raise TransformError(_SCALARS)
        self._windows(column.shape[1])
        return self._dense(column)

    def inverse(self, array: Array) -> Array:
        """Windows laid back over the series; where several cover a value, their mean (of floats; of others, the last).

        Values that no window held are not restored.

        Raises:
            TransformError: The stride leaves gaps, or these are no windows of that length.
        """
        if self.stride > self.length:
            raise TransformError(
                f"Window.inverse: a stride of {self.stride} leaves gaps between windows of {self.length}; they hold no series."
            )
        column = as_column(array, transform="Window.inverse")
        if isinstance(column, Ragged):
            series = [self._laid(windows[None])[0] for windows in column]
            values = np.concatenate([column.values[:0].reshape(0, *column.values.shape[2:]), *series])
            return Ragged(values, np.concatenate([np.zeros(1, np.int64), np.cumsum([len(s) for s in series], dtype=np.int64)]))
        return self._laid(column)

    def spec(self, spec: Spec) -> Spec:
        """(windows, length, *item); windows are None where series differ in length."""
        if not spec.shape:
            raise TransformError(_SCALARS)
        time, *item = spec.shape
        return replace(spec, shape=(None if time is None else self._windows(time), self.length, *item))

    def to_json(self) -> dict[str, Any]:
        """The arguments."""
        return {"length": self.length, "stride": self.stride}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Window:
        """The transform that `to_json` described."""
        return cls(state["length"], state["stride"])

    def _windows(self, time: int, where: str = "") -> int:
        if time < self.length:
            raise TransformError(
                f"Window({self.length}) is given a series of length {time}{where}; a window needs {self.length}. "
                f"Write Window({time}), leave the sample out, or fill it up first: Pad({self.length})."
            )
        return 1 + (time - self.length) // self.stride

    def _dense(self, series: np.ndarray) -> np.ndarray:
        views = np.lib.stride_tricks.sliding_window_view(series, self.length, axis=1)[:, :: self.stride]  # type: ignore[call-overload]
        return np.ascontiguousarray(np.moveaxis(views, -1, 2))

    def _ragged(self, column: Ragged) -> Ragged:
        lengths = column.lengths
        if len(column):
            self._windows(int(lengths.min()), f" at row {int(lengths.argmin())}")
        windows = 1 + (lengths - self.length) // self.stride
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(windows, dtype=np.int64)])
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], windows)
        begins = np.repeat(column.offsets[:-1], windows) + place * self.stride
        return Ragged(column.values[begins[:, None] + np.arange(self.length)], offsets)

    def _laid(self, windows: np.ndarray) -> np.ndarray:
        if windows.ndim < 3 or windows.shape[2] != self.length:
            raise TransformError(f"Window.inverse takes (samples, windows, {self.length}, ...); found shape {windows.shape}.")
        samples, count, _, *item = windows.shape
        time = (count - 1) * self.stride + self.length if count else 0
        mean = windows.dtype.kind == "f"
        series = np.zeros((samples, time, *item), np.float64 if mean else windows.dtype)
        covered = np.zeros((time, *[1] * len(item)))
        for window in range(count):
            span = slice(window * self.stride, window * self.stride + self.length)
            series[:, span] = series[:, span] + windows[:, window] if mean else windows[:, window]
            covered[span] += 1
        return (series / covered).astype(windows.dtype) if mean else series


_SCALARS = "Window takes series, (samples, time, ...), and these samples are scalars. Give a stream of series."
