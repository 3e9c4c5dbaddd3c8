"""What `bench` found: words first, then the figures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from plait.benching.stages import Stage
from plait.dataset import Dataset
from plait.planned import Plan

__all__ = ["LITTLE", "Bench", "advice", "ordered"]

LITTLE = 0.05  # of a step; less waiting than this is not worth a change
_SHOWN = 7  # stages, the slowest


@dataclass(frozen=True)
class Bench:
    """Whether a model waits for its data.

    Args:
        title: What was measured.
        step: Seconds of one training step with the real feed, median over the rounds.
        replayed: The same with batches that were there already.
        waiting: Share of a step spent waiting for its batch, median over the rounds, 0 to 1.
        stages: What a batch costs to make, each stage by itself in one thread; the slowest first.
        plan: What the loader chose.
        remedy: What to do about it.
        rounds: How often each feed was timed, in turns.
        steps: Of a round.
    """

    title: str
    step: float
    replayed: float
    waiting: float
    stages: tuple[Stage, ...]
    plan: Plan
    remedy: str
    rounds: int
    steps: int

    @property
    def gain(self) -> float:
        """Share of a step that a perfect feed would save, 0 to 1."""
        return max(0.0, 1 - self.replayed / self.step)

    @property
    def slowest(self) -> Stage:
        """What takes longest in making a batch."""
        return self.stages[0]

    def __str__(self) -> str:
        many = "hardly " if self.waiting < LITTLE else ""
        gain = f"With a perfect feed a step would take {self.gain:.0%} less" if self.gain >= LITTLE else "A perfect feed would gain nothing"
        rest = self.stages[_SHOWN:]
        lines = [
            self.title,
            f"The model {many}waits for its data: {self.waiting:.0%} of a step. {gain}.",
            f"The slowest part of a batch is {self.slowest}.",
            f"-> {self.remedy}",
            f"The loader: {self.plan}.",
            "",
            f"  {_time(self.step)}  a step with this feed",
            f"  {_time(self.replayed)}  a step with batches that are there already",
            f"  {_time(self.waiting * self.step)}  of a step waiting for its batch",
            "  and for each batch, in one thread, each stage by itself:",
            *(f"  {_time(stage.seconds)}  {stage}" for stage in self.stages[:_SHOWN]),
            *([f"  {_time(sum(stage.seconds for stage in rest))}  the other {len(rest)} together"] if rest else []),
            f"  medians of {self.rounds} rounds of {self.steps} steps, the two feeds in turns",
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The same as JSON text, also written to `path` where given; times in seconds."""
        text = json.dumps({**asdict(self), "gain": self.gain}, indent=1)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text


def ordered(stages: Sequence[Stage], *, wait: float, backend: str) -> tuple[Stage, ...]:
    """The stages, the one that takes longest first; with what TensorFlow takes, where they do not explain the waiting.

    Args:
        stages: Of a batch.
        wait: Seconds of a step spent waiting.
        backend: Of Keras.
    """
    rest = wait - sum(stage.seconds for stage in stages)
    handing = [Stage("hand-over", (), "handing batches to TensorFlow", rest)] if backend == "tensorflow" and rest > wait / 2 else []
    return tuple(sorted([*stages, *handing], key=lambda stage: -stage.seconds))


def advice(data: Dataset, plan: Plan, stage: Stage) -> str:
    """What to do where this stage of making a batch is the slowest and a model waits for it."""
    if stage.kind == "hand-over":
        return "TensorFlow takes time over every batch: model.compile(..., steps_per_execution=16), or a larger batch_size."
    more = max(4, 2 * (plan.threads or plan.processes))
    threads = f"workers={more} reads on more threads" if plan.threads else "workers=2 makes batches while the model trains"
    if plan.alike:  # what is made holds Python's lock
        threads = "workers=2, processes=True makes them in processes (more threads would do no more than one)"
        if not plan.threads:
            threads = f"workers=1 makes batches while the model trains, {threads}"
    if plan.processes:
        threads = f"workers={more}, processes=True makes them in more processes"
    if stage.kind == "random step":
        return f"It is random, so it can't be stored: {threads}; or do it in the model, as a Keras layer."
    if data.endless:
        return f"Samples are drawn as they are asked for: {threads}. Or once: plait.pack(data.take(range(100_000)), 'drawn.plait')."
    if stage.kind == "order":
        return f"Take a larger batch_size. Or {threads}."
    if stage.kind == "reading" and data.storage(stage.on[0]).source.in_memory:
        return f"It is in memory already: take a larger batch_size. Or {threads}."
    untouched = not any(set(step.on) & set(stage.on) for step in data.steps)
    if untouched and all(data.storage(name).source.in_memory for name in stage.on if name in data.spec):
        return f"It is in memory and has no steps: take a larger batch_size. Or {threads}."
    if not set(stage.on) & set(data.settled()[0].spec):
        return f"It comes after what is random, so it can't be stored: {threads}; or put it before, if that is the same to you."
    return f"Do it once: plait.cache(data, 'cache'), and train on what it returns. Or {threads}."


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:8.2f} s "
    return f"{1e3 * seconds:8.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:8.1f} us"
