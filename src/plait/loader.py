"""Batches for `model.fit`, in an order of their own, and for loops of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeVar

import numpy as np

from plait.adapter import Adapter
from plait.audit import audit_report
from plait.blocks import Blocks
from plait.contract import Contract
from plait.dataset import Dataset
from plait.drift import Profile, Watch
from plait.emit import Batch, Emission
from plait.errors import ArgumentError, SpecError
from plait.failures import Failures, OnError, allowed
from plait.feeder import Feeder, check_means, chosen
from plait.frameworks import as_it_is, tf_dataset, torch_tensors
from plait.ledger import Ledger
from plait.making import Making
from plait.memory import free_memory, in_words
from plait.order import Remainder, Uniform
from plait.plan import plan
from plait.planned import Plan
from plait.raising import Insistent
from plait.report import Report
from plait.salvage import Salvage
from plait.windows import Windowed

__all__ = ["Loader"]

A = TypeVar("A")
PlainBatch = tuple[dict[str, np.ndarray], Any, dict[str, np.ndarray]]


class Loader(Adapter):
    """The batches of a data set: a pure function of (seed, step). An epoch is a window of `len(loader)` steps.

    Give it to `fit`, `evaluate` or `predict` of a Keras model on any backend, or iterate over it: one epoch of
    (inputs, targets, weights) in NumPy, dicts by name, a single target bare.

    Args:
        data: What to feed.
        batch_size: Samples a batch, on each shard.
        model: Emit exactly what this model takes, and check now that the data fit it. Without it the same is done when `fit` starts.
        shuffle: Anew every epoch. Turn it off for `predict`. Data without end keep their order. "blocks": neighbours in the data stay
            within some thousand samples of each other, so that a disk reads them together: for data larger than memory.
        seed: Decides order and random steps, together with the epoch and the key of the sample.
        steps: Batches an epoch; all of the data when left out. Needed where the data have no end: the next epoch goes on where this
            one stopped.
        remainder: The last, partial batch: "keep" it, "drop" it, or "pad" it to full size with samples of weight 0.
        shard: (index, count): this process's part of every global batch of count * batch_size samples. With several shards the last
            batch is padded, so that all take the same number of equal steps.
        workers: Threads, or processes, that make batches ahead; 0 makes them in the thread that asks. When left out the kind of sources
            and the first batches, timed, decide; `plan` says on what and why.
        processes: Whether the workers are processes, for steps in Python that are slow: what they do does not hold up the training
            loop. Each imports what it needs and is sent the data set once, arrays in memory by a copy in shared memory, files by path.
            A worker that dies is replaced. When left out, threads, or what is found best where `workers` is left out too.
        timeout: Seconds that a worker may take for one batch, or block of them. A process that takes longer is replaced and its batch
            tried again; then, and on threads at once, an error names the samples. None waits for ever.
        balance: Name of a target of class codes: every class equally often.
        bucket: Name of a ragged stream, batches of similar length, padded to the end of their bucket; or a mapping name -> edges.
        ahead: Batches, or blocks of them, made ahead at most; twice the workers when left out.
        on_error: What is done about a sample that cannot be read, fails in a step, or may not be fed (NaN, a label out of range):
            "raise"; "skip": it is left out of its batch (or padded, where batches are), and nothing else changes; "mask": it stays, as
            zeros that have weight 0 for every target. `errors` lists them.
        budget: How many may fail: a number, such as 20, or their share, below 1, such as 0.05; one in a hundred when left out (100 where
            the data have no end). One more is a BadSamplesError.
        fuse_steps: On JAX, run the K steps of `compile(steps_per_execution=K)` as one compiled loop. It is compared bit for bit with
            steps one by one; where it can't be done or differs, a warning says why and steps are taken one by one.

    Raises:
        CheckError: The data do not fit `model`.
        SpecError: A stream is text or ragged and nothing turns it into numbers of one shape.
        ArgumentError, NameUnknownError: Arguments that cannot be meant.
    """

    def __init__(
        self,
        data: Dataset,
        batch_size: int = 32,
        *,
        model: Any = None,
        shuffle: bool | Literal["blocks"] = True,
        seed: int = 0,
        steps: int | None = None,
        remainder: Remainder = "keep",
        shard: tuple[int, int] = (0, 1),
        workers: int | None = None,
        processes: bool | None = None,
        timeout: float | None = 60.0,
        balance: str | None = None,
        bucket: str | dict[str, Sequence[int]] | None = None,
        ahead: int | None = None,
        on_error: OnError = "raise",
        budget: float | None = None,
        fuse_steps: bool = False,
    ) -> None:
        super().__init__()
        _check_arguments(data, batch_size, steps, remainder, shard, seed, fuse_steps)
        check_means(workers, processes, ahead, timeout)
        self.data, self.seed, self.shuffle = data, int(seed), bool(shuffle) and not data.endless
        if isinstance(shuffle, str) and shuffle != "blocks":
            raise ArgumentError(f'shuffle={shuffle!r}: choose True, False or "blocks".')
        self._bucket: dict[str, Sequence[int] | None] = {bucket: None} if isinstance(bucket, str) else {**(bucket or {})}
        self._policy, limit, share = allowed(on_error, budget, None if data.endless else len(data))
        self._ledger = Ledger(Failures(self._policy, None if data.endless else len(data), limit, share))
        self._order = plan(
            data,
            batch_size,
            remainder,
            shard,
            seed=self.seed,
            shuffle=self.shuffle,
            balance=balance,
            bucket=self._bucket,
            failures=None if self._policy == "raise" else self._ledger.failures,
            blocks=shuffle == "blocks",
        )
        self._salvage = Salvage(self._policy, self._order.remainder == "pad")
        if self._order.per_pass == 0:
            raise ArgumentError(
                f"remainder='drop' leaves no batch: {len(data)} samples, global batches of {self._order.whole}. Use a smaller batch_size"
                + (f", or fewer buckets than {len(self.layout['edges'])}: bucket={{...: [10, 20]}}." if self._bucket else ".")  # type: ignore[arg-type]
            )
        self.steps = self._order.per_pass if steps is None else int(steps)
        self._feeder = Feeder(chosen(workers, processes, in_memory=data.in_memory), ahead, timeout)
        self._blocks = Blocks(data, self._order, self._feeder, varying=bool(self._bucket))
        self.fuse_steps = bool(fuse_steps)
        self._emission = self._emission_for(None)
        if model is not None:
            self._emission = self._bind(model, "fit")

    # what it is

    @property
    def step(self) -> int:
        """How many batches were handed out since the seed's beginning. The whole state.

        Assign it to go on from there: the next epoch that begins, in `fit` or a loop, begins at that batch; `audit` takes that for a
        new run. A loop left early does not count: the next one begins its epoch afresh.
        """
        return self._step

    @step.setter
    def step(self, step: int) -> None:
        if step < 0:
            raise ArgumentError(f"loader.step = {step}: a step is 0 or more.")
        self._step = self._start = int(step)
        self._ledger.handed.clear()

    @property
    def epoch(self) -> int:
        """The epoch that `step` lies in, from 0."""
        return self._step // self.steps

    def mark(self, step: int) -> None:
        """Note that all batches before `step` were trained on, without moving where the next epoch begins."""
        self._step = int(step)

    def known(self, step: int) -> dict[str, object]:
        """What was noted about the batches before `step`, JSON-able: bad samples, and which were handed out."""
        return self._ledger.before(step)

    def restore(self, known: Mapping[str, Any]) -> None:
        """Go on with what `known` returned."""
        self._ledger.restore(known, lambda row: self.data.keys[row])

    @property
    def layout(self) -> dict[str, object]:
        """How samples are dealt to steps, JSON-able: with seed and data it decides every batch."""
        return {
            "batch_size": self.batch_size,
            "steps": self.steps,
            "shuffle": self.shuffle,
            "remainder": self._order.remainder,
            "shard": [self._order.index, self._order.count],
            "order": type(self._order).__name__,
            "edges": list(getattr(self._order, "edges", [])),
            **({"window": [self._order.block, self._order.window]} if isinstance(self._order, Windowed) else {}),
        }

    @property
    def batch_size(self) -> int:
        """Samples a batch, on each shard."""
        return self._order.batch_size

    @property
    def plan(self) -> Plan:
        """What it chose: which order, how much is read at once, on how many threads, and why."""
        slow = sorted({source.label for name in self.data.spec if not (source := self.data.storage(name).source).in_memory})
        where = f"{' and '.join(slow[:3])} {'is' if len(slow) == 1 else 'are'} not in memory" if slow else "every source is in memory"
        where += self._on_disk()
        choice = self._feeder.choice
        return Plan(
            f"{'shuffled' if self.shuffle else 'in order'}, {self._order.words}",
            self.batch_size,
            self._blocks.size,
            0 if choice.processes else choice.workers,
            self._feeder.depth,
            choice.said(where),
            choice.workers if choice.processes else 0,
            choice.alike,
        )

    @property
    def errors(self) -> Report:
        """The samples that could not be used so far, each counted once: key, stream, stage, file and error. See `on_error`."""
        return self._ledger.failures.report()

    def watch(self, profile: Profile) -> Watch:
        """Compare what is handed out from here on with `plait.Profile.fit(train)`; `report()` of what this returns says what differs.

        Raises:
            ArgumentError: It is no profile, or balance= repeats samples.
        """
        self._ledger.watch = Watch(profile, self.data, self._order)
        return self._ledger.watch

    def audit(self) -> Report:
        """Whether every sample comes exactly once: proved for the plan over all shards, and for the batches handed out here.

        The plan is looked at for each epoch that was begun (the first one where none was), at a few bytes and some 40 ns a sample; what
        was handed out is known from a few integers. False when a sample is missing or repeated; the findings say which.
        """
        return audit_report(self._order, None if self.data.endless else self.data.keys, self._ledger.handed, len(self._ledger.failures))

    def _on_disk(self) -> str:
        """Of files whose rows are gathered: how they are read, and what would be quicker."""
        size, free = self.data.mapped_bytes, free_memory()
        if not size:
            return ""
        said = f"; rows of {in_words(size)} of files are gathered from the page cache, and those it lacks read by 16 threads at once"
        if free is None or size <= free or not isinstance(self._order, Uniform) or not self.shuffle:
            return said
        return f'{said}; only {in_words(free)} of memory are free, so most will be lacking: shuffle="blocks" reads neighbours together'

    def __len__(self) -> int:
        return self.steps

    @property
    def num_batches(self) -> int:
        """Batches an epoch, for Keras."""
        return self.steps

    @property
    def has_partial_batch(self) -> bool:
        """Whether the last batch is smaller, for Keras."""
        return self._order.remainder == "keep" and not self.data.endless and len(self.data) % self._order.batch_size > 0

    @property
    def partial_batch_size(self) -> int | None:
        """Samples of the last batch where it is smaller, for Keras."""
        return len(self.data) % self._order.batch_size if self.has_partial_batch else None

    def __repr__(self) -> str:
        samples = "samples without end" if self.data.endless else f"{len(self.data)} samples"
        return f"Loader({samples}, {self.steps} batches of {self.batch_size} an epoch)"

    # NumPy

    def __iter__(self) -> Generator[PlainBatch, None, None]:
        """One epoch, from where `step` was put (the beginning by itself). Once it raised, it raises again at every further call."""
        return Insistent(self._counted(_plain(self.data)))

    def batch(self, step: int) -> PlainBatch:
        """Batch number `step` since the seed's beginning, whatever was read before. Pure."""
        return _plain(self.data)(self._make(range(step, step + 1), self._emission)[0])

    def rows(self, step: int) -> np.ndarray:
        """(samples,) int64: the rows of the data set in batch `step`, padding left out."""
        pick = self._order.picks([step])[0]
        return pick.rows[: pick.real]

    def keys(self, step: int) -> list[object]:
        """The keys of the samples in batch `step`, padding left out."""
        return list(self.data.keys.take(self.rows(step)))

    # other libraries

    def to_tf(self) -> Any:
        """A `tf.data.Dataset` of (inputs, targets[, weights]), one epoch each time it is iterated over.

        Batches are counted as they are taken; behind `prefetch`, `step` runs ahead of the loop.
        """
        known = self.steps if self._start % self.steps == 0 else None
        return tf_dataset(
            lambda: self._counted(self._emission.for_keras), self._example(self._emission), varying=self._varying, batches=known
        )

    def to_torch(self) -> Any:
        """A torch `DataLoader` of the same batches as tensors, one epoch each time it is iterated over."""
        from torch.utils.data import DataLoader, IterableDataset

        loader = self

        class Batches(IterableDataset):
            def __iter__(self) -> Iterator[Any]:
                return Insistent(loader._counted(lambda batch: torch_tensors(loader._emission.for_keras(batch))))

            def __len__(self) -> int:
                return len(loader)

        return DataLoader(Batches(), batch_size=None, collate_fn=as_it_is)

    # how it is done

    def _counted(self, form: Callable[[Batch], A]) -> Generator[A, None, None]:
        start, stop = self._start, self._end(self._start)
        numbers = itertools.count(start + 1)

        def given(batch: Batch) -> A:
            self._step = next(numbers)
            if self._step == stop:
                self._start = stop
            return form(batch)

        yield from map(given, self._ledger.noted(start, self._made(start, stop, self._emission)))

    @property
    def _varying(self) -> bool:
        return bool(self._bucket)

    def _made(self, start: int, stop: int, emission: Emission) -> Insistent[list[Batch]]:
        return self._feeder.run(self._making(emission), self._blocks.cut(start, stop), batches=stop - start)

    def _make(self, steps: range, emission: Emission) -> list[Batch]:
        """These batches, read together. Pure and thread-safe."""
        return self._making(emission)(steps)

    def _making(self, emission: Emission) -> Making:
        return Making(self.data, self._order, emission, self.seed, bool(self._bucket), self._salvage)

    def _emission_for(self, contract: Contract | None, *, evaluating: bool = False) -> Emission:
        for name in [*self.data.inputs, *self.data.targets]:
            if self.data.spec[name].ragged and not self._bucket:
                raise SpecError(
                    f"Stream {name!r} is ragged, {self.data.spec[name]}: its samples differ in length, and a batch is one array. Write "
                    f"data.map(plait.Pad(20, cut=True), on={name!r}), or plait.Loader(data, {self.batch_size}, bucket={name!r})."
                )
        padded = self._order.remainder == "pad"
        weighted = padded or self._policy != "raise"
        if self.data.endless or not evaluating:
            return Emission(self.data, contract, padded=weighted)
        slots = self._order.per_pass * self._order.whole if padded else len(self.data)
        return Emission(self.data, contract, padded=weighted, slots=slots)


