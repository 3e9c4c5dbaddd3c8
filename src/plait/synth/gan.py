"""Generators trained against a critic: of rows, and of images and series."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.synth.gan_rows import columns_told, row_network, train_rows
from plait.synth.gan_spatial import spatial_generator, train_spatial
from plait.synth.learned import Learned
from plait.synth.options import check_judge, check_options, check_paths, check_training, only_for
from plait.synth.rows import Rows
from plait.synth.spatial import Scene, Spatial, is_spatial, weights_in, weights_of
from plait.synth.synthesizer import Synthesizer
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

if TYPE_CHECKING:
    from plait.metrics.judge import Judge

__all__ = ["GAN", "ArrayGAN", "RowGAN"]


class GAN(Synthesizer):
    """A conditional generative adversarial network in Keras: noise, and what it is told, to images, series or rows.

    `fit` looks at the data. Where they hold images (height, width, channels) or series (time, channels), the inputs are told, of whatever
    kind, and the targets made; several that are made have one height and width, or one time. Where they are columns alone, rows are made,
    and the streams named in `condition` told; on tables it ranks last of all that is learned here: use `Sequential` or `Autoregressive`.

    `gan.generator` is a plain Keras model of stock layers: `gan.generator.save("gan.keras")` loads anywhere Keras does, and
    `plait.Pretrained` reads it. Of images and series it takes "noise" and each condition by its name, classes as codes (the place in
    `gan.conditions[i].levels`), and gives the user's units, as floats; of rows it takes {"noise": ..., "condition": ...}, and gives normal
    scores and chances.

    `given` sets what it is told, all of it. Where it is not given, it is that of training samples drawn at random.

    References:
        Goodfellow et al., "Generative adversarial nets", NeurIPS 2014 (the non-saturating loss).
        Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018 (the penalty R1).
        Miyato, Koyama, "cGANs with projection discriminator", ICLR 2018.
        Zhao et al., "Differentiable augmentation for data-efficient GAN training", NeurIPS 2020.
    """

    #: the trained generator, a plain keras.Model
    generator: Any
    #: "loss", both losses added, after each epoch, which does not tell how good the samples are; with `patience` also "quality", the
    #: distance to samples that were held out: Fréchet's of images and series, the energy distance of rows
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
        noise: int = 64,
        units: int | None = None,
        layers: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.0005,
        penalty: float = 1.0,
        augment: bool | None = None,
        patience: int | None = None,
        judge: Judge | None = None,
        sheets: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
        recurrent: bool | None = None,
        progress: bool = True,
    ) -> GAN:
        """Train a generator on a data set.

        Args:
            data: Images or series beside what they depend on; or numbers, categories, dates and vectors of these, of which missing
                values are learned as such.
            seed: Decides the initial weights, the order of the samples and the noise. On one backend and machine the same seed gives the
                same weights.
            kinds: stream (or variable) name -> "number", "integer", "category", "ordered" or "date", where another is meant. Beside
                images and series, whole numbers of at most 50 values are categories.
            constraints: What every sample obeys. For rows.
            condition: Streams that the generator is told; the inputs when left out, and of rows none.
            epochs: By itself as many as make about 4 000 steps, at most 400.
            noise: How many numbers the noise has.
            units: Width of the generator and of the critic: channels in half size (32), or units (256).
            layers: Depth of both. For rows (3).
            batch_size: Samples a step (64; of rows 256).
            learning_rate: Of both Adams; of images and series at the beginning, from where it falls along a cosine.
            penalty: Weight of the penalty R1: more is steadier and smoother.
            augment: Whether images and series are shifted, cut out and brightened at random before the critic sees them; by itself
                where there are fewer than 2000.
            patience: Measure the quality after each epoch on a tenth that is held out, keep the best network, and end after so many epochs
                without a better one, or so many more that they make 200 steps; the first 200 steps, at most half of all, don't count.
            judge: In whose features the quality is measured; in principal components where there is none. For images and series.
            sheets: Folder for a picture of samples after each epoch: a row for each class or condition; of rows each variable against
                each other one, real ones below the diagonal and made ones above it.
            resume: JSON file, as of `plait.Resume`: a run that was killed goes on where it was.
            recurrent: Whether each series that is told passes a recurrent branch of its own (a GRU in both directions) before it meets the
                others; by itself not: convolutions over time are quicker. For series out of series.
            progress: Show a bar.

        Returns:
            A `GAN`; `save` and `plait.load` keep it.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        spatial = isinstance(data, Dataset) and is_spatial(data)
        for_rows = {"constraints": constraints or None, "layers": layers}
        for_arrays = {"augment": augment, "judge": judge, "recurrent": recurrent}
        only_for("GAN", "rows" if spatial else "images and series", for_rows if spatial else for_arrays)
        sizes = {"epochs": epochs, "noise": noise, "units": units, "layers": layers, "batch_size": batch_size, "patience": patience}
        check_options("GAN", sizes, least={"units": 2} if spatial else None)
        check_training("GAN", learning_rate=learning_rate, penalty=penalty, augment=augment)
        check_judge("GAN", judge, patience)
        check_paths("GAN", sheets=sheets, resume=resume)
        if spatial:
            trained = train_spatial(
                data, seed=seed, kinds=kinds, condition=condition, epochs=epochs, noise=noise, units=units or 32,
                batch_size=batch_size or 64, learning_rate=learning_rate, penalty=penalty, augment=augment, judge=judge,
                patience=patience, sheets=sheets, resume=resume, recurrent=bool(recurrent), progress=progress,
            )  # fmt: skip
            return ArrayGAN(trained.scene, trained.core, trained.shape, trained.history)
        done = train_rows(
            data, seed=seed, kinds=kinds, constraints=constraints, condition=() if condition is None else condition, epochs=epochs,
            noise=noise, units=units or 256, layers=layers or 3, batch_size=batch_size or 256, learning_rate=learning_rate,
            penalty=penalty, patience=patience, sheets=sheets, resume=resume, progress=progress,
        )  # fmt: skip
        made = done.prepared
        return RowGAN(made.schema, made.constraints, made.inner, done.rows, done.generator, done.shape, done.conditions, done.history)


