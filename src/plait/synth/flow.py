"""Flow matching: noise carried along a learned velocity, to rows, and to images and series."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.synth.flow_rows import train_rows
from plait.synth.flow_spatial import carry, spatial_velocity, train_spatial
from plait.synth.learned import Learned
from plait.synth.options import check_judge, check_options, check_paths, check_training, only_for
from plait.synth.rows import Rows
from plait.synth.spatial import Scene, Spatial, is_spatial, weights_in, weights_of
from plait.synth.synthesizer import Synthesizer
from plait.synth.velocity import Velocity
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

if TYPE_CHECKING:
    from plait.metrics.judge import Judge

__all__ = ["ArrayFlow", "Flow", "RowFlow"]

_BLOCK = 4096  # samples carried at once
_ROW_STEPS, _SPATIAL_STEPS = 12, 6  # of sampling, where nobody says how many


class Flow(Synthesizer):
    """Conditional flow matching in Keras: samples begin as noise and follow a learned velocity to the data.

    `fit` looks at the data. Where they hold images (height, width, channels) or series (time, channels), the inputs are told, of
    whatever kind, and the targets made, as by `GAN`, which samples in one evaluation rather than in eleven; `flow.sampler()` is a plain
    Keras model of noise and conditions.

    Where they are columns alone, rows are made: numbers are written by their normal scores, so that spikes, bounds and grids come back as
    they were; categories one-hot. In training, variables drawn at random are given and the others learned, so that `given` conditions on
    any streams without rejection. Sampling runs in NumPy from the weights and needs no Keras. On tables `Sequential` and `Autoregressive`
    are nearer to the data, and quicker; this is for numbers that depend smoothly on each other.

    References:
        Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow matching for generative modeling", ICLR 2023. The path is the straight one; no likelihood
        is computed.
        Ho, Salimans, "Classifier-free diffusion guidance", 2022: for images and series.
    """

    #: "loss", the mean square error of the velocity, after each epoch; with `patience` also "quality", the distance to samples that were
    #: held out: Fréchet's of images and series, the energy distance of rows
    history: dict[str, list[float]]

    @classmethod
    def fit(  # noqa: PLR0913 - of rows, and of images and series
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        condition: Sequence[str] | None = None,
        epochs: int | None = None,
        units: int | None = None,
        blocks: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.001,
        steps: int | None = None,
        guidance: float | None = None,
        patience: int | None = None,
        judge: Judge | None = None,
        sheets: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
        recurrent: bool | None = None,
        progress: bool = True,
    ) -> Flow:
        """Learn the distribution of a data set.

        Args:
            data: Images or series beside what they depend on; or numbers, categories, dates and vectors of these, of which missing
                values are learned as such.
            seed: Decides the initial weights, the order of the samples and all that is drawn in training. On one backend and machine the
                same seed gives the same weights.
            kinds: stream (or variable) name -> "number", "integer", "category", "ordered" or "date", where another is meant. Beside
                images and series, whole numbers of at most 50 values are categories.
            constraints: What every sample obeys. For rows.
            condition: Streams that are told; the inputs when left out. For images and series: of rows any streams can be given.
            epochs: By itself as many as make about 4 000 steps, at most 400.
            units: Width of the network: channels in half size (32), or units (256).
            blocks: Depth of the network. For rows (3).
            batch_size: Samples a step (64; of rows 256).
            learning_rate: Of Adam at the beginning; it falls to zero along a cosine.
            steps: When sampling, by Heun's method (12 for rows); of images and series 6, the last of them Euler's, which takes away
                noise that is left: more are slower, and rougher.
            guidance: More than 1 exaggerates what is told when sampling, at twice the cost (1). For images and series.
            patience, judge, sheets, resume, recurrent: As of `GAN.fit`.
            progress: Show a bar.

        Returns:
            A `Flow`; `save` and `plait.load` keep it.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        spatial = isinstance(data, Dataset) and is_spatial(data)
        for_rows = {"constraints": constraints or None, "blocks": blocks}
        for_arrays: dict[str, object] = {"condition": condition, "guidance": guidance, "judge": judge, "recurrent": recurrent}
        only_for("Flow", "rows" if spatial else "images and series", for_rows if spatial else for_arrays)
        sizes = {"units": units, "blocks": blocks, "batch_size": batch_size, "steps": steps, "epochs": epochs, "patience": patience}
        check_options("Flow", sizes, least={"units": 2} if spatial else None)
        check_training("Flow", learning_rate=learning_rate, guidance=guidance)
        check_judge("Flow", judge, patience)
        check_paths("Flow", sheets=sheets, resume=resume)
        if spatial:
            done = train_spatial(
                data, seed=seed, kinds=kinds, condition=condition, epochs=epochs, units=units or 32, batch_size=batch_size or 64,
                learning_rate=learning_rate, judge=judge, patience=patience, sheets=sheets, resume=resume, recurrent=bool(recurrent),
                progress=progress,
            )  # fmt: skip
            way = {"steps": steps or _SPATIAL_STEPS, "guidance": 1.0 if guidance is None else float(guidance)}
            return ArrayFlow(done.scene, done.network, done.shape, way, done.history)
        trained = train_rows(
            data, seed=seed, kinds=kinds, constraints=constraints, epochs=epochs, units=units or 256, blocks=blocks or 3,
            batch_size=batch_size or 256, learning_rate=learning_rate, patience=patience, sheets=sheets, resume=resume,
            progress=progress,
        )  # fmt: skip
        made = trained.prepared
        return RowFlow(made.schema, made.constraints, made.inner, trained.rows, trained.velocity, steps or _ROW_STEPS, trained.history)


