"""One variable after the other by a masked network: numbers as digits, a softmax for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.synth.digits import Digits
from plait.synth.learned import Learned, Prepared, prepare
from plait.synth.masked import MaskedNetwork, draw, log_chance
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["Autoregressive"]

_WIDTH = 16  # of the vector that stands for a digit's value
_BLOCK = 2048  # samples drawn at once: what a pass holds stays in the processor's cache


class Autoregressive(Learned):
    """Inputs first, targets last, each variable given those before it, by one masked network in Keras.

    A number is two digits: which bin of frequent values or quantiles, and which cell within it; what is drawn lies anywhere in the cell,
    so that values of single rows are not handed out. Each digit has a softmax, and sees the digits before it (MADE). Training is a
    plain `fit` of the digits on themselves, stopped when a part that is held out gets no better. Sampling runs in NumPy from the
    weights alone: it is the same on every backend and needs no Keras.

    `given` conditions. Where the given streams are the first ones, such as all inputs, this is exact. Elsewhere it is sequential
    importance resampling (Gordon, Salmond, Smith 1993): each sample starts as `particles` candidates, and those in whose company the
    given values are likely go on; approximate, better with more particles, and as much slower.

    References:
        Germain, Gregor, Murray, Larochelle, "MADE: masked autoencoder for distribution estimation", ICML 2015.
        Tiwald, Krchova, Sidorenko et al., "TabularARGN", arXiv 2501.12012 (2025), which is any-order; this is not.
    """

    kind: ClassVar[str] = "autoregressive"

    def __init__(
        self,
        schema: Schema,
        constraints: Constraints,
        inner: Schema,
        digits: Mapping[str, Digits],
        network: MaskedNetwork,
        particles: int,
        history: Mapping[str, Sequence[float]],
    ) -> None:
        super().__init__(schema, constraints, inner)
        self._digits, self._network, self._particles = dict(digits), network, particles
        #: "loss" and "val_loss", nats a sample, after each epoch
        self.history = {name: list(values) for name, values in history.items()}

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        epochs: int | None = None,
        units: int | None = None,
        layers: int = 2,
        batch_size: int | None = None,
        learning_rate: float = 0.003,
        dropout: float | None = None,
        weight_decay: float = 0.1,
        patience: int = 5,
        particles: int = 64,
        progress: bool = True,
    ) -> Self:
        """Learn the joint distribution of a data set.

        Args:
            data: Numbers, categories, dates and vectors of these; missing values are learned as such.
            seed: Decides the initial weights, the order of the samples, dropout, and what is held out. On one backend and machine the
                same seed gives the same weights.
            kinds: stream (or variable) name -> "number", "integer", "category", "ordered" or "date", where another is meant.
            constraints: What every sample obeys.
            epochs: At most so many; by itself 30 to 200, fewer where samples are many.
            units: Of each hidden layer; by itself as many as the table asks for.
            layers: Hidden layers.
            batch_size: Samples a step; by itself as many as the table asks for.
            learning_rate: Of Adam; it falls when the held-out loss gets no better.
            dropout: Share of hidden units left out in training; by itself 0.2 to 0.5, more where samples are few.
            weight_decay: Of the weights, decoupled.
            patience: Stop after so many epochs without a better held-out loss; the best weights are kept.
            particles: For `given` streams behind others that are not given.
            progress: Show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        prepared = prepare("Autoregressive", data, kinds, constraints, seed=seed)
        _check(epochs=1 if epochs is None else epochs, layers=layers, patience=patience, particles=particles)
        digits = {v.name: Digits.of(v, prepared.columns[v.name]) for v in prepared.inner.variables}
        network, history = _train(
            _encode(digits, prepared.columns),
            prepared,
            digits,
            seed=int(seed),
            epochs=epochs,
            units=units,
            layers=layers,
            batch_size=batch_size,
            learning_rate=learning_rate,
            dropout=dropout,
            weight_decay=weight_decay,
            patience=patience,
            progress=progress,
        )
        return cls(prepared.schema, prepared.constraints, prepared.inner, digits, network, particles, history)

    def log_prob(self, data: Dataset) -> np.ndarray:
        """(samples,) float64, the log of each sample's joint probability; exact for the network.

        Categories and numbers on a grid (integers, dates, so many decimals) count with their probability, other numbers with their
        density, in the data's own units. A value beyond all that were seen counts as the nearest of those.

        Raises:
            SpecError: The data lack a stream, or have it in another shape.
            ArgumentError: A level is unknown, or a value is missing where none was.
        """
        columns = self.constraints.reduce(self.schema.columns(data), data.keys)
        digits = _encode(self._digits, columns)
        total = np.zeros(len(digits))
        for start in range(0, len(digits), _BLOCK):
            block = digits[start : start + _BLOCK]
            run = self._network.start(len(block))
            for place in range(digits.shape[1]):
                total[start : start + _BLOCK] += log_chance(run.logits(), block[:, place])
                run.add(block[:, place])
        at = 0
        for variable in self._digits.values():
            total += variable.log_density(digits[:, at : at + len(variable.sizes)])
            at += len(variable.sizes)
        return total

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        fixed = {name: _encode({name: self._digits[name]}, given) for name in given}
        behind = _behind(self._digits, given)
        step = max(1, _BLOCK // self._particles) if behind else _BLOCK
        drawn = []
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            drawn.append(self._block(rows.stop - start, rng, {name: part[rows] for name, part in fixed.items()}, behind))
        digits = np.concatenate(drawn)
        columns, at = {}, 0
        for name, variable in self._digits.items():
            own = digits[:, at : at + len(variable.sizes)]
            columns[name] = given[name] if name in given else variable.decode(own, rng)
            at += len(variable.sizes)
        return columns

    def _block(self, rows: int, rng: np.random.Generator, fixed: Mapping[str, np.ndarray], behind: set[str]) -> np.ndarray:
        """(rows, digits) drawn, the fixed ones as they are; with candidates for each row while some fixed ones are still `behind`."""
        many = self._particles if behind else 1
        left = set(behind)
        run = self._network.start(rows * many)
        out = np.empty((rows * many, len(self._network.sizes)), np.int64)
        place = 0
        for name, variable in self._digits.items():
            for digit in range(len(variable.sizes)):
                logits = run.logits()
                if name not in fixed:
                    out[:, place] = draw(logits, rng)
                else:
                    out[:, place] = np.repeat(fixed[name][:, digit], many)
                    if name in behind:
                        chance = log_chance(logits, out[:, place]).reshape(rows, many)
                        last = left == {name} and digit == len(variable.sizes) - 1
                        kept = _resample(chance, 1 if last else many, rng)
                        run.choose(kept)
                        out, many = out[kept], 1 if last else many
                run.add(out[:, place])
                place += 1
            left.discard(name)
        return out

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"network.{name}": array for name, array in self._network.to_arrays().items()}
        for number, variable in enumerate(self._digits.values()):
            arrays |= {f"digits.{number}.{name}": array for name, array in variable.arrays().items()}
        state = {
            "digits": {name: variable.to_json() for name, variable in self._digits.items()},
            "particles": self._particles,
            "history": self.history,
        }
        return state, arrays

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

        digits = {name: Digits.from_state(own, part(f"digits.{i}.")) for i, (name, own) in enumerate(state["digits"].items())}
        network = MaskedNetwork.from_arrays([size for d in digits.values() for size in d.sizes], part("network."))
        return cls(schema, constraints, inner, digits, network, int(state["particles"]), state["history"])


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ArgumentError(f"Autoregressive.fit({name}={value}): a whole number of at least 1 is needed.")


