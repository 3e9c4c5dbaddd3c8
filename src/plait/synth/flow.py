"""Rows by flow matching: noise carried to data along a velocity that a network learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.synth.learned import Learned, prepare
from plait.synth.rows import Rows
from plait.synth.velocity import Velocity
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["Flow"]

_BLOCK = 4096  # samples carried at once


class Flow(Learned):
    """Conditional flow matching in Keras: samples begin as noise and follow a learned velocity to the data.

    Numbers are written by their normal scores, so that spikes, bounds and grids come back as they were; categories one-hot. In training,
    variables drawn at random are given and the others learned, so that `given` conditions on any streams without rejection.
    Sampling runs in NumPy from the weights and needs no Keras. On tables `Sequential` and `Autoregressive` are nearer to the data, and
    quicker; this is for numbers that depend smoothly on each other.

    References:
        Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow matching for generative modeling", ICLR 2023. The path is the straight one; there is no
        guidance, and no likelihood is computed.
    """

    kind: ClassVar[str] = "flow"

    def __init__(
        self,
        schema: Schema,
        constraints: Constraints,
        inner: Schema,
        rows: Rows,
        velocity: Velocity,
        steps: int,
        history: Mapping[str, Sequence[float]],
    ) -> None:
        super().__init__(schema, constraints, inner)
        self._rows, self._velocity, self._steps = rows, velocity, steps
        #: "loss" and "val_loss", the mean square error of the velocity, after each epoch
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
        units: int = 256,
        blocks: int = 3,
        batch_size: int = 256,
        learning_rate: float = 0.001,
        steps: int = 12,
        progress: bool = True,
    ) -> Self:
        """Learn the joint distribution of a data set.

        Args:
            data: Numbers, categories, dates and vectors of these; missing values are learned as such.
            seed: Decides the initial weights, the order of the samples and all that is drawn in training. On one backend and machine the
                same seed gives the same weights.
            kinds: stream (or variable) name -> "number", "integer", "category", "ordered" or "date", where another is meant.
            constraints: What every sample obeys.
            epochs: By itself as many as make about 4 000 steps, at most 400.
            units, blocks: Width and depth of the network.
            batch_size: Samples a step.
            learning_rate: Of Adam at the beginning; it falls to zero along a cosine.
            steps: Of Heun's method when sampling; more is slower and nearer to the flow.
            progress: Show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        prepared = prepare("Flow", data, kinds, constraints, seed=seed)
        for name, value in {"units": units, "blocks": blocks, "batch_size": batch_size, "steps": steps, "epochs": epochs or 1}.items():
            if value < 1:
                raise ArgumentError(f"Flow.fit({name}={value}): a whole number of at least 1 is needed.")
        import keras

        from plait.synth import networks, networks_flow

        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 2])
        rows = Rows.of(prepared.inner, prepared.columns)
        values = rows.encode(prepared.columns, rng)
        kept, held = networks.divided(len(values), rng)
        batches = -(-len(kept) // batch_size)
        epochs = epochs or int(np.clip(4000 // batches, 10, 400))
        inputs = np.array([v.role == "input" for v in prepared.inner.variables])
        with networks.undisturbed():
            training = networks_flow.FlowTraining(rows.owners, inputs, units=units, blocks=blocks, seed=int(seed) & 0x7FFFFFFF)
            pace: Any = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * batches)
            training.compile(keras.optimizers.Adam(pace, clipnorm=1.0))
        history = networks.train(
            training,
            {"row": values[kept]},
            np.zeros(len(kept), np.float32),
            ({"row": values[held]}, np.zeros(len(held), np.float32)),
            title="Flow.fit",
            epochs=epochs,
            batch_size=batch_size,
            seed=int(seed),
            shown=progress,
        )
        losses = {name: [float(v) for v in history.history[name]] for name in ("loss", "val_loss")}
        return cls(prepared.schema, prepared.constraints, prepared.inner, rows, networks_flow.velocity(training), steps, losses)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        known = self._rows.encode(given, rng) if given else np.zeros((n, self._rows.width), np.float32)
        names = list(self._rows.sizes)
        fixed = np.isin(self._rows.owners, [names.index(name) for name in given]).astype(np.float32)
        drawn = [
            self._velocity.sample(
                rng.standard_normal((min(_BLOCK, n - start), self._rows.width), np.float32),
                fixed,
                known[start : start + _BLOCK],
                self._steps,
            )
            for start in range(0, n, _BLOCK)
        ]
        return {**self._rows.decode(np.concatenate(drawn)), **given}

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"network.{name}": array for name, array in self._velocity.weights.items()}
        arrays |= {f"rows.{name}": array for name, array in self._rows.arrays().items()}
        return {"rows": self._rows.to_json(), "steps": self._steps, "history": self.history}, arrays

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        own = {part: {n.removeprefix(part): a for n, a in arrays.items() if n.startswith(part)} for part in ("network.", "rows.")}
        rows = Rows.from_state(state["rows"], own["rows."])
        return cls(schema, constraints, inner, rows, Velocity(own["network."]), int(state["steps"]), state["history"])
