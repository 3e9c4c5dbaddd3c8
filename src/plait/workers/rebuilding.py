"""Make again, in a worker process, what `crossing` took apart."""

from __future__ import annotations

import builtins
import dataclasses
import functools
import importlib
import marshal
import mmap
import os
import sys
import types
from types import CellType, FunctionType, MappingProxyType
from typing import Any

import numpy as np

__all__ = ["contents", "fill_class", "fill_function", "function", "mapped", "plain_class", "proxy", "share", "shared", "simple"]

_EMPTY = "<a cell without contents>"
_memory: mmap.mmap | None = None  # the arrays of the description, in a worker


def share(number: int) -> None:
    """Say where the arrays lie; before anything is unpickled. Nothing that is written to them is seen by another process."""
    global _memory  # noqa: PLW0603
    size = os.fstat(number).st_size
    _memory = mmap.mmap(number, size, access=mmap.ACCESS_COPY) if size else None


def shared(place: int, shape: tuple[int, ...], dtype: np.dtype, strides: tuple[int, ...], writeable: bool) -> np.ndarray:
    """An array at its place in the shared memory."""
    array = np.ndarray(shape, dtype, _memory, place, strides)
    array.flags.writeable = writeable
    return array


def mapped(path: str, begin: int, shape: tuple[int, ...], dtype: np.dtype, strides: tuple[int, ...], before: int) -> np.ndarray:
    """An array that is part of a file, read only; `before` says how far strides reach back."""
    whole = np.memmap(path, np.uint8, "r")
    size = before + sum((n - 1) * step for n, step in zip(shape, strides, strict=True) if step > 0) + dtype.itemsize
    part = whole[begin - before : begin - before + size]
    return np.ndarray(shape, dtype, part, before, strides)


def simple(value: Any) -> Any:
    """How pickle takes apart a few kinds of objects that it does not know, all of them parts of classes; NotImplemented for others."""
    if isinstance(value, MappingProxyType):
        return proxy, (dict(value),)
    if isinstance(value, (staticmethod, classmethod)):
        return type(value), (value.__func__,)
    if type(value) is property:
        return property, (value.fget, value.fset, value.fdel, value.__doc__)
    if type(value) is functools.cached_property:
        return functools.cached_property, (value.func,)
    if type(value).__module__ == "dataclasses":
        name = next((name for name, known in vars(dataclasses).items() if known is value), None)
        return NotImplemented if name is None else (getattr, (dataclasses, name))
    return NotImplemented


def proxy(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """The type has no name that pickle finds."""
    return MappingProxyType(values)


def contents(cell: CellType) -> Any:
    """What a cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def function(code: bytes, module: str, name: str, cells: int) -> FunctionType:
    """A function without defaults, its cells empty."""
    return FunctionType(marshal.loads(code), _namespace(module), name, None, tuple(CellType() for _ in range(cells)))


def fill_function(made: FunctionType, state: tuple[Any, ...]) -> None:
    """Give it the rest: globals, modules below them, cells, defaults."""
    used, below, cells, defaults, keyword_defaults, attributes, made.__qualname__ = state
    made.__globals__.update(used)
    for name in below:
        importlib.import_module(name)
    for cell, value in zip(made.__closure__ or (), cells, strict=True):
        if not (isinstance(value, str) and value == _EMPTY):
            cell.cell_contents = value
    made.__defaults__, made.__kwdefaults__ = defaults, keyword_defaults
    made.__dict__.update(attributes)


def plain_class(metaclass: type, name: str, bases: tuple[type, ...], given: dict[str, Any]) -> type:
    """A class without its attributes."""
    made = types.new_class(name, bases, {"metaclass": metaclass}, lambda space: space.update(given))
    if given.get("__module__") == "__main__":
        vars(sys.modules["__main__"]).setdefault(name, made)  # so that its instances, an exception say, find back
    return made


def fill_class(made: type, state: dict[str, Any]) -> None:
    """Give it its attributes."""
    for name, value in state.items():
        setattr(made, name, value)
        if isinstance(value, functools.cached_property):
            value.__set_name__(made, name)


@functools.cache
def _namespace(module: str) -> dict[str, Any]:
    """The globals of functions that stood in a module: one dict for all of them, as there."""
    return vars(sys.modules["__main__"]) if module == "__main__" else {"__name__": module, "__builtins__": builtins}