class ArrayGAN(GAN, Spatial):
    """A generator of images or series; `GAN.fit` makes one."""

    kind: ClassVar[str] = "gan.arrays"
    called: ClassVar[str] = "GAN"

    def __init__(self, scene: Scene, core: Any, shape: Mapping[str, int], history: Mapping[str, Sequence[float]]) -> None:
        super().__init__(scene)
        from plait.synth import networks_spatial

        self.generator = networks_spatial.in_units(core, scene.canvas)
        self._core, self._joined = core, networks_spatial.in_units(core, scene.canvas, joined=True)
        self._shape = dict(shape)
        self.history = {name: list(values) for name, values in history.items()}

    def _make(self, n: int, told: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        from plait.synth import networks_arrays, networks_spatial

        noise = rng.standard_normal((n, self._shape["noise"]), np.float32)
        return networks_spatial.drawn(self._joined, {networks_arrays.noise_name(self.conditions): noise, **told})

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"shape": self._shape, "history": self.history}, weights_of(self._core)

    @classmethod
    def _restore(cls, scene: Scene, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        return cls(scene, spatial_generator(scene, state["shape"], weights_in(arrays)), state["shape"], state["history"])


class RowGAN(GAN, Learned):
    """A generator of rows; `GAN.fit` makes one."""

    kind: ClassVar[str] = "gan"
    called: ClassVar[str] = "GAN"

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
        #: as of `GAN`
        self.history = {name: list(values) for name, values in history.items()}

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
        known = columns_told(self._rows, told)
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
        generator = row_network(rows, told, state["shape"])
        generator.set_weights([arrays[f"weight.{number}"] for number in range(len(generator.variables))])
        conditions = {name: arrays[f"condition.{number}"] for number, name in enumerate(told)}
        return cls(schema, constraints, inner, rows, generator, state["shape"], conditions, state["history"])
