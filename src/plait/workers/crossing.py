"""Take a function and its data to another process: large arrays as shared memory or as path and offset, the rest by pickle."""

from __future__ import annotations

import dis
import importlib.machinery
import io
import itertools
import marshal
import mmap
import os
import pickle
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from plait.workers import rebuilding
from plait.workers.shared import ALIGNED

__all__ = ["Parcel", "pack"]

_SMALL = 4096  # bytes; arrays below are pickled
_PROBE = 4096  # bytes compared at both ends of a mapped file
_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_OWN = {"__dict__", "__weakref__", "_abc_impl", "__module__", "__qualname__", "__slots__", "__doc__", "__annotations__"}


class Parcel(pickle.Pickler):
    """A pickler for a process of the same program on the same machine.

    Functions and classes that the other process cannot import, because they stand in a script, a notebook or another function, go by
    value, with the globals that they use; so lambdas go too and the script is not run again.

    Args:
        file: Where the pickle is written.
        number: Of the file that large arrays are written to, one after the other.
    """

    def __init__(self, file: Any, number: int) -> None:
        super().__init__(file, protocol=5)
        self._number, self._end = number, 0
        self._written: dict[int, tuple[np.ndarray, int]] = {}  # id -> the array, kept alive, and its offset in the file
        self._found: dict[str, bool] = {}  # module -> whether the other process can import it

    @property
    def size(self) -> int:
        """Bytes of arrays that were written."""
        return self._end

    def reducer_override(self, value: Any) -> Any:
        """How a value goes where pickle's own way will not do."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, FunctionType):
            return self._by_name(value) if self._importable(value) else self._function(value)
        if isinstance(value, type):
            made_of_python = value.__flags__ & _HEAP and value.__module__ != "builtins"
            return NotImplemented if not made_of_python or self._importable(value) else self._class(value)
        if isinstance(value, ModuleType):
            return importlib.import_module, (value.__name__,)
        _check_no_network(value)
        return rebuilding.simple(value)

    def _by_name(self, function: FunctionType) -> Any:
        for name in _used(function.__code__) & function.__globals__.keys():
            _check_no_network(function.__globals__[name])  # the module would build it again in every process
        return NotImplemented

    def _array(self, array: np.ndarray) -> Any:
        if type(array) not in (np.ndarray, np.memmap) or array.nbytes < _SMALL or array.dtype.hasobject or array.dtype.kind == "T":
            return NotImplemented
        root = _root(array)
        mapped = _mapped(array, root)
        if mapped is not None:
            return rebuilding.mapped, mapped
        whole = root if root.nbytes <= 4 * array.nbytes and root.flags.forc else np.ascontiguousarray(array)
        begin = self._write(whole)
        array = array if whole is root else whole
        place = begin + _address(array) - _address(whole)
        return rebuilding.shared, (place, array.shape, array.dtype, array.strides, array.flags.writeable)

    def _write(self, array: np.ndarray) -> int:
        """Offset of the array in the file, written there once."""
        if id(array) not in self._written:
            begin = -(-self._end // ALIGNED) * ALIGNED
            data = array.ravel(order="K").view(np.uint8).data
            done = 0
            while done < len(data):
                done += os.pwrite(self._number, data[done : done + 2**30], begin + done)
            self._written[id(array)] = (array, begin)
            self._end = begin + len(data)
        return self._written[id(array)][1]

    def _importable(self, value: Any) -> bool:
        """Whether the other process finds this very object by module and name."""
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if module is None or module == "__main__" or "<locals>" in name or module not in sys.modules:
            return module == "builtins"
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value:
            return False
        if module not in self._found:
            self._found[module] = _can_import(module)
        return self._found[module]

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        names = set(_names(code))
        used = {name: function.__globals__[name] for name in sorted(_used(code) & function.__globals__.keys())}
        below = [
            f"{value.__name__}.{name}"
            for value in used.values()
            if isinstance(value, ModuleType)
            for name in sorted(names)
            if f"{value.__name__}.{name}" in sys.modules
        ]
        cells = [rebuilding.contents(cell) for cell in function.__closure__ or ()]
        state = (used, below, cells, function.__defaults__, function.__kwdefaults__, function.__dict__, function.__qualname__)
        made = marshal.dumps(code), function.__module__, function.__name__, len(cells)
        return rebuilding.function, made, state, None, None, rebuilding.fill_function

    def _class(self, cls: type) -> Any:
        slots = cls.__dict__.get("__slots__")
        hidden = {slots} if isinstance(slots, str) else set(slots or ())
        state = {name: value for name, value in cls.__dict__.items() if name not in _OWN | hidden}
        given = {name: cls.__dict__[name] for name in ("__module__", "__qualname__", "__slots__", "__doc__") if name in cls.__dict__}
        return rebuilding.plain_class, (type(cls), cls.__name__, cls.__bases__, given), state, None, None, rebuilding.fill_class


def pack(value: Any, number: int) -> bytes:
    """The pickle of a value, its large arrays written to the file of that number.

    Raises:
        Exception: Whatever pickle says of what cannot go.
    """
    file = io.BytesIO()
    Parcel(file, number).dump(value)
    return file.getvalue()


def _check_no_network(value: Any) -> None:
    """Raise for a Keras model or layer: a copy of it in another process is slow to load and does not follow the training of this one."""
    kinds = [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__]
    if ("keras", "Layer") in kinds:
        what = "model" if ("keras", "Model") in kinds else "layer"
        raise TypeError(
            f"it refers to the Keras {what} {getattr(value, 'name', '?')!r}; a copy of it in every process would take seconds to load, "
            "perhaps memory of the GPU, and not follow its training"
        )


def _root(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _mapped(array: np.ndarray, root: np.ndarray) -> tuple[Any, ...] | None:
    """Path, offset and layout, where an array is that part of a file and the file is still what is mapped."""
    if not isinstance(root, np.memmap) or not isinstance(root.base, mmap.mmap) or root.mode == "c" or root.filename is None:
        return None
    path, begin = os.path.abspath(os.fspath(root.filename)), root.offset + _address(array) - _address(root)
    try:
        with open(path, "rb") as file:
            skipped = root.offset % mmap.ALLOCATIONGRANULARITY
            for at in (0, max(0, root.nbytes - _PROBE)):
                file.seek(root.offset + at)
                size = min(_PROBE, root.nbytes - at)
                if file.read(size) != root.base[skipped + at : skipped + at + size]:
                    return None
    except OSError:
        return None
    low = min(0, sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True) if step < 0))
    return path, begin, array.shape, array.dtype, array.strides, -low


def _can_import(module: str) -> bool:
    """Whether a new process with this one's `sys.path` gets the same module under this name."""
    path = None
    names = list(itertools.accumulate(module.split("."), lambda above, name: f"{above}.{name}"))
    for name in names:
        loaded = sys.modules.get(name)
        found = next((spec for finder in sys.meta_path if (spec := _find(finder, name, path)) is not None), None)
        if loaded is None or found is None:
            return False
        here, there = getattr(loaded, "__file__", None), found.origin
        if here is None or there is None or there in ("built-in", "frozen"):
            same = True
        else:
            same = os.path.exists(there) and os.path.samefile(here, there)
        if not same:
            return False
        path = getattr(loaded, "__path__", None)
    return True


def _find(finder: Any, name: str, path: Any) -> importlib.machinery.ModuleSpec | None:
    try:
        return finder.find_spec(name, path)
    except Exception:  # a finder of somebody else's
        return None


def _used(code: CodeType) -> set[str]:
    """Names of globals that a function uses, those of the functions in it too."""
    own = {one.argval for one in dis.get_instructions(code) if one.opname.endswith(("_GLOBAL", "_NAME"))}
    return own.union(*(_used(part) for part in code.co_consts if isinstance(part, CodeType)))


def _names(code: CodeType) -> list[str]:
    """All names that it looks up, of attributes too."""
    return [*code.co_names, *(name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part))]
