"""A shuffled order for data that are read from a disk: blocks of neighbours in random order, mixed some blocks at a time."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from plait.draws import seed_of
from plait.order import Order, Pick, Picks, Remainder, permuted

__all__ = ["Windowed", "window_of"]

_BLOCK_BYTES, _WINDOW_BYTES = 2**22, 2**26
_MOST_BLOCK, _MOST_WINDOW, _FEWEST_BLOCKS = 2**13, 2**16, 16  # samples, samples, blocks of a window


def window_of(sample: int, whole: int) -> tuple[int, int]:
    """Samples of a block and of a window; the window is a number of batches. A function of these two sizes alone, on every machine.

    Args:
        sample: Bytes of one.
        whole: Samples of a global batch.
    """
    block = min(_MOST_BLOCK, max(1, _BLOCK_BYTES // max(1, sample)))
    block = 1 << (block.bit_length() - 1)
    window = max(_FEWEST_BLOCKS * block, min(_MOST_WINDOW, _WINDOW_BYTES // max(1, sample)))
    return block, max(1, window // whole) * whole


class Windowed(Order):
    """Every sample once a pass. Neighbours in the data come in one window, in random order.

    The data are cut into blocks of neighbours, at another place in each pass; the blocks are put in random order, the last one, which may
    be smaller, at the end; and the samples of each window of that order are shuffled. Any batch is computed in O(1) memory.

    Args:
        block: Samples of a block.
        window: Samples that are mixed.
    """

    def __init__(
        self, samples: int, batch_size: int, remainder: Remainder, shard: tuple[int, int], seed: int, *, block: int, window: int
    ) -> None:
        super().__init__(batch_size, remainder, shard)
        self.samples, self.seed, self.block, self.window = samples, seed, block, window

    @property
    def words(self) -> str:  # type: ignore[override]
        """Which samples come."""
        return f"every sample once an epoch, in blocks of {self.block} neighbours, mixed {self.window} at a time"

    @property
    def per_pass(self) -> int:
        """Batches of one pass over the data."""
        return self._batches_of(self.samples)

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        found = []
        for step in steps:
            number, within = divmod(step, self.per_pass)
            positions, real = self._own(within * self.whole, self.samples)
            found.append(Pick(self._rows(positions, number), real, number))
        return found

    def together(self, steps: range) -> Picks:
        """The samples of these batches, computed at once where they are of one pass."""
        number, first = divmod(steps[0], self.per_pass)
        last = first + len(steps)
        run = self._run(first * self.whole, last * self.whole, self.samples) if last <= self.per_pass else None
        return super().together(steps) if run is None else Picks(self._rows(run[0], number), run[1], run[2], number)

    def _rows(self, positions: np.ndarray, number: int) -> np.ndarray:
        """Where the samples at these positions of a pass lie."""
        seed, samples, whole = int(seed_of(self.seed, 7, number)), self.samples, self.samples // self.block
        mixed = np.empty_like(positions)
        windows = positions // self.window
        for window in np.unique(windows).tolist():
            chosen, begin = windows == window, window * self.window
            size = min(self.window, samples - begin)
            mixed[chosen] = begin + _mixed(size, int(seed_of(seed, 1, window)))[positions[chosen] - begin]
        blocks, place = np.unique(mixed // self.block, return_inverse=True)
        moved = blocks.copy()
        moved[blocks < whole] = permuted(blocks[blocks < whole], whole, int(seed_of(seed, 2)))
        turned = int(seed_of(seed, 3)) % samples
        return ((moved * self.block)[place] + mixed % self.block + turned) % samples


@functools.lru_cache(4)
def _mixed(size: int, seed: int) -> np.ndarray:
    """A window's order; the next batches are of the same one."""
    order = permuted(np.arange(size, dtype=np.int64), size, seed)
    order.flags.writeable = False
    return order
