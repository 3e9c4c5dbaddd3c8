"""Which stream is an input, a target or a weight, and what is to be done where it has no value: what a data set is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.errors import AlignmentError, ArgumentError, NameUnknownError, SpecError
from plait.gaps import Policy
from plait.keys import Keys
from plait.meant import meant
from plait.source import Source, Stream
from plait.spec import Spec

__all__ = ["check_roles", "check_weight", "policies_of", "weight_name"]

_POLICIES: tuple[Policy, ...] = ("raise", "drop", "mask", "keep")


def weight_name(target: str) -> str:
    """What the weight of a target is called among all streams."""
    return f"{target}.weight"


def check_roles(inputs: Mapping[str, object], targets: Mapping[str, object], weights: Mapping[str, object]) -> None:
    """Raise where names or streams cannot be meant.

    Raises:
        ArgumentError: No mapping of names to streams, no input, or one name for two.
        NameUnknownError: A weight of something that is no target.
    """
    for role, given in (("inputs", inputs), ("targets", targets), ("weights", weights)):
        if not isinstance(given, Mapping):
            raise ArgumentError(f"{role}= is a {type(given).__name__}; give names: {role}={{'age': people['age']}}.")
        for name, stream in given.items():
            if not isinstance(name, str) or not name:
                raise ArgumentError(f"{role}= has the name {name!r}; names are text, those of the model's inputs and outputs.")
            if not isinstance(stream, (Source, Stream)):
                raise ArgumentError(
                    f"{role}={{{name!r}: ...}} is a {type(stream).__name__}, and a stream or a source is needed. "
                    f"Write arrays = plait.Arrays(...) and {role}={{{name!r}: arrays[{name!r}]}}."
                )
    if not inputs:
        raise ArgumentError("A data set needs at least one input: plait.Dataset(inputs={'x': ...}, targets={'y': ...}).")
    both = sorted(set(inputs) & set(targets))
    if both:
        raise ArgumentError(
            f"{both} are the names of inputs and of targets. Give the target a name of its own, the one of the model's output: "
            f"targets={{'{both[0]}_out': ...}}; the same stream may stand behind both."
        )
    unknown = sorted(set(weights) - set(targets))
    if unknown:
        raise NameUnknownError(
            f"weights= names {unknown}, which are no targets. The targets are {list(targets)}.{meant(unknown[0], targets)}"
        )
    taken = sorted({weight_name(target) for target in weights} & {*inputs, *targets})
    if taken:
        raise ArgumentError(f"{taken} are the names of weights, and of inputs or targets too. Give the latter other names.")


def policies_of(
    missing: object, inputs: Mapping[str, object], targets: Mapping[str, object], weights: Mapping[str, object]
) -> dict[str, Policy]:
    """What to do where each stream has no value.

    Raises:
        ArgumentError: No such policy, or an input is to be masked.
        NameUnknownError: No such stream.
    """
    names = [*inputs, *targets, *map(weight_name, weights)]
    given: Mapping[str, object] = missing if isinstance(missing, Mapping) else dict.fromkeys(names, missing)
    policies: dict[str, Policy] = dict.fromkeys(names, "raise")
    for name, asked in given.items():
        if name not in policies:
            raise NameUnknownError(f"missing= names {name!r}, which is no stream of the data set. It has {names}.{meant(name, names)}")
        policy: Policy | None = next((known for known in _POLICIES if known == asked), None)
        if policy is None:
            raise ArgumentError(f"missing={asked!r} for {name!r}: choose one of {', '.join(map(repr, _POLICIES))}.")
        policies[name] = policy
    masked = [name for name in inputs if policies[name] == "mask"]
    if masked and given is missing:
        raise ArgumentError(f"missing= masks the inputs {masked}; only targets can have weight 0. Use 'drop' for an input.")
    policies |= dict.fromkeys(masked, "raise")
    for target in weights:  # where the target has no value its weight is 0, and a weight need not be there
        if policies[target] == "mask" and weight_name(target) not in given:
            policies[weight_name(target)] = "mask"
    return policies


def check_weight(target: str, spec: Spec, absent: Mapping[str, np.ndarray | None], keys: Keys) -> None:
    """Raise where the weight of a target is no number a sample, or not there for a sample that has the target.

    Raises:
        SpecError, AlignmentError: Naming the target.
    """
    if spec.shape not in ((), (1,)) or spec.dtype.kind not in "biuf":
        raise SpecError(f"The weight of target {target!r} is {spec}; a weight is one number a sample.")
    gone, target_gone = absent[weight_name(target)], absent[target]
    if gone is None:
        return
    alone = np.flatnonzero(gone if target_gone is None else gone & ~target_gone)
    if len(alone):
        raise AlignmentError(
            f"{len(alone)} samples have a value of target {target!r} and no weight for it, such as {keys.some(alone)}. "
            "Fill in the weights (1 where in doubt), or leave weights= out."
        )
