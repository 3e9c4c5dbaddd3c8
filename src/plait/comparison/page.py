"""The page of a comparison: what to worry about first, every question at a glance, then each with its plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from plait.comparison.plots import PLOTS
from plait.pages.charts import gauge
from plait.pages.figures import legend
from plait.pages.page import Html, badge, page, section, table, tag
from plait.report import Finding, Report

__all__ = ["comparison_page"]

_WORD = {"fail": "fails", "warn": "look at it", "pass": "passes"}
_WORDS = {"fail": "fail", "warn": "to look at", "pass": "pass"}
_LEVELS = ("fail", "warn", "pass")
_GAUGES = 8  # findings of a question that are shown at once
_WORRIES = 6

# question -> what it is called, how it is read, the ids of its findings
SECTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "detection": (
        "Can the rows be told apart?",
        "Gradient-boosted trees try to tell synthetic rows from real ones, on rows they haven't seen. The AUC is 0.5 where they can't, and "
        "1 where they always can. This one question sees most of what the others see, except copying.",
        ("detection",),
    ),
    "dependence": (
        "Do the targets belong together?",
        "What the inputs say about each target is taken away, by trees fitted inside each table; what is left should depend on each other "
        "as it does in real rows. Data whose targets were drawn one by one fail here, whatever their columns look like.",
        ("dependence", "dependence-form"),
    ),
    "utility": (
        "Can one learn from it?",
        "The same model is trained on synthetic rows and on as many real ones, and both are asked about real rows. Along the chain each "
        "target is told from the inputs and the true targets before it.",
        ("utility", "utility-chain", "calibration"),
    ),
    "signals": (
        "Images and series",
        "Measured on their principal components and on the features of a small network that was trained here to tell the classes.",
        ("signals", "signal-detection", "frechet", "labels", "signal-precision", "signal-recall", "signal-density", "signal-coverage"),
    ),
    "judge": (
        "Images and series, by a judge",
        "A network that was trained on real samples to tell their class looks at them: whether they show the class they bear, how far they "
        "are from real ones in its features, and what a second one learns that has only ever seen synthetic ones.",
        ("judge-accuracy", "judge-frechet", "judge-utility", "judge-precision", "judge-recall", "judge-density", "judge-coverage"),
    ),
    "privacy": (
        "Is it copied?",
        "A synthesizer that has learned is no nearer to the rows it was fitted on than to rows it has never seen. This is not a privacy "
        "guarantee: a pass says that these three tests found nothing.",
        ("privacy", "near", "copies", "naming", "membership"),
    ),
    "coverage": (
        "Is everything there, and nothing else?",
        "Neighbourhoods of the five nearest rows; levels that are rare; the lowest and the highest hundredth of numbers.",
        ("coverage", "precision", "density", "recall", "rare", "tails"),
    ),
    "pairs": (
        "Pairs of columns",
        "Both columns in eighths, or by their commonest levels, and how much of the table of counts lies in the wrong cell.",
        ("pairs", "pair"),
    ),
    "marginals": (
        "Columns, one by one",
        "Necessary, and no more: independent columns pass here, and would be told from real rows at once.",
        ("marginals",),
    ),
}


def comparison_page(report: Report) -> str:
    """The whole document, made of nothing but the findings."""
    grouped = {name: [f for f in report if f.id in ids] for name, (_, _, ids) in SECTIONS.items()}
    shown = {name: sorted(found, key=_badness) for name, found in grouped.items() if found}
    conditions = next((f for f in report if f.id == "conditions"), None)
    parts = [
        _worries(shown),
        _glance(shown),
        *(_section(name, found) for name, found in shown.items()),
        _conditions(conditions, sum("place" in f.values for f in report)),
    ]
    subtitle = conditions.message if conditions is not None else ""
    return page(report.title, *parts, subtitle=subtitle)


def _badness(finding: Finding) -> tuple[int, float]:
    return _LEVELS.index(finding.level), _standing(finding)


def _standing(finding: Finding) -> float:
    """Where a figure stands: 0 at the floor, 1 at the ceiling. Where these are alike, 0 is as far from the ceiling as matters."""
    values: Any = finding.values
    if values.get("place") is not None:
        return float(values["place"])
    if "place" not in values:
        return -math.inf if finding.level == "fail" else 1.0
    ceiling = values["ceiling"]
    gap = (values["value"] - ceiling["value"]) * (1 if values["best"] == "low" else -1)
    halves = [max(end["high"] - end["value"], end["value"] - end["low"]) for end in (values, ceiling)]
    return 1 - gap / max(math.hypot(*halves), values["slack"])


def _worries(shown: dict[str, list[Finding]]) -> Html:
    """The worst finding of each question that doesn't pass, in the order of the questions: in words."""
    loud = [(name, [f for f in found if f.level != "pass"]) for name, found in shown.items()]
    loud = sorted(((name, found) for name, found in loud if found), key=lambda item: _LEVELS.index(item[1][0].level))
    if not loud:
        calm = (
            "Nothing stands out: in every question synthetic rows can't be told from fresh real data, or nearly so. What this page can't "
            "say is said at its end."
        )
        return section("What to worry about first", tag("p", calm, class_="notice"))
    lines = []
    for number, (name, found) in enumerate(loud[:_WORRIES], 1):
        worst, rest = found[0], len(found) - 1
        about = "" if worst.about.split(",")[0] in (name, "privacy") else f"{worst.about}: "
        more = f" {rest} more of this question {'do' if rest > 1 else 'does'} not pass." if rest else ""
        verb = f"{tag('b', SECTIONS[name][0])} {badge(_WORD[worst.level], worst.level)}"
        body = tag("div", Html(verb), tag("div", about, _says(worst), tag("span", more, class_="soft")), _remedy(worst))
        lines.append(tag("li", tag("span", number, class_="mark"), body, class_=worst.level))
    return section("What to worry about first", tag("ol", *lines, class_="findings worries"))


