"""How many batches are read at once: several where that costs less and takes no long time."""

from __future__ import annotations

import math
from collections.abc import Iterator

from plait.dataset import Dataset
from plait.feeder import Feeder
from plait.order import Order
from plait.windows import Windowed

__all__ = ["Blocks"]

_ROWS, _BYTES = 8192, 2**22  # samples, and bytes of them, read at once from memory and handed out as views
_SENT = 2**21  # bytes of small batches that a process is asked for at once
_COPIED = 2**19  # bytes of an array from which on another copy costs more than to read each batch by itself


class Blocks:
    """The batches of an epoch in parts that are read at once; how large these are may change while it is fed.

    Args:
        data: What is read.
        order: Which samples form which batch.
        feeder: By what batches are made.
        varying: Whether batches differ in their shapes, so that each is read by itself.
    """

    def __init__(self, data: Dataset, order: Order, feeder: Feeder, *, varying: bool) -> None:
        self._feeder, self._varying = feeder, varying
        sources = [data.storage(name).source for name in data.spec]
        sizes = [min(4, spec.dtype.itemsize) * math.prod(n or 0 for n in spec.shape) for spec in data.spec.values()]  # bytes, as fed
        self._small = _SENT // max(1, sum(sizes) * order.batch_size)
        self._held = all(source.in_memory or source.mapped_bytes for source in sources)
        self._drawn, self._stepped = bool(data.block), bool(data.steps)
        self._windowed = isinstance(order, Windowed)
        if isinstance(order, Windowed):
            self._most = order.window // order.whole
        elif data.block:
            self._most = max(1, data.block // order.batch_size)
        elif max(sizes) * order.batch_size >= _COPIED and any(size * order.batch_size % 64 for size in sizes):
            self._most = 1  # a batch that began in the middle of a line of the processor's cache would be copied by JAX
        else:
            self._most = max(1, min(_ROWS, _BYTES // max(1, sum(sizes))) // order.batch_size)

    @property
    def size(self) -> int:
        """Batches that are read at once, at most."""
        if self._varying:
            return 1
        choice = self._feeder.choice
        if not self._held:
            return max(1, min(self._small, self._feeder.at_once)) if choice.processes else 1
        if self._drawn or (self._windowed and not choice.processes):
            return self._most
        if self._stepped and choice.most is None:  # nobody knows yet how long the steps take
            return min(self._most, self._feeder.at_once)
        return self._most if choice.most is None else min(self._most, choice.most)

    def cut(self, start: int, stop: int) -> Iterator[range]:
        """These batches in parts, cut at multiples, since data are drawn in blocks; others begin with one batch, to be there soon."""
        begin, end = start, start if self._drawn else start + 1
        while begin < stop:
            if end > begin:
                yield range(begin, end)
            each = self.size
            begin, end = end, min(stop, (end // each + 1) * each)
