"""What of a data set does not change from epoch to epoch, and where it is kept once it has been computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plait.columns import Column
from plait.steps import Step

__all__ = ["Held", "settled"]


@dataclass(frozen=True, eq=False)
class Held:
    """Streams of a data set that are read as they are after some of its steps.

    Args:
        columns: name -> where the samples of a stream lie after those steps.
        steps: Their numbers among the steps of the data set.
    """

    columns: Mapping[str, Column]
    steps: frozenset[int]


def settled(steps: Sequence[Step], random: Iterable[str]) -> tuple[frozenset[int], set[str]]:
    """The numbers of the steps before which nothing random has touched their streams, and the streams of those steps.

    Args:
        steps: Of a data set.
        random: Streams that are random before any step.
    """
    touched, numbers, names = set(random), set(), set()
    for number, step in enumerate(steps):
        if step.random or touched & set(step.on):
            touched |= set(step.on)
        else:
            numbers.add(number)
            names |= set(step.on)
    return frozenset(numbers), names
