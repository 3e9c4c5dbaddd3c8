"""The page of the demo: what went in, how it was learnt, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import plait
from plait.demo.road import Parts
from plait.demo.scores import Score, truth_of
from plait.pages.figures import confusion, curves, scatter, trace
from plait.pages.page import Html, badge, page, report, section, table, tag
from plait.pages.png import data_uri
from plait.report import Report

__all__ = ["Story", "tell"]

_SHOWN = 6  # drawings of each kind in the gallery


@dataclass(frozen=True)
class Story:
    """Everything the page shows.

    Args:
        data: Before it was split.
        parts: Train and test.
        found: What `plait.check` said.
        history: name -> value after each epoch.
        scores: One a head.
        probability: (samples, scripts) of the test part.
        predicted: "script" as text and "seconds" as numbers, one a test sample.
        backend: What Keras ran on.
        fresh: (file, script, seconds) as a fresh process predicted them from raw files.
    """

    data: plait.Dataset
    parts: Parts
    found: Report
    history: Mapping[str, Sequence[float]]
    scores: Sequence[Score]
    probability: np.ndarray
    predicted: Mapping[str, np.ndarray]
    backend: str
    fresh: Sequence[tuple[str, str, float]]


def tell(story: Story) -> str:
    """The page as HTML."""
    return page(
        "What was written, and how long did it take?",
        _scores(story),
        _pictures(story),
        _curves(story),
        _data(story),
        section(
            "One batch, side by side",
            plait.show(story.parts.train, samples=6).samples_table(),
            lead="The first samples of the first batch: as they are in their files, and as the model gets them. Picture and pen are nudged "
            "together, anew in every epoch. What has no time has weight 0, and the rest a little more, so that the loss keeps its size.",
        ),
        section(
            "The check before training", report(story.found), lead="Every finding names the line to write instead, where there is one."
        ),
        _files(story),
        subtitle=f"{len(story.data)} drawings of letters in five scripts. One model gets the picture, the path of the pen and the usual "
        f"time of the hand, and answers both questions. Trained by plait demo with Keras on {story.backend}.",
    )


def _scores(story: Story) -> Html:
    rows = [
        (
            tag("b", score.head),
            score.measure,
            tag("span", score.shown(score.model), class_="best" if _better(score) else ""),
            score.shown(score.linear),
            score.shown(score.plain),
            f"{score.samples}",
        )
        for score in story.scores
    ]
    head = ("head", "measure", "this model", "a linear model", "always the same answer", "labelled samples")
    return section(
        "Scores, on hands the model has never seen",
        table(head, rows, kind="facts"),
        tag(
            "p",
            "Always the same answer is the commonest script, and the median time. The linear model is ridge regression on the same inputs. "
            "The time depends on the hand as much as on the letter. The model is told how long a hand usually takes, not how fast "
            "it was this time, so its answer can only come so close.",
            class_="lead",
        ),
    )


def _better(score: Score) -> bool:
    others = (score.linear, score.plain)
    return score.model > max(others) if score.most else score.model < min(others)


def _pictures(story: Story) -> Html:
    truth, said = truth_of(story.parts.test), np.array(story.predicted["script"].tolist())
    scripts = np.unique(truth.script)
    counts = np.array([[int(((truth.script == a) & (said == b)).sum()) for b in scripts] for a in scripts])
    timed = np.isfinite(truth.seconds)
    points = scatter(truth.seconds[timed], story.predicted["seconds"][timed], x="seconds it took", y="seconds predicted")
    figures = tag(
        "div",
        _card("Script: true in rows, predicted in columns", confusion(counts, scripts.tolist())),
        _card("Seconds: on the dashed line they would agree", points),
        class_="grid",
    )
    shuffled = np.random.default_rng(0).permutation(len(said))
    right, wrong = shuffled[(said == truth.script)[shuffled]][:_SHOWN], shuffled[(said != truth.script)[shuffled]][:_SHOWN]
    cards = [tag("div", *(_drawing(story, int(row)) for row in rows), class_="gallery") for rows in (right, wrong)]
    return section(
        "Predictions to look at",
        figures,
        tag("h3", f"Recognised: {int((said == truth.script).sum())} of {len(said)}, {len(right)} of them"),
        cards[0],
        tag("h3", f"Taken for another script: {int((said != truth.script).sum())}, {len(wrong)} of them"),
        cards[1],
        lead="All of the test part: drawings by people of whom the model saw nothing.",
    )


def _drawing(story: Story, row: int) -> Html:
    test, truth = story.parts.test, truth_of(story.parts.test.take([row]))
    values = test.read(["drawing", "pen"], np.array([row]))
    picture, pen = np.asarray(values["drawing"])[0], np.asarray(values["pen"])[0]
    pen = pen[pen[:, 2] > 0]
    script, seconds = str(story.predicted["script"][row]), float(story.predicted["seconds"][row])
    right = script == truth.script[0]
    took = f"{truth.seconds[0]:.1f} s" if np.isfinite(truth.seconds[0]) else "unknown"
    picture = tag("img", src=data_uri(picture), alt=f"drawing {test.keys[row]}", class_="pixels")
    answer = tag("span", badge(script, "right" if right else "wrong"), f" {story.probability[row].max():.0%}")
    lines = (("is", tag("b", truth.script[0])), ("said", answer), ("time", f"{took}, said {seconds:.1f} s"))
    facts = tag("dl", *(part for term, text in lines for part in (tag("dt", term), tag("dd", text))))
    pair = tag("div", picture, trace(pen[:, :2], pen[:, 2]), class_="pair")
    return tag("div", pair, facts, tag("span", test.keys[row], class_="key note"), class_="card")


def _curves(story: Story) -> Html:
    charts = [
        _card(title, curves({"hands seen": story.history[name], "hands not seen": story.history[f"val_{name}"]}, x="epoch", y=unit))
        for name, title, unit in (
            ("script_loss", "Loss of script", "cross-entropy"),
            ("seconds_loss", "Loss of seconds", "absolute error, scaled"),
            ("script_accuracy", "Right scripts", "share of drawings"),
        )
    ]
    lead = "While training, parts of the network are switched off and drawings are nudged, so the hands seen can look worse than they are."
    return section("Training", tag("div", *charts, class_="grid"), lead=lead)


def _data(story: Story) -> Html:
    return section(
        "The data, joined by key",
        tag("pre", str(story.data)),
        report(story.data.join),
        tag("pre", str(plait.Preprocessing(story.parts.train))),
        lead="A folder of pictures, a folder of arrays of unequal length and a table. Where a writer rested, the table has no time: the "
        "drawing stays, and this one answer has weight 0. The second listing is the preprocessing that is saved beside the model.",
    )


def _files(story: Story) -> Html:
    rows = [(tag("code", file), script, f"{seconds:.1f} s") for file, script, seconds in story.fresh]
    return section(
        "Predicted in a fresh process",
        table(("raw file", "script", "seconds"), rows, kind="facts"),
        lead="predict.py loaded model.keras and prep.json, read these files and decoded the answers. The training process gives the same.",
    )


def _card(title: str, *content: Html) -> Html:
    return tag("div", tag("h3", title), *content, class_="card")
