"""Ancestral sampling: every variable after its parents, a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.spec import Spec
from plait.synth.nodes import Fitted, Function, Node, checked

__all__ = ["Ancestral", "ordered"]

_PROBE = 7  # rows drawn when a graph is declared, to see what its variables are
_MOST = 2**15  # rows of a block
_CACHE, _LARGE = 2**20, 2**24  # bytes of a block: what stays in the processor's cache; what large rows may take
_SOME, _FEW = 4096, 16  # rows of a block at least: of small rows, and of any


class Ancestral:
    """The nodes of a graph in the order in which they are drawn. Drawing a block is a pure function of (seed, block, given).

    Args:
        nodes: In order: each after its parents.

    Raises:
        SpecError, or what a function raises: A variable cannot be drawn.

    Attributes:
        specs: variable -> what one row of it is.
        rows: Rows of a block: as many as stay in the processor's cache, at least 4096 where rows are small. What they are
            depends on the graph alone.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self.specs: dict[str, Spec] = {}
        values = self._drawn(_PROBE, seed=0, block=0, given={})
        for node in self.nodes:
            _check_repeats(node, values)
        self.specs = {name: Spec.of(array) for name, array in values.items()}
        rows = _rows(sum(math.prod(s.shape) * s.dtype.itemsize for s in self.specs.values()))  # type: ignore[arg-type]
        self.rows = min(rows, _SOME) if any(isinstance(node, Fitted) for node in nodes) else rows  # those take longer a row

    def block(self, number: int, *, seed: int, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every variable of one block, read-only: name -> (rows, *shape).

        Args:
            number: Of the block, from 0.
            seed: Of the stream.
            given: variable -> (rows, *shape) values that it is set to, whatever its parents are.
        """
        return self._drawn(self.rows, seed=seed, block=number, given=given)

    def blocks(self, n: int, *, seed: int, given: Mapping[str, np.ndarray]) -> Iterator[tuple[int, int, dict[str, np.ndarray]]]:
        """(first row, row after the last, every variable of a block) of the blocks that hold rows 0 to n - 1; of the last, some more.

        Args:
            n: Rows.
            seed: Of the stream.
            given: variable -> (n, *shape).
        """
        for number, start in enumerate(range(0, n, self.rows)):
            stop = min(start + self.rows, n)
            here = {name: _filled(values[start:stop], self.rows) for name, values in given.items()}
            yield start, stop, self.block(number, seed=seed, given=here)

    def _drawn(self, n: int, *, seed: int, block: int, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        known: dict[str, np.ndarray] = {name: checked(name, values, n, self.specs.get(name)) for name, values in given.items()}
        specs = self.specs
        for node in self.nodes:
            if all(name in given for name in node.names):
                continue
            for name, value in zip(node.names, node.draw(known, n, seed=seed, block=block), strict=True):
                if name not in given:
                    known[name] = checked(name, value, n, specs.get(name))
        return known


def ordered(nodes: Sequence[Node]) -> list[Node]:
    """The nodes, each after its parents, else as they were written.

    Raises:
        ArgumentError: Some are their own ancestors; the message shows the circle.
    """
    left, drawn, out = list(nodes), set[str](), []
    while left:
        ready = next((node for node in left if drawn.issuperset(node.parents)), None)
        if ready is None:
            circle = _circle(left)
            raise ArgumentError(
                f"The variables go round in a circle: {' -> '.join(circle)}. A variable cannot be drawn before its parents: take one of "
                "these parameters out, or make what both share a variable of its own, without a role."
            )
        left.remove(ready)
        out.append(ready)
        drawn.update(ready.names)
    return out


def _circle(nodes: Sequence[Node]) -> list[str]:
    of = {name: node for node in nodes for name in node.names}
    path = [nodes[0].names[0]]
    while True:
        parent = next(p for p in of[path[-1]].parents if p in of)
        if parent in path:
            return [parent, *reversed(path[path.index(parent) :])]
        path.append(parent)


def _check_repeats(node: Node, values: Mapping[str, np.ndarray]) -> None:
    """Raise where a function gives something else the second time."""
    if not isinstance(node, Function):
        return
    name = node.names[0]
    again = checked(name, node.draw(values, _PROBE, seed=0, block=0)[0], _PROBE, None)
    same = np.allclose if again.dtype.kind == "f" else np.array_equal
    if again.shape != values[name].shape or not same(again, values[name]):
        raise SpecError(
            f"Variable {name!r} is something else each time it is drawn, so no seed decides it. Draw from rng, lambda rng, n: "
            "rng.random(n), not from np.random, random or the clock."
        )


def _rows(size: int) -> int:
    """Rows of a block whose rows have so many bytes: a power of two."""
    small, large = (2 ** max(0, int(math.log2(most / max(1, size)))) if size < most else 1 for most in (_CACHE, _LARGE))
    return max(min(small, _MOST), min(large, _SOME), _FEW)


def _filled(values: np.ndarray, rows: int) -> np.ndarray:
    """As many rows: those of the last block come round again."""
    return values if len(values) == rows else np.take(values, np.arange(rows) % len(values), axis=0)


def empty_like(example: np.ndarray, rows: int) -> Any:
    """Room for so many rows in the order of memory that the example has."""
    columns = example.ndim == 2 and example.flags.f_contiguous and not example.flags.c_contiguous
    return np.empty((rows, *example.shape[1:]), example.dtype, order="F" if columns else "C")
