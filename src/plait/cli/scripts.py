"""The values in scripts that the command line names: trial.py:data."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from plait.errors import ArgumentError, NameUnknownError, PlaitError, ReadError
from plait.meant import meant

__all__ = ["Scripts"]


class Scripts:
    """The scripts that the command line names, each run once."""

    def __init__(self) -> None:
        self._modules: dict[Path, ModuleType] = {}

    def value(self, reference: str) -> object:
        """What "trial.py:data" stands for.

        Raises:
            ArgumentError: It is not of that form.
            ReadError: There is no such file, or running it fails.
            NameUnknownError: The script has no such name; the message says which it has.
        """
        file, colon, name = reference.rpartition(":")
        if not colon or not file.endswith(".py") or not name.isidentifier():
            raise ArgumentError(f"{reference!r} names no value in a script. Write the file and the name: trial.py:data")
        path = Path(file).resolve()
        if path not in self._modules:
            self._modules[path] = _run(path, file)
        values = vars(self._modules[path])
        if name not in values:
            there = [n for n, v in values.items() if not n.startswith("_") and not isinstance(v, ModuleType)]
            raise NameUnknownError(f"{file} has no name {name!r}. It has {', '.join(there) or 'none'}.{meant(name, there)}")
        return values[name]


def _run(path: Path, shown: str) -> ModuleType:
    """The script as a module; what stands under `if __name__ == "__main__":` is not run."""
    if not path.is_file():
        raise ReadError(f"There is no file {shown!r} (working directory {os.getcwd()!r}).")
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_script"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be found by their module's name
    sys.path.insert(0, str(path.parent))  # as `python trial.py` would
    try:
        spec.loader.exec_module(module)
    except PlaitError as error:
        error.add_note(f"in {shown}{_line(error, path)}")
        raise
    except SystemExit as error:
        raise ReadError(
            f"{shown} ends the process by itself (status {error.code}){_line(error, path)}, before its names are there."
        ) from error
    except Exception as error:
        raise ReadError(f"{shown} raises {type(error).__name__}{_line(error, path)}: {error}") from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """Where in the script it happened, as far as it can be told."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f" in line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" in line {lines[-1]}" if lines else ""
