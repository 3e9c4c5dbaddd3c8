"""What tells one step from another: its arguments, or its code and what that refers to."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

__all__ = ["told"]

_MOST_DEPTH = 8


def told(fn: Callable[..., Any]) -> str:
    """A digest of a step: another one where its code, its arguments, or functions and numbers that it refers to are others.

    Not looked into: what imported packages do, and attributes of objects beyond a few levels. The same in every process of one version of
    Python.
    """
    digest = hashlib.blake2b(digest_size=16)
    for piece in _pieces(fn, ()):
        digest.update(piece + b"\0")
    return digest.hexdigest()


def _pieces(value: Any, above: tuple[int, ...]) -> Iterator[bytes]:
    yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
    if id(value) in above or len(above) > _MOST_DEPTH:
        return
    above = (*above, id(value))
    described = getattr(value, "to_json", None)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, type, np.generic, np.dtype)):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray):
        yield repr((value.dtype, value.shape)).encode()
        yield repr(value.tolist()).encode() if value.dtype.kind in "OT" else hashlib.blake2b(value.tobytes()).digest()
    elif callable(described) and not isinstance(value, FunctionType):
        yield json.dumps(described(), default=repr, sort_keys=True).encode()
    elif isinstance(value, (set, frozenset)):
        yield from sorted(b"".join(_pieces(item, above)) for item in value)
    else:
        for part in _parts(value):
            yield from _pieces(part, above)


def _parts(value: Any) -> Sequence[Any]:
    """What a compound value consists of."""
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_set(cell)]
        return [value.__code__, value.__defaults__, value.__kwdefaults__, cells, _globals(value)]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_varnames, value.co_consts]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, (list, tuple)):
        return value
    return [getattr(value, "__qualname__", None), getattr(value, "__dict__", None)]


def _is_set(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _globals(function: FunctionType) -> dict[str, Any]:
    """The functions, numbers, texts and arrays of its module that the code names."""
    found = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    return {n: v for n, v in sorted(found.items()) if isinstance(v, (FunctionType, bool, int, float, str, bytes, tuple, np.ndarray))}


def _names(code: CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, inner))
