"""What a trainer and its worker processes say to each other: a line of numbers each way, arrays through shared memory."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from plait.workers.shared import ALIGNED

__all__ = ["ALL", "ANSWER", "ASK", "DONE", "FAILED", "LARGER", "OUT_OF_MEMORY", "READY", "SAME", "arrange", "fill", "view"]

ASK = struct.Struct("<QqqqqQQQQ")  # job; first step, end; one sample, stream or ALL; offset and size of a segment, start and size of a slot
ANSWER = struct.Struct("<QBIf")  # job; kind; bytes that follow; seconds that it took
ALL = -1
OUT_OF_MEMORY = 75  # exit status
READY, DONE, SAME, LARGER, FAILED = range(5)  # kinds: it can begin; here, laid out as follows; as before; needs so many bytes; an error

Place = tuple[str, np.dtype, tuple[int, ...], int]  # name, dtype, shape, offset
Layout = list[tuple[type, list[Any]]]  # of each batch its type, and of each field a list of places or the pickle of what it holds


def arrange(batches: Sequence[tuple[Any, ...]]) -> tuple[Layout, list[np.ndarray], int]:
    """Where each array of these batches goes, the arrays, and how many bytes they take.

    Fields that are a dict of numeric arrays go into shared memory; any other field by pickle.
    """
    end, layout, arrays = 0, [], []
    for batch in batches:
        fields: list[Any] = []
        for field in batch:
            if type(field) is dict and all(
                isinstance(a, np.ndarray) and not a.dtype.hasobject and a.dtype.kind != "T" for a in field.values()
            ):
                places: list[Place] = []
                for name, array in field.items():
                    places.append((name, array.dtype, array.shape, end))
                    arrays.append(array)
                    end += -(-array.nbytes // ALIGNED) * ALIGNED
                fields.append(places)
            else:
                fields.append(pickle.dumps(field, protocol=5))
        layout.append((type(batch), fields))
    return layout, arrays, end


def fill(memory: Any, start: int, layout: Layout, arrays: Sequence[np.ndarray]) -> None:
    """Copy the arrays to their places."""
    at = iter(arrays)
    for _, fields in layout:
        for places in fields:
            if type(places) is list:
                for _, dtype, shape, offset in places:
                    np.ndarray(shape, dtype, memory, start + offset)[...] = next(at)


def view(owner: np.ndarray, layout: Layout) -> list[Any]:
    """The batches, their arrays views of `owner`."""
    return [
        kind(
            *(
                {name: np.ndarray(shape, dtype, owner, offset) for name, dtype, shape, offset in field}
                if type(field) is list
                else pickle.loads(field)
                for field in fields
            )
        )
        for kind, fields in layout
    ]
