"""What another library's data set holds, read once into columns with names and roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.elements import Elements, elements_of
from plait.errors import ArgumentError, SpecError
from plait.layout import Layout, Wanted
from plait.ragged import Array, Ragged, concatenate, take

__all__ = ["Parts", "read_parts"]

_MOST_BYTES, _MOST_ELEMENTS = 2**30, 2**20  # read of what may have no end, unless samples= says how much


@dataclass(frozen=True, eq=False)
class Parts:
    """Columns in memory, and what they are for.

    Args:
        arrays: Name -> samples first; the weight of target "grade" is "grade.weight".
        inputs: Names.
        targets: Names.
        weights: Names of the targets that have one.
        key: The keys where a part holds them, samples first.
    """

    arrays: dict[str, Array]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weights: tuple[str, ...]
    key: Array | None


def read_parts(
    existing: object,
    *,
    inputs: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    key: str | None = None,
    samples: int | None = None,
    batched: bool | None = None,
) -> Parts:
    """Read it from the beginning, in the order in which it comes.

    Args:
        existing: A `tf.data.Dataset`, keras `PyDataset`, torch `Dataset` or `DataLoader`, or an iterable of batches.
        inputs: Names of unnamed inputs, in order; or which names of a dict are inputs.
        targets: The same for targets; of one dict with everything in it, they are taken from there.
        key: Name of the part that holds the keys.
        samples: Read so many and no more.
        batched: Whether an element is a batch (true) or a sample (false); seen from its kind and shapes when left out.

    Raises:
        ArgumentError, NameUnknownError: It is nothing that can be read, is empty or has no end, or the names do not go with its parts.
        SpecError: Parts of unequal length, elements of unequal structure, values that are neither numbers nor text.
    """
    wanted = Wanted(_names("inputs", inputs), _names("targets", targets), key)
    if samples is not None and samples < 1:
        raise ArgumentError(f"samples={samples}: at least one sample has to be read.")
    elements = elements_of(existing, endless=samples is not None)
    layout, whether, pieces = _collected(elements, wanted, samples, batched, of_list=isinstance(existing, list))
    join = _joined if whether else _stacked
    columns = {name: join(parts, name, elements.label) for name, parts in pieces.items()}
    if samples is not None and whether:
        columns = {name: take(column, np.arange(min(samples, len(column)))) for name, column in columns.items()}
    keys = None if key is None else columns.pop(key)
    return Parts(columns, layout.inputs, layout.targets, layout.weights, keys)


def _names(role: str, given: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(given, str):
        raise ArgumentError(f"{role}={given!r}: a list of names is needed: {role}=[{given!r}].")
    return None if given is None else tuple(given)


def _collected(
    elements: Elements, wanted: Wanted, samples: int | None, batched: bool | None, *, of_list: bool
) -> tuple[Layout, bool, dict[str, list[Array]]]:
    """The arrays of all elements by name, and whether they are batches."""
    whether = elements.batched if batched is None else batched
    layout: Layout | None = None
    pieces: dict[str, list[Array]] = {}
    read = size = 0
    for number, element in enumerate(_noted(elements)):
        if layout is None:
            layout = Layout.of(element, wanted, elements.label, ask=elements.label.startswith("torch"))
            if of_list and () in layout.paths.values():
                raise ArgumentError(
                    "A list of arrays may be batches, or the parts of one. Write [(x,), (x,), ...] for batches, and for parts "
                    "plait.Arrays(x=x, y=y)."
                )
            pieces = {name: [] for name in layout.paths}
        arrays = layout.arrays(element, number, elements.label)
        whether = _are_batches(arrays, elements.label) if whether is None else whether
        read += _length(arrays, number, elements.label) if whether else 1
        for name, array in arrays.items():
            pieces[name].append(array)
            size += array.nbytes
        if samples is not None and read >= samples:
            break
        if samples is None and not elements.ends and (size > _MOST_BYTES or number >= _MOST_ELEMENTS):
            raise ArgumentError(
                f"{elements.label} has not ended after {read} samples ({size / 2**20:.0f} MiB), and perhaps never does. Say how many "
                "samples to read: samples=10000."
            )
    if layout is None or not read:
        raise ArgumentError(f"{elements.label} holds no samples. A generator that was read before is empty: make a new one.")
    return layout, bool(whether), pieces


def _noted(elements: Elements) -> Iterator[Any]:
    number = 0
    try:
        for number, value in enumerate(elements.values):  # noqa: B007 - named when the next one fails
            yield value._asdict() if hasattr(value, "_asdict") else value  # a named tuple
    except Exception as error:
        error.add_note(f"while reading {elements.label}, after element {number}")
        raise


def _are_batches(arrays: Mapping[str, Array], label: str) -> bool:
    if any(isinstance(a, np.ndarray) and a.ndim == 0 for a in arrays.values()) or len({len(a) for a in arrays.values()}) > 1:
        return False
    length = len(next(iter(arrays.values())))
    raise ArgumentError(
        f"{label}: every part begins with an axis of {length}. Say what that is: batched=True for batches of {length} samples, "
        "batched=False for samples of that shape."
    )


def _length(arrays: Mapping[str, Array], number: int, label: str) -> int:
    single = [name for name, array in arrays.items() if isinstance(array, np.ndarray) and array.ndim == 0]
    if single:
        raise SpecError(
            f"{label}: {single[0]!r} of element {number} is a single value, not a batch. If every element is one sample, pass "
            "batched=False."
        )
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {count}" for name, count in lengths.items())
        raise SpecError(
            f"{label}: the parts of batch {number} have unequal numbers of samples: {listed}. Each sample needs all of them; if every "
            "element is one sample, pass batched=False."
        )
    return next(iter(lengths.values()))


def _stacked(samples: Sequence[Array], name: str, label: str) -> Array:
    """Samples one behind the other; ragged where they differ in length."""
    dense = [s for s in samples if isinstance(s, np.ndarray)]
    _check_kinds(dense, name, label)
    if len(dense) == len(samples):
        if len({s.shape for s in dense}) == 1:
            return np.stack(dense)
        if all(s.ndim for s in dense) and len({s.shape[1:] for s in dense}) == 1:
            return Ragged.of(dense)
    raise _unequal(samples, name, label, "samples")


def _joined(batches: Sequence[Array], name: str, label: str) -> Array:
    """Batches one behind the other; ragged where they differ in the length of their samples."""
    dense = [b for b in batches if isinstance(b, np.ndarray)]
    _check_kinds([b if isinstance(b, np.ndarray) else b.values for b in batches], name, label)
    if len(dense) == len(batches) and len({b.shape[1:] for b in dense}) == 1:
        return concatenate(dense)
    if all(b.ndim > 1 for b in dense):
        rows = [b if isinstance(b, Ragged) else _rows(b) for b in batches]
        if len({r.values.shape[1:] for r in rows}) == 1:
            return concatenate(rows)
    raise _unequal(batches, name, label, "batches")


def _rows(batch: np.ndarray) -> Ragged:
    samples, length = batch.shape[:2]
    return Ragged(batch.reshape(samples * length, *batch.shape[2:]), np.arange(samples + 1, dtype=np.int64) * length)


def _check_kinds(arrays: Sequence[np.ndarray], name: str, label: str) -> None:
    if len({array.dtype.kind == "T" for array in arrays}) > 1:
        raise SpecError(f"{label}: {name!r} is text in some elements and numbers in others. Make it one of them.")


def _unequal(arrays: Sequence[Array], name: str, label: str, what: str) -> SpecError:
    shapes = list(dict.fromkeys(str(a.shape) if isinstance(a, np.ndarray) else "ragged" for a in arrays))[:4]
    return SpecError(
        f"{label}: {what} of {name!r} have the shapes {', '.join(shapes)}. Samples may differ in the length of their first axis only; "
        "resize or pad them before."
    )
