"""Where a figure stands between independent columns and fresh real data, and what follows for the finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plait.metrics.estimate import Estimate
from plait.report import Finding, Level

__all__ = ["FAIL_BELOW", "PASS_FROM", "Scale", "line", "unanswered"]

_FAILING = 3  # times the slack, where floor and ceiling can't be told apart
_FEW = "; with so few rows nothing can be told apart here"
_WIDE = "; the interval is too wide to pass"
PASS_FROM, FAIL_BELOW = 0.8, 0.5  # of the way from independent columns (0) to fresh real data (1)


@dataclass(frozen=True)
class Scale:
    """How a figure is read.

    Args:
        name: Of the figure: "AUC".
        slack: The smallest difference that matters to anybody.
        best: "low" where less is better, "high" where more is.
        passes: From where on the way from floor to ceiling it passes.
        fails: Below which it fails.
        floor, ceiling: What stands at the two ends.
        strict: Whether it must be shown to be good, and doesn't pass because the rows are too few to show the opposite.
    """

    name: str
    slack: float
    best: str = "low"
    passes: float = PASS_FROM
    fails: float = FAIL_BELOW
    floor: str = "independent columns"
    ceiling: str = "fresh real data"
    strict: bool = False

    def worse(self, one: float, other: float) -> float:
        """By how much `one` is worse than `other`; negative where it is better."""
        return one - other if self.best == "low" else other - one


def line(  # a finding has many parts
    question: str,
    about: str,
    message: str,
    *,
    scale: Scale,
    found: Mapping[str, Estimate],
    remedy: str = "",
    values: Mapping[str, object] | None = None,
) -> Finding:
    """The finding of a figure between its anchors.

    It passes where it can't be told from fresh real data, is within the scale's slack of it, or has come 80 % of the way from independent
    columns to fresh real data; it fails where it has come less than half of it; else it warns. Where the anchors themselves can't be told
    apart, it passes beside them, fails beyond three times the slack, and warns where the intervals are too wide to say.

    Of a strict scale it passes where it has come far enough and the bad end of its interval isn't beyond where it fails; it fails where it
    hasn't come so far and all of its interval is worse than the ceiling; else it warns.

    Args:
        question: The id of the finding.
        about: Column, pair, target.
        message: What was found, in words; where it stands is added.
        scale: How the figure is read.
        found: The figure of each rival: "synthetic", "floor" (independent columns), "ceiling" (fresh real data).
        remedy: What to do where it doesn't pass.
        values: Further figures.
    """
    value, floor, ceiling = found["synthetic"], found["floor"], found["ceiling"]
    way = scale.worse(floor.value, ceiling.value)
    telling = way > 0 and not floor.alike(ceiling) and way > scale.slack
    place = scale.worse(floor.value, value.value) / way if telling else None
    level, words = _strict(scale, value, ceiling, place, way) if scale.strict else _verdict(scale, value, ceiling, place)
    if words.endswith((_FEW, _WIDE)):
        remedy = "more rows would tell"
    figures = {
        "question": question, "scale": scale.name, "best": scale.best, "ends": [scale.floor, scale.ceiling], **value.to_json(),
        "floor": floor.to_json(), "ceiling": ceiling.to_json(), "place": place, "telling": telling, "says": message, "slack": scale.slack,
    }  # fmt: skip
    anchors = f"{scale.floor[0].upper()}{scale.floor[1:]} have {floor.value:.3f}, {scale.ceiling} {ceiling.value:.3f}{words}."
    return Finding(level, about, f"{message} {anchors}", remedy if level != "pass" else "", question, {**figures, **(values or {})})


def unanswered(question: str, about: str, reason: str, remedy: str = "", level: Level = "fail") -> Finding:
    """A question that can't be answered, and why: a finding like any other."""
    return Finding(level, about, reason, remedy, question, {"question": question, "answered": False})


def _verdict(scale: Scale, value: Estimate, ceiling: Estimate, place: float | None) -> tuple[Level, str]:
    behind = scale.worse(value.value, ceiling.value)
    same = behind <= 0 or value.alike(ceiling)
    if place is None:
        wide = 2 * max(value.error, ceiling.error) > _FAILING * scale.slack  # even what fails would not be seen
        words = "; here the two can't be told apart"
        if same or behind <= scale.slack:
            return ("warn", _FEW) if wide and same else ("pass", words)
        return ("fail" if behind > _FAILING * scale.slack else "warn"), words
    words = f": {round(100 * place):d} % of the way"
    if same or behind <= scale.slack or place >= scale.passes:
        return "pass", words
    return ("fail" if place < scale.fails else "warn"), words


def _strict(scale: Scale, value: Estimate, ceiling: Estimate, place: float | None, way: float) -> tuple[Level, str]:
    """A verdict that lack of evidence doesn't mend."""
    good, bad = (value.low, value.high) if scale.best == "low" else (value.high, value.low)
    behind = scale.worse(value.value, ceiling.value)
    if place is None:
        words, most = "; here the two can't be told apart", _FAILING * scale.slack
        near = behind <= scale.slack
    else:
        words, most = f": {round(100 * place):d} % of the way", (1 - scale.fails) * way
        near = place >= scale.passes
    if near and scale.worse(bad, ceiling.value) <= most:
        return "pass", words
    far = behind > most
    if far and scale.worse(good, ceiling.value) > 0:
        return "fail", words
    return "warn", words + (_WIDE if near or far else "")