def _plain(data: Dataset) -> Callable[[Batch], PlainBatch]:
    if len(data.targets) != 1:
        return itemgetter(slice(3))
    (only,) = data.targets
    return lambda batch: (batch[0], batch[1][only], batch[2])


def _check_arguments(
    data: object, batch_size: object, steps: object, remainder: object, shard: object, seed: object, fuse_steps: object
) -> None:
    if not isinstance(data, Dataset):
        raise ArgumentError(
            f"Loader takes a plait.Dataset, not a {type(data).__name__}. Write plait.Dataset(inputs={{...}}, targets={{...}}), or "
            "plait.Dataset.of(...) for a tf.data.Dataset, PyDataset or torch Dataset."
        )
    if data.endless and steps is None:
        raise ArgumentError(
            f"The data have no end, so say how many batches make an epoch: plait.Loader(data, {batch_size}, steps=1000). The next epoch "
            "goes on where the last one stopped."
        )
    if not data:
        raise ArgumentError("The data set has no samples.")
    for name, value in (("batch_size", batch_size), ("steps", 1 if steps is None else steps)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ArgumentError(f"{name}={value!r}: an integer of at least 1 is needed.")
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ArgumentError(f"seed={seed!r}: a seed is a whole number. Write seed=0.")
    if not isinstance(fuse_steps, (bool, np.bool_)):
        raise ArgumentError(f"fuse_steps={fuse_steps!r}: True or False; how many steps is said by model.compile(steps_per_execution=...).")
    if remainder not in ("keep", "drop", "pad"):
        raise ArgumentError(f"remainder={remainder!r}: choose 'keep', 'drop' or 'pad'.")
    if not isinstance(shard, tuple) or len(shard) != 2 or not 0 <= shard[0] < shard[1]:
        raise ArgumentError(f"shard={shard!r}: (index, count) with 0 <= index < count is needed, such as (0, 2) and (1, 2).")
