"""Rows by a generator that was trained against a critic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.synth.learned import Learned, prepare
from plait.synth.rows import Rows
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["GAN"]


class GAN(Learned):
    """A conditional generative adversarial network in Keras: noise, and the streams named in `condition`, to the other streams.

    On tables it ranks last of all that is learned here: use `Sequential` or `Autoregressive` there, and this where a generator is
    wanted that is a plain Keras model. `gan.generator` takes {"noise": (n, noise)}, with a condition also {"condition": (n, ...)}, and
    gives rows of normal scores and chances; `gan.generator.save("gan.keras")` loads anywhere Keras does, and `plait.Pretrained` reads it.

    `given` sets the streams of `condition`, all of them; no others. Where they are not given, they are those of training rows drawn at
    random.

    References:
        Goodfellow et al., "Generative adversarial nets", NeurIPS 2014 (the non-saturating loss).
        Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018 (the penalty R1).
    """

    kind: ClassVar[str] = "gan"

    def __init__(
        self,
        schema: Schema,
        constraints: Constraints,
        inner: Schema,
        rows: Rows,
        generator: Any,
        shape: Mapping[str, int],
        conditions: Mapping[str, np.ndarray],
        history: Mapping[str, Sequence[float]],
    ) -> None:
        super().__init__(schema, constraints, inner)
        #: the trained generator, a plain keras.Model
        self.generator = generator
        self._rows, self._shape, self._conditions = rows, dict(shape), dict(conditions)
        #: "loss" and "val_loss", both losses added, after each epoch; they do not tell how good the samples are
        self.history = {name: list(values) for name, values in history.items()}

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        condition: Sequence[str] = (),
        epochs: int | None = None,
        noise: int = 64,
        units: int = 256,
        layers: int = 3,
        batch_size: int = 256,
        learning_rate: float = 0.0005,
        penalty: float = 1.0,
        progress: bool = True,
    ) -> Self:
        """Train a generator on a data set.

        Args:
            data: Numbers, categories, dates and vectors of these; missing values are learned as such.
            seed: Decides the initial weights, the order of the samples and the noise. On one backend and machine the same seed gives the
                same weights.
            kinds: stream (or variable) name -> "number", "integer", "category", "ordered" or "date", where another is meant.
            constraints: What every sample obeys.
            condition: Streams that the generator is told, such as the class; `given` can set these.
            epochs: By itself as many as make about 4 000 steps, at most 400.
            noise: How many numbers the noise has.
            units, layers: Width and depth of the generator and of the critic.
            batch_size: Samples a step.
            learning_rate: Of both Adams.
            penalty: Weight of the penalty R1: more is steadier and smoother.
            progress: Show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        prepared = prepare("GAN", data, kinds, constraints, seed=seed)
        sizes = {"epochs": epochs or 1, "noise": noise, "units": units, "layers": layers, "batch_size": batch_size}
        for name, value in sizes.items():
            if value < 1:
                raise ArgumentError(f"GAN.fit({name}={value}): a whole number of at least 1 is needed.")
        told = _told(prepared.inner, condition)
        from plait.synth import networks, networks_gan

        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 3])
        rows = Rows.of(prepared.inner, prepared.columns)
        values = rows.encode(prepared.columns, rng)
        known = _columns_of(rows, told)
        streams = {"row": values[:, ~known]} | ({"condition": values[:, known]} if told else {})
        kept, held = networks.divided(len(values), rng)
        batches = -(-len(kept) // batch_size)
        shape = {"noise": noise, "units": units, "layers": layers, "seed": int(seed) & 0x7FFFFFFF}
        with networks.undisturbed():
            critic = networks_gan.row_critic(int((~known).sum()), int(known.sum()), units=units, layers=layers, seed=shape["seed"] + 1000)
            training = networks_gan.Adversarial(
                lambda: _generator(rows, told, shape), critic, noise=(noise,), penalty=penalty, seed=shape["seed"]
            )
            training.compile(training.optimizer_for(learning_rate))
        history = networks.train(
            training,
            {name: array[kept] for name, array in streams.items()},
            np.zeros(len(kept), np.float32),
            ({name: array[held] for name, array in streams.items()}, np.zeros(len(held), np.float32)),
            title="GAN.fit",
            epochs=epochs or int(np.clip(4000 // batches, 10, 400)),
            batch_size=batch_size,
            seed=int(seed),
            shown=progress,
        )
        losses = {name: [float(v) for v in history.history[name]] for name in ("loss", "val_loss")}
        stored = {name: prepared.columns[name] for name in told}
        return cls(prepared.schema, prepared.constraints, prepared.inner, rows, training.mean, shape, stored, losses)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        told = list(self._conditions)
        if given and set(given) != set(told):
            streams = list(dict.fromkeys(v.stream for v in self.inner.variables if v.name in told))
            raise ArgumentError(
                f"GAN.sample(given={sorted(given)}): this GAN is told {streams or 'nothing'}, all or none of it. Other streams are told "
                "when it is fitted with them: GAN.fit(data, condition=[...])."
            )
        if told and not given:
            at = rng.integers(0, len(self._conditions[told[0]]), n)
            given = {name: column[at] for name, column in self._conditions.items()}
        feed = {"noise": rng.standard_normal((n, self._shape["noise"]), np.float32)}
        known = _columns_of(self._rows, told)
        values = self._rows.encode(given, rng) if told else np.zeros((n, self._rows.width), np.float32)
        if told:
            feed["condition"] = values[:, known]
        values[:, ~known] = self.generator.predict(feed, batch_size=1024, verbose=0)
        return {**self._rows.decode(values), **given}

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        from plait.synth import networks_gan

        arrays = {f"weight.{number}": value for number, value in enumerate(networks_gan.values_of(self.generator))}
        arrays |= {f"rows.{name}": array for name, array in self._rows.arrays().items()}
        arrays |= {f"condition.{number}": column for number, column in enumerate(self._conditions.values())}
        state = {"rows": self._rows.to_json(), "shape": self._shape, "told": list(self._conditions), "history": self.history}
        return state, arrays

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        rows = Rows.from_state(state["rows"], {n.removeprefix("rows."): a for n, a in arrays.items() if n.startswith("rows.")})
        told = list(state["told"])
        generator = _generator(rows, told, state["shape"])
        generator.set_weights([arrays[f"weight.{number}"] for number in range(len(generator.variables))])
        conditions = {name: arrays[f"condition.{number}"] for number, name in enumerate(told)}
        return cls(schema, constraints, inner, rows, generator, state["shape"], conditions, state["history"])


def _generator(rows: Rows, told: Sequence[str], shape: Mapping[str, int]) -> Any:
    from plait.synth import networks_gan

    heads = [size for name, size in rows.sizes.items() if name not in told]
    condition = sum(rows.sizes[name] for name in told)
    return networks_gan.row_generator(shape["noise"], condition, heads, units=shape["units"], layers=shape["layers"], seed=shape["seed"])


def _told(schema: Schema, condition: Sequence[str]) -> list[str]:
    """The variables of the streams that the generator is told."""
    streams = list(dict.fromkeys(v.stream for v in schema.variables))
    condition = [condition] if isinstance(condition, str) else list(condition)
    unknown = [name for name in condition if name not in streams]
    if unknown:
        raise NameUnknownError(f"GAN.fit(condition={condition}): there is no stream {unknown[0]!r}. There are {streams}.")
    told = [v.name for v in schema.variables if v.stream in condition]
    if len(told) == len(schema):
        raise ArgumentError(f"GAN.fit(condition={condition}) names every stream, so that nothing is left to generate.")
    return told


def _columns_of(rows: Rows, told: Sequence[str]) -> np.ndarray:
    """(width,) bool, the numbers of a row that the generator is told."""
    names = list(rows.sizes)
    return np.isin(rows.owners, [names.index(name) for name in told])
