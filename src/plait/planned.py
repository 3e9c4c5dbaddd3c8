"""What a Loader chose to do, in words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """How a Loader makes its batches, and why so.

    Args:
        order: Which samples come when.
        batch_size: Samples a batch, on each shard.
        block: Batches that are read at once.
        threads: That read ahead; 0 where the thread that asks for a batch reads it.
        ahead: Blocks that may wait to be asked for; 0 without threads.
        why: What decided on block and threads.
        processes: That make batches, in the place of threads; 0 where none do.
        alike: Whether two threads were found to do no more than one.
    """

    order: str
    batch_size: int
    block: int
    threads: int
    ahead: int
    why: str
    processes: int = 0
    alike: bool = False

    def __str__(self) -> str:
        read = (
            f"{self.block} batches of {self.batch_size} samples at once" if self.block > 1 else f"one batch of {self.batch_size} at a time"
        )
        by = "in the thread that asks, none ahead"
        if self.threads:
            by = f"on {self.threads} thread{'s' * (self.threads > 1)}, up to {self.ahead} ahead"
        if self.processes:
            by = f"by {self.processes} process{'es' * (self.processes > 1)}, up to {self.ahead} ahead"
        return f"{self.order}; {read}, {by}: {self.why}"