class ArrayFlow(Flow, Spatial):
    """A flow of images or series; `Flow.fit` makes one."""

    kind: ClassVar[str] = "flow.arrays"
    version: ClassVar[int] = 3  # 2 held a network whose way back didn't see the whole
    called: ClassVar[str] = "Flow"

    def __init__(
        self, scene: Scene, network: Any, shape: Mapping[str, int], way: Mapping[str, float], history: Mapping[str, Sequence[float]]
    ) -> None:
        super().__init__(scene)
        self._network, self._shape, self._way = network, dict(shape), dict(way)
        self.history = {name: list(values) for name, values in history.items()}

    def sampler(self, *, steps: int | None = None, guidance: float | None = None) -> Any:
        """A plain Keras model: {"noise": (n, *shape), and each condition by its name, classes as codes} to samples in the user's units.

        It holds the network 2 * steps - 1 times, one behind the other, so that it loads anywhere Keras does; the first call compiles
        all of it.

        Args:
            steps, guidance: As of `fit`, and as there when left out.
        """
        steps = int(self._way["steps"]) if steps is None else steps
        check_training("Flow", method="sampler", guidance=guidance)
        guidance = self._way["guidance"] if guidance is None else float(guidance)
        if not isinstance(steps, (int, np.integer)) or steps < 1:
            raise ArgumentError(f"Flow.sampler(steps={steps!r}): a whole number of at least 1 is needed.")
        from plait.synth import networks_flow_arrays

        return networks_flow_arrays.sampler(self._network, self._scene.canvas, self.conditions, steps=steps, guidance=guidance)

    def _make(self, n: int, told: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        noise = rng.standard_normal((n, *self._scene.canvas.shape), np.float32)
        return carry(self._scene, self._network, noise, told, steps=int(self._way["steps"]), guidance=self._way["guidance"])

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"shape": self._shape, "way": self._way, "history": self.history}, weights_of(self._network)

    @classmethod
    def _restore(cls, scene: Scene, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        return cls(scene, spatial_velocity(scene, state["shape"], weights_in(arrays)), state["shape"], state["way"], state["history"])


class RowFlow(Flow, Learned):
    """A flow of rows; `Flow.fit` makes one."""

    kind: ClassVar[str] = "flow"
    called: ClassVar[str] = "Flow"

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
        self.history = {name: list(values) for name, values in history.items()}

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
