"""One batch of a data set: every stream side by side by key, as it is read and as it is fed."""

from __future__ import annotations

import html
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.dataset import Dataset
from plait.emit import Emission
from plait.errors import ArgumentError, SpecError
from plait.order import Onward, Picks, Uniform
from plait.pages.page import Html, badge, page, section, table, tag
from plait.preview.cells import Cell, cells
from plait.report import write_page
from plait.spec import Spec
from plait.visible import printable

__all__ = ["Preview", "Shown", "show"]


def show(data: Dataset, *, samples: int = 8, seed: int = 0, html: str | os.PathLike[str] | None = None) -> Preview:
    """The first batch of `plait.Loader(data, samples, seed=seed)`, to look at.

    Args:
        data: With or without steps; where there are some, each stream is shown before and after them, and after an augmentation as
            two epochs see it.
        samples: How many.
        seed: Of order and random steps.
        html: Also write the page to this file.

    Returns:
        What prints as a table, shows itself in a notebook, and is a page: `to_html()`.

    Raises:
        ArgumentError: It is no data set or an empty one, or `samples` is no positive number.
        ReadError: The page cannot be written.
    """
    if not isinstance(data, Dataset):
        raise ArgumentError(
            f"show() takes a plait.Dataset, not a {type(data).__name__}. Write plait.Dataset(inputs={{...}}, targets={{...}})."
        )
    if not isinstance(samples, (int, np.integer)) or isinstance(samples, bool) or samples < 1:
        raise ArgumentError(f"samples={samples!r}: a positive number of samples to show is needed.")
    if not data:
        raise ArgumentError("The data set has no samples to show; print(data.join) says what was dropped.")
    order = Onward(int(samples), (0, 1)) if data.endless else Uniform(len(data), min(int(samples), len(data)), "keep", (0, 1), seed, True)
    rows = order.picks([0])[0].rows
    weights, notice = _weights(data, rows, seed)
    streams = tuple(_stream(data, name, rows, seed, weights.get(name)) for name in [*data.inputs, *data.targets])
    preview = Preview(tuple(data.keys[int(row)] for row in rows), streams, None if data.endless else len(data), seed, notice)
    if html is not None:
        preview.to_html(html)
    return preview


@dataclass(frozen=True)
class Shown:
    """One stream of the batch.

    Args:
        name: The stream's.
        role: "input" or "target".
        source: The label of where it is read.
        before: What a sample is when it is read.
        after: What it is when it is fed.
        steps: Names of what was done in between.
        views: Title of a view -> one cell a sample: "read", "fed", "epoch 2".
        absent: (samples,) bool, true where there is no value.
        weights: (samples,) of the loss; None where all are 1.
        missing: Samples of the whole data set without a value.
    """

    name: str
    role: str
    source: str
    before: Spec
    after: Spec
    steps: tuple[str, ...]
    views: Mapping[str, Sequence[Cell]]
    absent: np.ndarray
    weights: np.ndarray | None
    missing: int


