"""What every sample obeys: rules taken out of the columns before a method learns them, and put back after it has drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.keys import Keys
from plait.meant import meant
from plait.tabular.arranged import Combination, Increasing
from plait.tabular.derived import Derived, Formula, Sum
from plait.tabular.rules import Bounds, Rule, Unique, listed
from plait.tabular.schema import Schema

__all__ = ["Bounds", "Combination", "Constraints", "Formula", "Increasing", "Sum", "Unique"]

_RULES: dict[str, type[Rule]] = {rule.__name__: rule for rule in (Bounds, Combination, Formula, Increasing, Sum, Unique)}


@dataclass(frozen=True)
class Constraints:
    """Rules in the order in which they are put back, each after those that it builds on. Pure and thread-safe.

    A variable that follows from others is not learned: it is computed from what was drawn. So every sample obeys every rule, and none
    is thrown away.

    Args:
        rules: In order.
        seen: What each learned from the data; JSON.
        schema: Of the data; None where there are no rules.
    """

    rules: tuple[Rule, ...] = ()
    seen: tuple[Any, ...] = ()
    schema: Schema | None = None

    @classmethod
    def fit(
        cls, rules: Sequence[Any], columns: Mapping[str, np.ndarray], schema: Schema, keys: Keys
    ) -> tuple[Constraints, dict[str, np.ndarray], Schema]:
        """The constraints, and the columns and the schema that are left to learn.

        Args:
            rules: Such as Bounds("age", 0, 120), in any order.
            columns: (rows,) float64 each.
            schema: Of the columns.
            keys: Of the rows, for messages.

        Raises:
            ArgumentError, NameUnknownError: A rule can't be meant, or two can't be kept together.
            SpecError: The data break a rule; the message names the first samples that do.
        """
        if isinstance(rules, (str, Rule)) or not isinstance(rules, Sequence):
            raise ArgumentError(f"constraints={rules!r}: a list is needed, such as constraints=[plait.constraints.Bounds('age', 0, 120)].")
        for rule in rules:
            _check(rule, schema)
        ordered = _ordered(rules)
        _check_together(ordered, schema)
        rest, variables = dict(columns), {v.name: v for v in schema.variables}
        seen: list[Any] = []
        for rule in reversed(ordered):
            broken = np.flatnonzero(rule.broken(rest, schema))
            if len(broken):
                raise SpecError(_message(rule, broken, rest, schema, keys))
            rest, variables, found = rule.reduce(rest, variables, schema)
            seen.append(found)
        inner = replace(schema, variables=tuple(variables.values()))
        return cls(tuple(ordered), tuple(reversed(seen)), schema if ordered else None), {n: rest[n] for n in inner.names}, inner

    def reduce(self, columns: Mapping[str, np.ndarray], keys: Keys) -> dict[str, np.ndarray]:
        """Columns of other data as what is learned of them.

        Raises:
            SpecError: They break a rule, as in `fit`.
        """
        for rule, seen in zip(self.rules, self.seen, strict=True):
            assert self.schema is not None
            broken = np.flatnonzero(rule.broken(dict(columns), self.schema, seen))
            if len(broken):
                raise SpecError(_message(rule, broken, columns, self.schema, keys))
        return self.reduce_given(columns)

    def reduce_given(self, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Given columns of the whole schema as given columns of what is learned.

        Raises:
            ArgumentError: They break a rule, or it can't be told what they mean for what is learned.
        """
        known = dict(given)
        for rule, seen in zip(reversed(self.rules), reversed(self.seen), strict=True):
            assert self.schema is not None
            known = rule.reduce_given(known, self.schema, seen)
        return known

    def restore(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns that were learned as columns of the whole schema, which obey every rule.

        Raises:
            ArgumentError: There are not enough different values for one that is to be unique.
        """
        whole = dict(columns)
        for rule, seen in zip(self.rules, self.seen, strict=True):
            assert self.schema is not None
            whole = rule.restore(whole, self.schema, seen)
        return whole

    def broken(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Rule, as it was written -> (rows,) bool, where columns of the whole schema do not obey it."""
        whole = dict(columns)
        assert self.schema is not None or not self.rules
        return {str(r): r.broken(whole, self.schema, seen) for r, seen in zip(self.rules, self.seen, strict=True) if self.schema}

    def to_json(self) -> Any:
        """Plain JSON; `from_json` reads it."""
        if self.schema is None:
            return None
        return {"rules": [rule.to_json() for rule in self.rules], "seen": list(self.seen), "schema": self.schema.to_json()}

    @classmethod
    def from_json(cls, state: Any) -> Self:
        """What `to_json` gave."""
        if not state:
            return cls()
        rules = tuple(_rule(part) for part in state["rules"])
        return cls(rules, tuple(state["seen"]), Schema.from_json(state["schema"]))


def _rule(state: Mapping[str, Any]) -> Rule:
    given = dict(state)
    name = given.pop("rule")
    if name not in _RULES:
        raise ArgumentError(f"{name!r} is no rule; there are {', '.join(_RULES)}.")
    return _RULES[name](**given)


def _check(rule: Any, schema: Schema) -> None:
    if not isinstance(rule, Rule):
        raise ArgumentError(
            f"constraints=[..., {rule!r}]: a constraint is a {' or '.join(_RULES)}, such as plait.constraints.Bounds('age', 0, 120)."
        )
    unknown = [name for name in rule.names if name not in schema.names]
    if unknown:
        raise NameUnknownError(
            f"{rule} names {unknown[0]!r}, which there is not. There are {schema.names}.{meant(unknown[0], schema.names)}"
        )
    rule.check(schema)


def _ordered(rules: Sequence[Rule]) -> list[Rule]:
    """Each after those that make or adjust what it uses."""
    left, out = list(rules), []
    while left:
        ready = [rule for rule in left if not any(_before(other, rule) for other in left if other is not rule)]
        if not ready:
            raise ArgumentError(f"constraints=[...]: {listed([str(r) for r in left])} go round in a circle; each needs another one first.")
        out += ready
        left = [rule for rule in left if not any(rule is one for one in ready)]
    return out


def _before(first: Rule, second: Rule) -> bool:
    if set(first.makes) & set(second.adjusts):
        return True
    return bool({*first.makes, *first.adjusts} & set(second.uses))


def _check_together(rules: Sequence[Rule], schema: Schema) -> None:
    made: dict[str, Rule] = {}
    for rule in rules:
        for name in rule.makes:
            if name in made:
                raise ArgumentError(f"{made[name]} and {rule} both make {name!r}. Leave one of them out.")
            made[name] = rule
    for rule in rules:
        by = made.get(rule.adjusts[0]) if rule.adjusts else None
        if by is None or (isinstance(rule, Bounds) and (not isinstance(by, Derived) or _sure(rule, by, schema))):
            continue
        advice = f"Give bounds to {listed(by.uses)}." if isinstance(rule, Bounds) else "Leave one of them out."
        raise ArgumentError(f"{rule} and {by} can't both be kept: what one makes of {rule.adjusts[0]!r} the other would change. {advice}")


def _sure(bounds: Bounds, sum_: Derived, schema: Schema) -> bool:
    """Whether a sum of parts stays within bounds whatever they are."""
    if not isinstance(sum_, Sum):
        return False
    ends = {end: np.array([sum(getattr(schema[part], end) for part in sum_.of)]) for end in ("low", "high")}
    return not any(bounds.broken({bounds.name: value}, schema).any() for value in ends.values())


def _message(rule: Rule, rows: np.ndarray, columns: Mapping[str, np.ndarray], schema: Schema, keys: Keys) -> str:
    first = ", ".join(f"{name} = {schema[name].shown(float(columns[name][rows[0]]))}" for name in rule.names)
    return (
        f"{rule}: {len(rows)} of {len(keys)} samples do not obey it, such as {keys.some(rows)}; the first has {first}. Correct them, leave "
        f"them out, or leave out the constraint."
    )
