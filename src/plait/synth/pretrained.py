"""A saved generator as the source of joint data: noise in, its output split into named inputs and targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, ReadError
from plait.spec import Spec
from plait.synth.parts import Part, Place
from plait.synth.synthesizer import Synthesizer, check_draw
from plait.tabular.drawn import Drawn
from plait.tabular.given import given_array

__all__ = ["Pretrained"]

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
_BATCH = 1024
_MOST_SAID = 1000  # characters of what Keras says, which may be a whole configuration
_NOISE: dict[str, Noise] = {
    "normal": lambda rng, shape: rng.standard_normal(shape, np.float32),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape).astype(np.float32),
}


class Pretrained(Synthesizer):
    """A Keras generator that is there already, trained anywhere: a `.keras` file, a legacy `.h5` file, or the model itself.

    Files are loaded with `safe_mode=True`: nothing in them is executed. Noise is drawn with the seed of `sample`, in NumPy; what the
    generator draws by itself is not under that seed.

    Args:
        generator: Path, or the `keras.Model`.
        noise: How many numbers the noise has, or its shape: 100, (8, 8, 1).
        inputs: stream name -> which part of the generator's output it is: a column 5; columns slice(0, 5) or [0, 2, 4]; an output by its
            name "image"; columns of one of several outputs ("scores", 3).
        targets: Likewise.
        conditions: Where the generator has further inputs: input name -> (values, *shape) to draw from evenly when `given` has none.
            Each becomes an input of the data as well.
        distribution: "normal" (mean 0, standard deviation 1), "uniform" (-1 to 1), or a function (rng, shape) -> array.

    Raises:
        ReadError: There is no such file, or it holds no model that can be loaded safely.
        ArgumentError, NameUnknownError: What was asked for does not go with the generator.
        SpecError: A column lies beyond the generator's output.
    """

    def __init__(
        self,
        generator: Any,
        *,
        noise: int | tuple[int, ...],
        inputs: Mapping[str, Place],
        targets: Mapping[str, Place],
        conditions: Mapping[str, Any] | None = None,
        distribution: str | Noise = "normal",
    ) -> None:
        self._name = f"Pretrained {os.fspath(generator)!r}" if isinstance(generator, (str, os.PathLike)) else "Pretrained"
        self._model = _load(generator)
        self._noise_shape = _noise_shape(noise)
        self._draw_noise = _distribution(distribution)
        conditions = {name: np.asarray(values) for name, values in (conditions or {}).items()}
        _check_roles(self._name, inputs, targets, conditions)
        self._noise_input = _noise_input(self._name, self._model, self._noise_shape, conditions)
        self._conditions = {name: _condition(self._name, name, values) for name, values in conditions.items()}
        _check_codes(self._name, self._model, self._conditions)
        first = self._generate(self._feed(1, np.random.default_rng(0), {}))
        self._parts = {name: Part.of(self._name, name, place, first) for name, place in {**inputs, **targets}.items()}
        specs = {name: Spec.of(part(first)) for name, part in self._parts.items()}
        known = {name: Spec.of(values) for name, values in self._conditions.items()}
        self._inputs = known | {name: specs[name] for name in inputs}
        self._targets = {name: specs[name] for name in targets}

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like; conditions first."""
        return self._inputs

    @property
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like."""
        return self._targets

    def sample(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """Draw n samples; `given` sets conditions. What the generator makes cannot be given."""
        check_draw(self._name, n, seed, given, self.spec)
        made = [name for name in given or {} if name not in self._conditions]
        if made:
            conditions = f"Its conditions are {list(self._conditions)}." if self._conditions else "It has no conditions."
            raise ArgumentError(f"{self._name}.sample(given={{{made[0]!r}: ...}}): the generator makes {made[0]!r} itself. {conditions}")
        fixed = {name: given_array(name, value, self._inputs[name], n) for name, value in (given or {}).items()}
        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF, int(seed < 0)])
        feed = self._feed(n, rng, fixed)
        _check_codes(self._name, self._model, fixed)
        output = self._generate(feed)
        columns = {name: feed[name] for name in self._conditions} | {name: part(output) for name, part in self._parts.items()}
        source = Drawn(columns, self.spec, {}, f"sample of {self._name}")
        return Dataset(inputs={name: source[name] for name in self._inputs}, targets={name: source[name] for name in self._targets})

    def __repr__(self) -> str:
        return f"{self._name}({list(self._inputs)} -> {list(self._targets)})"

    def _feed(self, n: int, rng: np.random.Generator, fixed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the generator is fed with, by the name of its inputs."""
        noise = np.asarray(self._draw_noise(rng, (n, *self._noise_shape)))
        if noise.shape != (n, *self._noise_shape):
            raise ArgumentError(f"{self._name}: distribution= gave the shape {noise.shape}, and {(n, *self._noise_shape)} was asked for.")
        drawn = {name: values[rng.integers(0, len(values), n)] for name, values in self._conditions.items()}
        return {self._noise_input: noise, **drawn, **fixed}

    def _generate(self, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The generator's outputs by name; a single one is called ""."""
        names = [tensor.name for tensor in self._model.inputs]
        given = [feed[name] for name in names]
        named = isinstance(getattr(self._model, "input", None), dict)  # a keras.Sequential that was loaded has none
        structure = dict(zip(names, given, strict=True)) if named else given if len(given) > 1 else given[0]
        output = self._model.predict(structure, batch_size=_BATCH, verbose=0)
        if isinstance(output, Mapping):
            return {name: np.asarray(values) for name, values in output.items()}
        if isinstance(output, (list, tuple)):
            return {name: np.asarray(values) for name, values in zip(self._model.output_names, output, strict=True)}
        return {"": np.asarray(output)}


def _load(generator: Any) -> Any:
    import keras

    from plait.synth.keras_file import check_keras_file

    if isinstance(generator, keras.Model):
        model = generator
    elif isinstance(generator, (str, os.PathLike)):
        path = os.fspath(generator)
        if not path.endswith((".keras", ".h5", ".hdf5")):
            raise ArgumentError(f"Pretrained({path!r}): a file of Keras ends with .keras or .h5. Save it anew: model.save('gan.keras').")
        if not os.path.isfile(path):
            raise ReadError(f"There is no file {path!r}.")
        try:
            check_keras_file(path)
            model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever it comes across
            raise ReadError(
                f"{path!r} holds no Keras model that can be loaded safely: {str(error)[:_MOST_SAID]}. A generator with layers of its own "
                "is given as a model: Pretrained(model, ...)."
            ) from error
    else:
        raise ArgumentError(f"Pretrained takes a path or a keras.Model, not a {type(generator).__name__}.")
    if not getattr(model, "built", False) or not getattr(model, "inputs", None):
        raise ArgumentError("Pretrained: the model was never built, so that its inputs are not known. Call it on one batch first.")
    return model


def _noise_shape(noise: int | tuple[int, ...]) -> tuple[int, ...]:
    shape = (noise,) if isinstance(noise, (int, np.integer)) else tuple(noise)
    if not shape or any(not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1 for n in shape):
        raise ArgumentError(f"Pretrained(noise={noise!r}): write how many numbers the noise has, noise=100, or its shape, noise=(8, 8, 1).")
    return tuple(int(n) for n in shape)


def _distribution(distribution: str | Noise) -> Noise:
    if callable(distribution):
        return distribution
    if distribution not in _NOISE:
        raise ArgumentError(f"Pretrained(distribution={distribution!r}): choose 'normal', 'uniform', or a function (rng, shape) -> array.")
    return _NOISE[distribution]


def _check_roles(owner: str, inputs: Mapping[str, Any], targets: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
    if not inputs and not conditions:
        raise ArgumentError(f"{owner}: inputs= names no stream. Write which columns are inputs: inputs={{'x': slice(0, 5)}}.")
    both = sorted((set(inputs) & set(targets)) | (set(conditions) & {*inputs, *targets}))
    if both:
        raise ArgumentError(f"{owner}: {both} are named twice. Inputs, targets and conditions have names of their own.")


def _noise_input(owner: str, model: Any, shape: tuple[int, ...], conditions: Mapping[str, Any]) -> str:
    """The name of the input that takes the noise: the one that is no condition."""
    wanted = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    unknown = sorted(set(conditions) - set(wanted))
    if unknown:
        raise NameUnknownError(f"{owner}: conditions= names {unknown}, and the generator's inputs are {list(wanted)}.")
    left = [name for name in wanted if name not in conditions]
    if len(left) != 1:
        raise ArgumentError(
            f"{owner}: the generator's inputs are {list(wanted)}; all but the one that takes noise are conditions. "
            f"Write conditions={{{', '.join(f'{name!r}: values' for name in (left[1:] or list(wanted)[1:]))}}}."
        )
    expected = wanted[left[0]]
    if len(expected) != len(shape) or any(e is not None and e != s for e, s in zip(expected, shape, strict=True)):
        right = expected[0] if len(expected) == 1 else expected
        raise ArgumentError(f"{owner}: noise={shape[0] if len(shape) == 1 else shape}, and the generator's input {left[0]!r} takes "
                            f"{expected}. Write noise={right}.")  # fmt: skip
    return left[0]


def _check_codes(owner: str, model: Any, conditions: Mapping[str, np.ndarray]) -> None:
    """Raise where a code has no place in the embedding that it goes to: JAX would take another, PyTorch fail without a name."""
    import keras

    places: dict[str, int] = {}
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.layers.Embedding):
            known: Any = layer
            for name in [tensor.name for node in getattr(known, "_inbound_nodes", ()) for tensor in node.input_tensors]:
                places[name] = min(known.input_dim, places.get(name, known.input_dim))
    for name, values in conditions.items():
        wrong = values[(values < 0) | (values >= places[name])] if name in places else np.empty(0)
        if len(wrong):
            raise ArgumentError(
                f"{owner}: the condition {name!r} is {wrong[0]}, and its embedding has places for 0 to {places[name] - 1}. Write codes in "
                "that range."
            )


def _condition(owner: str, name: str, values: np.ndarray) -> np.ndarray:
    if not values.ndim or not len(values) or values.dtype.kind not in "biuf":
        raise ArgumentError(
            f"{owner}: conditions={{{name!r}: ...}} has the shape {values.shape} and dtype {values.dtype}; write the values to draw from, "
            f"numbers, first axis first: conditions={{{name!r}: np.arange(10)}}."
        )
    return values