@dataclass(frozen=True)
class Preview:
    """A batch as text, as a page, and in a notebook.

    Args:
        keys: Of the samples, in the batch's order.
        streams: Inputs, then targets.
        total: Samples of the whole data set; None where it has no end.
        seed: What it was drawn with.
        notice: Why this batch cannot be fed to a model; empty where it can.
    """

    keys: tuple[object, ...]
    streams: tuple[Shown, ...]
    total: int | None
    seed: int
    notice: str = ""

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The page, without scripts or outside resources; also written to `path` where given.

        Raises:
            ReadError: It cannot be written.
        """
        notice = tag("p", "This batch cannot be fed to a model yet. ", self.notice, class_="notice") if self.notice else ""
        streams, samples = section("Streams", self.streams_table()), section("Samples", self.samples_table())
        text = page("One batch", notice, streams, samples, subtitle=self._title)
        if path is not None:
            write_page(text, path)
        return text

    def streams_table(self) -> Html:
        """What each stream is read and fed as, and the steps in between."""
        head = ("stream", "is read as", "steps", "is fed as", "from")
        rows = [
            (
                tag("span", tag("b", s.name), " ", badge(s.role, s.role)),
                s.before,
                " → ".join(s.steps) or "none",
                s.after,
                tag("span", s.source, _lacking(s), class_="value"),
            )
            for s in self.streams
        ]
        return table(head, rows, kind="facts")

    def samples_table(self) -> Html:
        """A row a sample, a column a stream: as it is read, as it is fed."""
        columns = [tag("span", s.name, " ", badge(s.role, s.role)) for s in self.streams]
        rows = [[tag("span", _key(key), class_="key"), *(_views(s, i) for s in self.streams)] for i, key in enumerate(self.keys)]
        return table(["key", *(s.name for s in self.streams)], rows, shown=["key", *columns], kind="samples")

    def __str__(self) -> str:
        rows = [["key", *(s.name for s in self.streams)], ["", *(s.role for s in self.streams)]]
        rows += [[_key(key), *(_line(s, i) for s in self.streams)] for i, key in enumerate(self.keys)]
        lines = [self._title, *(["", printable(f"This batch cannot be fed to a model yet. {self.notice}")] if self.notice else []), ""]
        return "\n".join([*lines, *_aligned(rows, shutil.get_terminal_size((140, 24)).columns)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        document = html.escape(self.to_html())
        return f'<iframe srcdoc="{document}" sandbox="" style="width:100%;height:40rem;border:1px solid #8884" title="One batch"></iframe>'

    @property
    def _title(self) -> str:
        shown = f"{len(self.keys)} samples of data without end" if self.total is None else f"{len(self.keys)} of {self.total} samples"
        return f"{shown}: the first batch of plait.Loader(data, {len(self.keys)}, seed={self.seed})"


def _stream(data: Dataset, name: str, rows: np.ndarray, seed: int, weights: np.ndarray | None) -> Shown:
    steps = [step for step in data.steps if name in step.on]
    gone = data.absent(name)
    absent = np.zeros(len(rows), bool) if gone is None else gone[rows]
    raw = data.raw()
    before, after = raw.spec[name], data.spec[name]
    views = {"read" if steps else "": cells(raw.read([name], rows)[name], before)}
    if steps:
        views["fed"] = cells(data.draw([name], rows, seed=seed, epoch=0)[name], after)
    if any(step.random for step in steps):
        views = {**views, "fed, epoch 1": views["fed"], "epoch 2": cells(data.draw([name], rows, seed=seed, epoch=1)[name], after)}
        del views["fed"]
    missing = 0 if gone is None else int(gone.sum())
    role = "input" if name in data.inputs else "target"
    names = tuple(step.name for step in steps)
    return Shown(name, role, data.origin(name).source.label, before, after, names, views, absent, weights, missing)


def _weights(data: Dataset, rows: np.ndarray, seed: int) -> tuple[dict[str, np.ndarray], str]:
    """Each target's weights as a loader would emit them; or why it would not."""
    try:
        emission = Emission(data, None, padded=False)
        values = data.draw(emission.names, rows, seed=seed, epoch=0)
        batch = emission.batches(emission.arrays(values, rows), Picks(rows, [0, len(rows)], [len(rows)], 0))[0]
    except SpecError as error:
        return {}, str(error)
    return {name: weight.reshape(len(rows)) for name, weight in batch.weights.items()} if emission.weighted else {}, ""


def _views(stream: Shown, row: int) -> Html:
    if stream.absent[row]:
        return tag("span", badge("missing", "missing"), tag("span", "weight 0", class_="note"))
    views = [tag("div", tag("small", title) if title else "", view[row].html, class_="view") for title, view in stream.views.items()]
    weight = "" if stream.weights is None else tag("span", f"weight {stream.weights[row]:.3g}", class_="note")
    return tag("span", tag("div", *views, class_="views"), weight)


def _line(stream: Shown, row: int) -> str:
    if stream.absent[row]:
        return "missing (weight 0)"
    shown = [view[row].text for view in stream.views.values()][:2]
    text = " → ".join(dict.fromkeys(shown))
    return text if stream.weights is None else f"{text} (weight {stream.weights[row]:.3g})"


def _lacking(stream: Shown) -> Html:
    return tag("span", f"{stream.missing} samples without a value", class_="note") if stream.missing else Html("")


def _key(key: object) -> str:
    return " / ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns side by side, in several blocks where the terminal is too narrow; the key leads each block."""
    clean = [["".join(c if c.isprintable() else "�" for c in " ".join(cell.split())) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in clean) for column in range(len(clean[0]))]
    blocks: list[list[int]] = [[]]
    for column in range(1, len(widths)):
        if blocks[-1] and widths[0] + sum(widths[c] + 2 for c in [*blocks[-1], column]) > width:
            blocks.append([])
        blocks[-1].append(column)
    lines = []
    for block in blocks:
        lines += ["  ".join(row[c].ljust(widths[c]) for c in [0, *block]).rstrip() for row in clean]
        lines.append("")
    return lines[:-1]
