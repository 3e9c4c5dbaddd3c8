"""The public names of plait, as tests look at them."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import plait

# Public names that Keras comes with: tested in the suites that have a backend.
WITH_KERAS = frozenset({"Feed", "Loader", "Resume", "bench", "check", "show"})


def home() -> dict[str, str]:
    """Public name -> the module that defines it."""
    return dict(plait._HOME)


def typed() -> dict[str, str]:
    """Public name -> the module that type checkers and editors see it imported from."""
    tree = ast.parse(Path(plait.__file__).read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and isinstance(n.test, ast.Name) and n.test.id == "TYPE_CHECKING")
    imports = [n for n in block.body if isinstance(n, ast.ImportFrom)]
    return {alias.asname or alias.name: str(n.module) for n in imports for alias in n.names}


def members(package: str) -> Iterator[tuple[str, type]]:
    """Every (name, class) that the modules of a package list in `__all__` and define."""
    for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        loaded = import_module(module.name)
        for name in loaded.__all__:
            value = getattr(loaded, name)
            if inspect.isclass(value) and value.__module__ == module.name:
                yield name, value


def undocumented(value: object, name: str) -> list[str]:
    """The names without a docstring among this and, of a class, its public methods and properties."""
    parts = [(name, value)]
    if inspect.isclass(value):
        parts += [
            (f"{name}.{part}", member)
            for part, member in inspect.getmembers(value)
            if not part.startswith("_") and (callable(member) or isinstance(member, property)) and _ours(member)
        ]
    return [label for label, part in parts if not inspect.getdoc(part)]


def _ours(member: object) -> bool:
    function = member.fget if isinstance(member, property) else member
    return str(getattr(function, "__module__", "")).startswith("plait")