def _encode(digits: Mapping[str, Digits], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """(rows, digits) int64 of all variables.

    Raises:
        ArgumentError: A value is missing where none was in training.
    """
    parts = []
    for name, variable in digits.items():
        if not variable.missing and np.isnan(columns[name]).any():
            raise ArgumentError(f"{name!r} has missing values, and had none in the data this was fitted on. Leave those samples out.")
        parts.append(variable.encode(columns[name]))
    return np.concatenate(parts, axis=1)


def _behind(digits: Mapping[str, Digits], given: Mapping[str, np.ndarray]) -> set[str]:
    """The given variables that stand behind one that is not given."""
    names = list(digits)
    free = [i for i, name in enumerate(names) if name not in given]
    return {name for name in given if free and names.index(name) > free[0]}


def _resample(chance: np.ndarray, many: int, rng: np.random.Generator) -> np.ndarray:
    """(rows * many,) numbers of candidates, drawn by their (rows, candidates) log chances; systematically, so that few are lost."""
    rows, candidates = chance.shape
    best = chance.max(axis=1, keepdims=True)
    odds = np.exp(chance - np.where(np.isfinite(best), best, 0.0))
    odds[~np.isfinite(best[:, 0])] = 1.0  # none is possible: all are as good
    share = np.cumsum(odds, axis=1)
    share /= share[:, -1:]
    at = (np.arange(many) + rng.random((rows, 1))) / many
    kept = np.stack([np.searchsorted(own, points, side="right") for own, points in zip(share, at, strict=True)])
    return (np.minimum(kept, candidates - 1) + np.arange(rows)[:, None] * candidates).ravel()


def _train(tokens: np.ndarray, prepared: Prepared, digits: Mapping[str, Digits], *, seed: int, **options: Any) -> Any:
    """The trained network as weights, and the losses."""
    import keras

    from plait.synth import networks

    rng = np.random.default_rng([seed & 0xFFFFFFFF, 1])
    rows, places = tokens.shape
    sizes = [size for d in digits.values() for size in d.sizes]
    units = options["units"] or int(np.clip(24 * places, 192, 384))
    degrees = np.sort(np.arange(units) % max(places - 1, 1))
    ends = np.cumsum([len(d.sizes) for d in digits.values()])[:-1]
    offsets = [table for d, own in zip(digits.values(), np.split(tokens, ends, axis=1), strict=True) for table in d.frequencies(own)]
    ordered = [prepared.inner[name].kind != "category" for name, d in digits.items() for _ in d.sizes]
    embedding = np.concatenate([_vectors(size, smooth, rng) for size, smooth in zip(sizes, ordered, strict=True)])

    kept, held = networks.divided(rows, rng)
    batch_size = options["batch_size"] or int(2 ** np.clip(round(math.log2(max(rows, 2) / 40)), 4, 10))
    with networks.undisturbed():
        model = networks.masked_network(
            sizes,
            degrees,
            embedding=embedding,
            offsets=offsets,
            ordered=ordered,
            layers=options["layers"],
            dropout=float(np.clip(0.25 + 0.1 * math.log10(10_000 / rows), 0.2, 0.5)) if options["dropout"] is None else options["dropout"],
            seed=seed,
        )
        optimizer = keras.optimizers.AdamW(options["learning_rate"], weight_decay=options["weight_decay"], clipnorm=1.0)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = tokens.astype(np.int32)
    history = networks.train(
        model,
        {"digits": x[kept]},
        x[kept],
        (x[held], x[held]),
        title="Autoregressive.fit",
        epochs=options["epochs"] or int(np.clip(500_000 // rows, 30, 200)),
        batch_size=batch_size,
        seed=seed,
        shown=options["progress"],
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(patience=max(1, options["patience"] // 3), factor=0.3, min_lr=1e-5),
            keras.callbacks.EarlyStopping(patience=options["patience"], restore_best_weights=True),
        ],
    )
    losses = {name: [float(v) * places for v in history.history[name]] for name in ("loss", "val_loss")}
    return networks.weights(model, sizes, degrees, offsets, options["layers"]), losses


def _vectors(size: int, smooth: bool, rng: np.random.Generator) -> np.ndarray:
    """(values, width) initial vectors: waves over the order of the values, so that neighbours are alike; random for categories."""
    if not smooth:
        return rng.normal(size=(size, _WIDTH))
    waves = np.arange(1, _WIDTH + 1)
    return np.sqrt(2) * np.cos(np.pi * waves * (np.arange(size)[:, None] + 0.5) / size) * 1.5 / np.sqrt(waves)
