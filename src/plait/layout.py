"""Which part of what a data set yields is which input, target or weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plait.elements import as_array
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.meant import meant
from plait.ragged import Array

__all__ = ["Layout", "Wanted"]

Path = tuple[Any, ...]  # how to get at a part: a position or a name for each container around it


@dataclass(frozen=True)
class Wanted:
    """What the user says about the parts.

    Args:
        inputs: Names of unnamed inputs in order, or which names of a dict are inputs; None for all of them.
        targets: The same for targets.
        key: Name of the part that holds the keys.
    """

    inputs: tuple[str, ...] | None
    targets: tuple[str, ...] | None
    key: str | None


@dataclass(frozen=True, eq=False)
class Layout:
    """Where in an element each column is.

    Args:
        skeleton: The containers of the first element, which all others must have.
        paths: Name -> how to get at it; the weight of target "grade" is "grade.weight".
        inputs: Names.
        targets: Names.
        weights: Names of the targets that have one.
    """

    skeleton: object
    paths: dict[str, Path]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weights: tuple[str, ...]

    @classmethod
    def of(cls, element: Any, wanted: Wanted, label: str, *, ask: bool) -> Layout:
        """Read it from the first element: (inputs[, targets[, weights]]), each a dict, a tuple or one array.

        Args:
            element: The first one.
            wanted: What the user says.
            label: The data set, for messages.
            ask: Whether three unnamed parts may be anything, and not (inputs, targets, weights) as Keras has it.

        Raises:
            ArgumentError, NameUnknownError: The names do not go with the parts.
        """
        ins, outs, weights = _flat(element, wanted) or _by_role(element, wanted, label, ask)
        keys = {} if wanted.key is None else {wanted.key: _key_path(element, wanted.key, {**ins, **outs}, label)}
        ins = {name: path for name, path in ins.items() if name not in keys}
        both = sorted(set(ins) & set(outs))
        if both:
            raise ArgumentError(
                f"{label}: {both} are the names of inputs and of targets. A target has a name of its own, the one of the model's output: "
                f"let the data set yield (x, {{'{both[0]}_out': y['{both[0]}']}})."
            )
        if not ins:
            raise ArgumentError(f"{label}: no input is left, and at least one is needed. The targets are {list(outs)}.")
        named = {f"{target}.weight": path for target, path in weights.items()}
        return cls(_skeleton(element), {**keys, **ins, **outs, **named}, tuple(ins), tuple(outs), tuple(weights))

    def arrays(self, element: Any, number: int, label: str) -> dict[str, Array]:
        """The parts of one element.

        Raises:
            SpecError: It has other parts than the first, or one that holds neither numbers nor text.
        """
        found = _skeleton(element)
        if found != self.skeleton:
            raise SpecError(
                f"{label}: element {number} is {_shown(found)} and the first is {_shown(self.skeleton)}. All must have the same parts."
            )
        return {name: self._array(name, path, element, number, label) for name, path in self.paths.items()}

    def _array(self, name: str, path: Path, element: Any, number: int, label: str) -> Array:
        for step in path:
            element = element[step]
        try:
            return as_array(element)
        except SpecError as error:
            raise SpecError(f"{label}: {name!r} of element {number} {error}.") from error


_Paths = dict[str, Path]


def _flat(element: Any, wanted: Wanted) -> tuple[_Paths, _Paths, _Paths] | None:
    """Of a tuple of arrays (a, b, c) with as many names: each name one of them."""
    ins, outs = wanted.inputs or (), wanted.targets or ()
    if isinstance(element, Mapping) or not _has_parts(element) or any(map(_has_parts, element)):
        return None
    if len(ins) + len(outs) != len(element) or max(len(ins), len(outs)) < 2:
        return None
    paths: list[Path] = [(place,) for place in range(len(element))]
    return dict(zip(ins, paths, strict=False)), dict(zip(outs, paths[len(ins) :], strict=True)), {}


def _by_role(element: Any, wanted: Wanted, label: str, ask: bool) -> tuple[_Paths, _Paths, _Paths]:
    """Of (x[, y[, w]]), as Keras takes it; or of one dict or array."""
    if isinstance(element, Mapping):
        return _from_dict(element, wanted, label)
    if not _has_parts(element):
        return _named(element, (), wanted.inputs, "input", label), _none_left(wanted, label), {}
    if not 1 <= len(element) <= 3 or (ask and len(element) == 3 and wanted.inputs is None and wanted.targets is None):
        raise ArgumentError(
            f"{label} yields {len(element)} parts, {_shown(_skeleton(element))}. Say what they are: inputs=['image'], targets=['mask', "
            "'label'] has a name for each of three; with inputs=['image'], targets=['label'] they are (inputs, targets, weights)."
        )
    x, y, w = (*element, None, None)[:3]
    ins = _named(x, (0,), wanted.inputs, "input", label)
    outs = _none_left(wanted, label) if y is None else _named(y, (1,), wanted.targets, "target", label)
    return ins, outs, {} if w is None else _weights(w, (2,), list(outs), label)


def _from_dict(element: Mapping[Any, Any], wanted: Wanted, label: str) -> tuple[_Paths, _Paths, _Paths]:
    """Of a dict of everything: the targets are those that `targets=` names, the inputs the rest or those that `inputs=` names."""
    outs = {} if wanted.targets is None else _named(element, (), wanted.targets, "target", label)
    ins = _named(element, (), wanted.inputs, "input", label)
    return ins if wanted.inputs is not None else {name: path for name, path in ins.items() if name not in outs}, outs, {}


def _named(part: Any, path: Path, given: Sequence[str] | None, prefix: str, label: str) -> _Paths:
    """Name -> path of the arrays of one role."""
    if isinstance(part, Mapping):
        unknown = [name for name in given or () if name not in part]
        if unknown:
            raise NameUnknownError(f"{label} yields no {prefix} {unknown[0]!r}. It yields {list(part)}.{meant(unknown[0], part)}")
        paths = {str(name): (*path, name) for name in (part if given is None else given)}
    else:
        places = [(*path, place) for place in range(len(part))] if _has_parts(part) else [path]
        names = [prefix if i == 0 else f"{prefix}_{i}" for i in range(len(places))] if given is None else list(given)
        if len(names) != len(places) or len(set(names)) < len(names):
            raise ArgumentError(
                f"{label} yields {len(places)} {prefix}{'s' if len(places) > 1 else ''} and {prefix}s={names} names {len(set(names))}. "
                "Name each of them."
            )
        paths = dict(zip(names, places, strict=True))
    deep = [value for value in (part.values() if isinstance(part, Mapping) else part if _has_parts(part) else ()) if _has_parts(value)]
    if deep:
        raise ArgumentError(
            f"{label}: its {prefix}s are nested, {_shown(_skeleton(part))}. Let it yield one dict, tuple or array of {prefix}s."
        )
    return paths


def _weights(part: Any, path: Path, targets: list[str], label: str) -> _Paths:
    if isinstance(part, Mapping):
        unknown = [name for name in part if name not in targets]
        if unknown:
            raise NameUnknownError(f"{label} yields a weight for {unknown[0]!r}, which is no target. The targets are {targets}.")
        return {str(name): (*path, name) for name, weight in part.items() if weight is not None}
    if not _has_parts(part):
        return dict.fromkeys(targets, path)  # one for all of them, as Keras has it
    if len(part) != len(targets):
        raise ArgumentError(
            f"{label} yields {len(part)} weights for the {len(targets)} targets {targets}. Let it yield one each, or a dict by name."
        )
    return {name: (*path, place) for place, name in enumerate(targets) if part[place] is not None}


def _key_path(element: Any, key: str, known: _Paths, label: str) -> Path:
    if key in known:
        return known[key]
    places: list[tuple[Any, Path]] = [(element, ()), *((part, (i,)) for i, part in enumerate(element) if isinstance(element, tuple))]
    for part, path in places:
        if isinstance(part, Mapping) and key in part:
            return (*path, key)
    raise NameUnknownError(
        f"{label}: key={key!r} is none of its parts, {list(known)}. Name one of them, or pass the keys themselves: key=ids."
    )


def _none_left(wanted: Wanted, label: str) -> _Paths:
    if wanted.targets:
        raise ArgumentError(f"{label} yields inputs only, and targets={list(wanted.targets)} names some. Let it yield (inputs, targets).")
    return {}


def _has_parts(value: Any) -> bool:
    """Whether this is several arrays: a dict, a tuple, a list of arrays. A list of numbers is an array."""
    if isinstance(value, list):
        return any(len(getattr(item, "shape", ())) > 0 or isinstance(item, (Mapping, tuple)) for item in value)
    return isinstance(value, (Mapping, tuple))


def _skeleton(value: Any) -> object:
    """The containers of an element without what is in them."""
    if isinstance(value, Mapping):
        return {name: _skeleton(part) for name, part in value.items()}
    if _has_parts(value):
        return tuple(_skeleton(part) for part in value)
    return None if value is None else "array"


def _shown(skeleton: object) -> str:
    if isinstance(skeleton, dict):
        return "{" + ", ".join(f"{name!r}: {_shown(part)}" for name, part in skeleton.items()) + "}"
    if isinstance(skeleton, tuple):
        return "(" + ", ".join(map(_shown, skeleton)) + ("," if len(skeleton) == 1 else "") + ")"
    return str(skeleton)