def _glance(shown: dict[str, list[Finding]]) -> Html:
    rows = []
    for name, found in shown.items():
        first = min((f for f in found if "place" in f.values), key=_standing, default=None)
        counts = [
            badge(f"{n} {_WORDS[level]}" if n > 1 else _WORD[level], level)
            for level in _LEVELS
            if (n := sum(f.level == level for f in found))
        ]
        worst = tag("span", f"{first.about}, {first.values['scale']}", class_="note") if first is not None else ""
        drawn = _gauge(first) if first is not None else tag("span", found[0].message, class_="note")
        rows.append((tag("a", SECTIONS[name][0], href=f"#{name}"), tag("span", *_spaced(counts)), tag("span", worst, drawn)))
    lead = (
        "Each figure stands on a line between independent columns (left: no dependence at all) and fresh real data (right: what a perfect "
        "synthesizer would reach), both measured here in the same way. Bands are 95 % intervals. Of each question the worst figure is "
        "shown. There is no total score: a good column doesn't make up for a copied row."
    )
    return section("At a glance", table(["question", "verdicts", "worst figure"], rows, kind="glance"), lead=lead)


def _section(name: str, found: list[Finding]) -> Html:
    title, lead, _ = SECTIONS[name]
    loud = [f for f in found if f.level != "pass"]
    first = found[: max(min(len(loud), 2 * _GAUGES), _GAUGES if name != "marginals" else 0)]
    rest = found[len(first) :]
    plots = PLOTS[name](found) if name in PLOTS else []
    lines = tag("div", *map(_card, first), class_="grid lines") if first else ""
    folded = (
        tag(
            "details",
            tag("summary", f"{len(rest)} {_WORDS['pass']}" if all(f.level == "pass" for f in rest) else f"{len(rest)} more"),
            tag("div", *map(_card, rest), class_="grid lines"),
        )
        if rest
        else ""
    )
    colours = legend(["real", "synthetic"]) if plots else ""
    return tag("section", tag("h2", title, id=name), tag("p", lead, class_="lead"), lines, folded, colours, *plots)


def _card(finding: Finding) -> Html:
    drawn = _gauge(finding) if "place" in finding.values else ""
    head = tag(
        "h3",
        finding.about,
        " ",
        badge(_WORD[finding.level], finding.level),
        tag("span", str(finding.values.get("scale", "")), class_="note"),
    )
    return tag("div", head, drawn, tag("p", _says(finding), class_="says"), _remedy(finding), class_="card")


def _gauge(finding: Finding) -> Html:
    values: Any = finding.values
    return gauge(values, values["floor"], values["ceiling"], level=finding.level, ends=values["ends"])


def _says(finding: Finding) -> str:
    return str(finding.values.get("says", finding.message))


def _remedy(finding: Finding) -> Html | str:
    return tag("div", "→ ", finding.remedy, class_="remedy") if finding.remedy else ""


def _spaced(parts: Sequence[Html]) -> list[object]:
    return [piece for part in parts for piece in (part, " ")]


def _conditions(found: Finding | None, figures: int) -> Html:
    limits = [
        "A pass says that these rows, in this number, show no difference. More rows may.",
        "Intervals and tests computed on synthetic rows as if they were real are too sure of themselves: "
        "don't publish them without real rows beside.",
        f"There are {figures} figures with a 95 % interval each; one in twenty stands out by chance.",
        "Nothing here is a privacy guarantee; only a proof (differential privacy) would be.",
    ]
    told = section("What this page can't say", tag("ul", *(tag("li", limit) for limit in limits)))
    if found is None:
        return told
    values: Any = found.values
    rows = [(f"{name} rows", count) for name, count in values["sizes"].items()]
    rows += [("rows set beside each other", values["compared"]), ("fresh real data", values["fresh"]), ("seed", values["seed"])]
    rows += [(name, version) for name, version in values["versions"].items()]
    columns = [(c["name"], c["role"], c["kind"]) for c in values["columns"]]
    listed = tag("details", tag("summary", f"{len(columns)} columns"), table(["column", "role", "kind"], columns, kind="facts"))
    return Html(told + section("Conditions", table(["what", "value"], rows, kind="facts"), listed))
