"""Whether the names and shapes of a data set are those of a model; no value is read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from plait.contract import Contract, Port
from plait.dataset import Dataset
from plait.report import Finding, Report
from plait.spec import Spec

__all__ = ["structure"]


def structure(data: Dataset, contract: Contract, *, targets: bool = True, free: Collection[str] = ()) -> Report:
    """Compare the data set's inputs (and targets) with the model's, by name, rank and shape.

    Args:
        data: As it would be fed.
        contract: The model's inputs and outputs.
        targets: Whether targets matter; not for `predict`.
        free: Outputs whose loss may compare any shapes, as one of the user's own may.
    """
    findings = [] if contract.bare and len(data.inputs) == 1 else [*_names("input", data.inputs, contract.inputs)]
    findings += _shapes("input", data.inputs, contract)
    if targets and data.targets:
        if len(contract.outputs) > 1 or len(data.targets) > 1:
            findings += _names("target", data.targets, contract.outputs)
        compared = {name: spec for name, spec in data.targets.items() if getattr(contract.output(name), "name", None) not in free}
        findings += _shapes("target", compared, contract)
    return Report("structure", tuple(findings))


def _names(role: str, given: Mapping[str, Spec], ports: tuple[Port, ...]) -> Iterator[Finding]:
    theirs = "input" if role == "input" else "output"
    names = [port.name for port in ports]
    lacking = [name for name in names if name not in given]
    surplus = [name for name in given if name not in names]
    for name in list(lacking):
        close = difflib.get_close_matches(name, surplus, 1, 0.6)
        if close:  # a slip of the pen is one finding
            lacking.remove(name)
            surplus.remove(close[0])
            yield Finding(
                "fail",
                name,
                f"the model calls an {theirs} {name!r} and the data set a {role} {close[0]!r}",
                f"plait.Dataset({role}s={{{name!r}: ...}}), or name={close[0]!r} in the model",
                f"{role}-missing",
            )
    for name in lacking:
        yield Finding(
            "fail",
            name,
            f"the model has an {theirs} {name!r} and the data set has no {role} of that name; its {role}s are {list(given)}",
            f"plait.Dataset({role}s={{{name!r}: ...}})",
            f"{role}-missing",
        )
    for name in surplus:
        yield Finding(
            "fail",
            name,
            f"the data set has {'an' if role == 'input' else 'a'} {role} {name!r} and the model no {theirs} of that name; "
            f"its {theirs}s are {names}",
            f"leave {name!r} out of {role}s=, or call it as the model does",
            f"{role}-unknown",
        )


def _shapes(role: str, given: Mapping[str, Spec], contract: Contract) -> Iterator[Finding]:
    for name, spec in given.items():
        port = contract.input(name) if role == "input" else contract.output(name)
        if port is None or spec.text or spec.ragged or (len(given) > 1 and port.name != name):  # of another name: said already
            continue
        if not _fits(spec, port, target=role == "target"):
            yield Finding("fail", name, _message(role, name, spec, port), _remedy(role, name, spec, port), f"{role}-shape")


def _fits(spec: Spec, port: Port, *, target: bool) -> bool:
    shape = spec.shape
    if _same(shape, port.shape) or (port.shape[-1:] == (1,) and _same(shape, port.shape[:-1])):
        return True
    if not target or spec.dtype.kind not in "biu":
        return False
    codes = port.shape[:-1]  # class codes against one output a class
    return bool(port.shape) and port.shape[-1] != 1 and (_same(shape, codes) or _same(shape, (*codes, 1)))


def _same(shape: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    return len(shape) == len(other) and all(a is None or b is None or a == b for a, b in zip(shape, other, strict=True))


def _message(role: str, name: str, spec: Spec, port: Port) -> str:
    theirs = "input" if role == "input" else "output"
    return f"one sample of {role} {name!r} has shape {spec.shape} ({spec.dtype}) and the model's {theirs} {port.name!r} takes {port.shape}"


def _remedy(role: str, name: str, spec: Spec, port: Port) -> str:
    if role == "target" and len(spec.shape) == len(port.shape) - 1 and spec.dtype.kind == "f" and port.shape[-1:] != (1,):
        return f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r}) for classes, or keras.layers.Dense(1) for a number"
    if len(spec.shape) == 3 and len(port.shape) == 3 and spec.shape[2] == port.shape[2] and None not in port.shape:
        return f"data.map(plait.Resize({port.shape[:2]}), on={name!r})"
    if len(spec.shape) == len(port.shape):
        return (
            f"keras.Input({spec.shape})"
            if role == "input"
            else f"give the head the shape {spec.shape}: keras.layers.Dense({spec.shape[-1]})"
        )
    return f"data.map(lambda x: x.reshape(len(x), {', '.join(map(str, port.shape))}), on={name!r}), or change the model"
