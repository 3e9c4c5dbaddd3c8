"""The plots of each question, drawn from the figures in its findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from plait.pages.charts import bars, cloud, heat, overlay
from plait.pages.page import Html, table, tag
from plait.report import Finding

__all__ = ["PLOTS"]

_COLUMNS = 9  # of a table of rows
_PAIRS = 4  # clouds of points
_HEAT = 40  # columns of the matrix of pairs
_OVERLAYS = 12  # columns shown at once
_DRAWN = 10  # bars


def _detection(found: list[Finding]) -> list[Html]:
    values: Any = found[0].values
    if "columns" not in values:
        return []
    top = values["columns"][:_DRAWN]
    drops = bars({"drop": [c["drop"] for c in top]}, [c["name"] for c in top], label="AUC lost when a column is shuffled", form="{:.3f}")
    shares = {name: [count / max(sum(counts), 1) for count in counts] for name, counts in values["suspicion"].items()}
    spread = overlay(shares, ["surely real", "surely synthetic"], label="how synthetic real and synthetic rows look", height=200)
    cards = tag(
        "div",
        _card("What gives it away: AUC lost when a column is shuffled", drops),
        _card("How synthetic the rows look to the trees", spread),
        class_="grid",
    )
    return [cards, _giveaways(values)]


def _giveaways(values: Any) -> Html:
    rows, names = values["giveaways"], values["giveaways"]["columns"]
    rank = {c["name"]: place for place, c in enumerate(values["columns"])}
    order = sorted(range(len(names)), key=lambda k: rank.get(names[k], len(rank)))[:_COLUMNS]
    head = ["key", "looks synthetic", *(names[k] for k in order)]

    def lines(which: str) -> list[list[object]]:
        return [[tag("span", r["key"], class_="key"), f"{r['suspicion']:.0%}", *(r["values"][k] for k in order)] for r in rows[which]]

    cut = f"The {_COLUMNS} columns that tell most are shown. " if len(names) > _COLUMNS else ""
    return Html(
        tag("h3", "Synthetic rows that give the table away")
        + tag("p", f"{cut}The column that tells most comes first.", class_="lead")
        + table(head, lines("synthetic"), kind="samples")
        + tag("h3", "Real rows of a kind that is lacking")
        + table(head, lines("real"), kind="samples")
    )


def _dependence(found: list[Finding]) -> list[Html]:
    pairs = [f for f in found if "dots" in f.values][:_PAIRS]
    parts: list[Html] = []
    for finding in pairs:
        values: Any = finding.values
        a, b = values["of"]
        clouds = [
            _card(
                f"{name}: correlation {values[name]:+.2f}",
                cloud(
                    np.array(values["dots"][name]).reshape(-1, 2), x=f"rank of {a}, given the inputs", y=b, ranges=[(0, 1), (0, 1)],
                    second=name == "synthetic", marks=False,
                ),
            )
            for name in ("real", "synthetic")
        ]  # fmt: skip
        parts.append(Html(tag("h3", f"{finding.about}: what the inputs don't say") + tag("div", *clouds, class_="grid pairs")))
    return parts


def _utility(found: list[Finding]) -> list[Html]:
    cards = []
    for finding in [f for f in found if "reliability" in f.values]:
        curves: Any = finding.values["reliability"]
        rows = [[f"{sure:.0%}", f"{right:.0%}", int(count)] for sure, right, count in curves["synthetic"]]
        title = f"{finding.about}: how sure and how often right, trained on synthetic rows"
        cards.append(_card(title, table(["sure", "right", "rows"], rows)))
    return [tag("details", tag("summary", "Calibration, tenth by tenth"), tag("div", *cards, class_="grid"))] if cards else []


def _privacy(found: list[Finding]) -> list[Html]:
    values: Any = next((f.values for f in found if "distances" in f.values), None)
    if values is None:
        return []
    distances = values["distances"]
    most = distances["edges"][-1]
    shares = {"real": distances["unseen"], "synthetic": distances["synthetic"]}
    drawn = overlay(shares, ["0: a copy", f"{most:.2f}: far away"], label="distance to the nearest training row", height=200)
    parts = [tag("div", _card("Distance to the nearest training row, of unseen real and of synthetic rows", drawn), class_="grid pairs")]
    rows, names = values["closest"], values.get("columns", [])
    if rows:
        order = range(min(_COLUMNS, len(names)))
        lines = []
        for pair in rows:
            for who in ("synthetic", "train"):
                cells = [pair[who]["values"][k] for k in order]
                gap = f"{pair['distance']:.3g}" if who == "synthetic" else ""
                lines.append([tag("span", pair[who]["key"], class_="key"), who, gap, *cells])
        head = ["key", "of", "distance", *(names[k] for k in order)]
        parts.append(Html(tag("h3", "The synthetic rows nearest to a training row, and that row") + table(head, lines, kind="samples")))
    return parts


def _pairs(found: list[Finding]) -> list[Html]:
    every: list[Any] = [pair for f in found if isinstance(listed := f.values.get("pairs"), list) for pair in listed]
    parts: list[Html] = []
    if len(every) > 1:
        excess: dict[str, float] = {}
        for pair in every:
            for name in (pair["a"], pair["b"]):
                excess[name] = max(excess.get(name, 0.0), pair["synthetic"] - pair["ceiling"])
        kept = sorted(excess, key=lambda name: -excess[name])[:_HEAT]
        names = [name for name in dict.fromkeys(n for pair in every for n in (pair["a"], pair["b"])) if name in kept]
        matrix = np.full((len(names), len(names)), np.nan)
        place = {name: k for k, name in enumerate(names)}
        for pair in every:
            if pair["a"] in place and pair["b"] in place:
                a, b = place[pair["a"]], place[pair["b"]]
                matrix[a, b] = matrix[b, a] = pair["synthetic"] - pair["ceiling"]
        title = "Total variation beyond that of fresh real data; darkest from 0.30"
        parts.append(tag("div", _card(title, heat(matrix, names, most=0.3, label=title)), class_="grid pairs"))
    for finding in [f for f in found if "dots" in f.values and f.level != "pass"]:
        parts.append(_two_clouds(finding))
    return parts


def _two_clouds(finding: Finding) -> Html:
    values: Any = finding.values
    dots = {who: np.array(d, float).reshape(-1, 2) for who, d in values["dots"].items()}
    ranges = [_range(np.concatenate([d[:, axis] for d in dots.values()]), values["levels"][axis]) for axis in (0, 1)]
    rng = np.random.default_rng(0)  # so that points of one level don't lie on each other
    for d in dots.values():
        for axis in (0, 1):
            if values["levels"][axis]:
                d[:, axis] += rng.uniform(-0.3, 0.3, len(d))
    names = [
        f"{n} ({', '.join(v[:6])}{', ...' if len(v) > 6 else ''})" if v else n for n, v in zip(values["of"], values["levels"], strict=True)
    ]
    marks = not any(values["levels"])
    clouds = [
        _card(who, cloud(d, x=names[0], y=names[1], ranges=ranges, second=who == "synthetic", marks=marks)) for who, d in dots.items()
    ]
    return Html(tag("h3", f"{finding.about}: the worst of its kind") + tag("div", *clouds, class_="grid pairs"))


def _range(values: np.ndarray, levels: Sequence[str] | None) -> tuple[float, float]:
    if levels:
        return -0.6, len(levels) - 0.4
    if not len(values):
        return 0.0, 1.0
    low, high = (float(v) for v in np.quantile(values, [0.005, 0.995]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _marginals(found: list[Finding]) -> list[Html]:
    drawn = [f for f in found if "histogram" in f.values]
    first, rest = drawn[:_OVERLAYS], drawn[_OVERLAYS:]
    parts = [tag("div", *map(_histogram, first), class_="grid small")]
    if rest:
        parts.append(tag("details", tag("summary", f"{len(rest)} more columns"), tag("div", *map(_histogram, rest), class_="grid small")))
    return parts


def _histogram(finding: Finding) -> Html:
    values: Any = finding.values
    shown = values["histogram"]
    shares = {who: shown[who] for who in ("real", "synthetic")}
    title = f"{finding.about}"
    if values["kind"] == "category":
        return _card(title, bars(shares, shown["labels"], label=f"shares of the levels of {finding.about}"))
    ends = shown.get("ends") or [shown["labels"][0], shown["labels"][-1]]
    return _card(title, overlay(shares, ends, label=f"histogram of {finding.about}"))


def _card(title: str, content: Html) -> Html:
    return tag("div", tag("h3", title), content, class_="card")


PLOTS: dict[str, Callable[[list[Finding]], list[Html]]] = {
    "detection": _detection,
    "dependence": _dependence,
    "utility": _utility,
    "privacy": _privacy,
    "pairs": _pairs,
    "marginals": _marginals,
}
