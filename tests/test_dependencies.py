"""What plait depends on: little, pinned, permissive; and every extra that an error names is one that exists."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata

import pytest
from documents import ROOT, SOURCES
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# TensorFlow is tested by its CPU build, in dev
USERS = ("images", "tables", "sql", "text", "hdf5", "remote", "fast", "synth", "vine", "jax", "torch", "demo")


def test_the_core_is_numpy_and_keras():
    assert sorted(Requirement(line).name for line in PROJECT["dependencies"]) == ["keras", "numpy"]


def test_an_error_names_an_extra_that_exists():
    named = {extra for path in SOURCES.rglob("*.py") for extra in _named_extras(path.read_text(encoding="utf-8"))}
    assert named
    assert named <= EXTRAS.keys()


@pytest.mark.parametrize("extra", ["dev", *USERS])
def test_every_package_is_pinned_to_the_version_that_is_tested(extra):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if "==" in line)}
    needed = _needed([*PROJECT["dependencies"], *EXTRAS[extra]])
    needed = {name for name in needed if not name.startswith(("cuda-", "nvidia-", "triton"))}  # PyTorch pins its own where there is a GPU
    installed = {name: metadata.version(name).partition("+")[0] for name in needed}
    assert installed == {name: pins.get(name) for name in installed}


def test_no_dependency_of_users_is_copyleft():
    needed = _needed([*PROJECT["dependencies"], *(line for extra in USERS for line in EXTRAS[extra])])
    assert len(needed) > 20
    copyleft = {name: licence for name in needed if re.search(r"GPL|General Public", licence := _licence(name))}
    assert copyleft == {}
    # Weak, by file, and not part of plait: behind `text` (huggingface_hub) only.
    assert {name for name in needed if "MPL" in _licence(name)} <= {"certifi", "tqdm"}


def _named_extras(source: str) -> list[str]:
    """The `extra=` of every call of `require`, where it is a literal."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    words = [word for call in calls if isinstance(call.func, ast.Name) and call.func.id == "require" for word in call.keywords]
    return [str(word.value.value) for word in words if word.arg == "extra" and isinstance(word.value, ast.Constant)]


def _needed(lines: list[str]) -> set[str]:
    """Everything installed that these requirements need, and what that needs in turn."""
    found: set[str] = set()
    waiting = [(Requirement(line), "") for line in lines]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "plait":
            waiting += [(Requirement(line), "") for part in requirement.extras for line in EXTRAS[part]]
        elif name not in found:
            found.add(name)
            parts = ["", *sorted(requirement.extras)]
            waiting += [(Requirement(line), part) for line in metadata.requires(name) or [] for part in parts]
    return found


def _licence(name: str) -> str:
    """What the package says of its licence: the expression, else the classifiers and the first line of the text."""
    about = metadata.metadata(name)
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    text = (about.get("License") or "").strip()
    return about.get("License-Expression") or " ".join([*classifiers, *text.splitlines()[:1]])
