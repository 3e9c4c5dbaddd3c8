"""The Keras networks of the learned synthesizers, trained by plain `fit` on any backend, with no global random state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from plait.dataset import Dataset
from plait.loader import Loader
from plait.progress import progress
from plait.randomness import random_states, restore_random_states
from plait.sources.arrays import Arrays
from plait.synth.masked import MaskedNetwork

__all__ = ["Masked", "divided", "masked_network", "train", "undisturbed", "weights"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_NEVER = -1e9  # the logit of a value that a digit does not have
_DECAY = 1.5  # how much smaller quicker waves are


class Masked(keras.layers.Layer):
    """A dense layer some of whose weights are fixed at zero.

    Args:
        mask: (inputs, units) of 0 and 1.
        seed: Of the initial weights.
        scale: Of the initial weights, beside what the number of inputs that are seen asks for.
        basis: (groups, size, size), with groups * size units: what is trained are coefficients, and the kernel of each group of units is
            the coefficients times its basis.
    """

    def __init__(
        self,
        mask: np.ndarray,
        *,
        seed: int,
        scale: float = 1.0,
        basis: np.ndarray | None = None,
        name: str,
    ) -> None:
        super().__init__(name=name)
        self._mask, self._basis = mask.astype("float32"), None if basis is None else basis.astype("float32")
        seen = np.maximum(self._mask.sum(axis=0), 1)
        self._start = np.random.default_rng(seed).normal(size=mask.shape) * self._mask * (scale * np.sqrt(2 / seen))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        self.kernel = self.add_weight(shape=self._start.shape, initializer=_Start(self._start), name="kernel")
        self.bias = self.add_weight(shape=self._start.shape[1:], initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """(samples, inputs) to (samples, units)."""
        return _ops.matmul(inputs, self.seen()) + self.bias

    def seen(self) -> Any:
        """(inputs, units), the kernel as it is applied."""
        kernel = _ops.multiply(self.kernel, self._mask)
        if self._basis is None:
            return kernel
        groups, size, _ = self._basis.shape
        split = _ops.reshape(kernel, (-1, groups, size))
        return _ops.reshape(_ops.einsum("igs,gst->igt", split, self._basis), kernel.shape)

    def weights_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """The kernel as it is applied, and the bias."""
        kernel, bias = (np.asarray(_ops.convert_to_numpy(v), np.float32) for v in (self.seen(), self.bias))
        return kernel, bias


def masked_network(
    sizes: Sequence[int],
    degrees: np.ndarray,
    *,
    embedding: np.ndarray,
    offsets: Sequence[np.ndarray],
    ordered: Sequence[bool],
    layers: int,
    dropout: float,
    seed: int,
) -> keras.Model:
    """Digits to the logits of the same digits, each seeing only those before it (MADE, Germain et al. 2015).

    Args:
        sizes: How many values each digit has.
        degrees: (units,) the last digit that each hidden unit sees.
        embedding: (sum of sizes, width) initial vectors of the digits' values.
        offsets: For each digit (values of the digits right before it, ..., values), to which the network's logits are added.
        ordered: Whether neighbouring values of each digit are alike.
        layers: Hidden layers.
        dropout: Share of hidden units left out.
        seed: Of the initial weights and of what is left out.

    Returns:
        "digits" (samples, digits) int32 to "logits" (samples, digits, largest size); its layers are called embedding, hidden_0, ..., head.
    """
    places, width, most = len(sizes), embedding.shape[1], max(sizes)
    ends = np.cumsum(sizes)
    starts = (ends - sizes).astype("int32")
    digits = keras.Input((places,), dtype="int32", name="digits")
    look_up = _layers.Embedding(int(ends[-1]), width, embeddings_initializer=_Start(embedding), name="embedding")
    below = _layers.Reshape((places * width,))(look_up(_Shift(starts)(digits)))
    sees = np.repeat(np.arange(places), width)
    for number in range(layers):
        # Layers behind the first add to what they are given, and begin small
        dense = Masked(sees[:, None] <= degrees, seed=seed + number, scale=0.5 if number else 1.0, name=f"hidden_{number}")
        out = _layers.Activation("relu")(dense(below))
        out = _layers.Dropout(dropout, seed=seed + 100 + number)(out) if dropout else out
        below = _layers.Add()([below, out]) if number else out
        sees = degrees
    real = np.arange(most) < np.asarray(sizes)[:, None]  # (digits, largest size)
    mask = (degrees[:, None, None] < np.arange(places)[:, None]) & real
    head = Masked(mask.reshape(len(degrees), -1), seed=seed + 50, scale=0.3, basis=_waves(sizes, ordered), name="head")
    logits = _layers.Reshape((places, most))(head(below))
    return keras.Model(digits, _layers.Add(name="logits")([logits, _Offsets(sizes, offsets)(digits)]))


def weights(model: keras.Model, sizes: Sequence[int], degrees: np.ndarray, offsets: Sequence[np.ndarray], layers: int) -> MaskedNetwork:
    """What a trained `masked_network` holds, for NumPy."""
    dense: Any = [model.get_layer(f"hidden_{number}").weights_seen() for number in range(layers)]
    head, bias = model.get_layer("head").weights_seen()  # type: ignore[union-attr]
    real = (np.arange(max(sizes)) < np.asarray(sizes)[:, None]).ravel()
    vectors = np.asarray(_ops.convert_to_numpy(model.get_layer("embedding").embeddings), np.float32)  # type: ignore[union-attr]
    ends = np.cumsum(sizes)[:-1]
    whole = tuple(offset + own for offset, own in zip(offsets, np.split(bias[real], ends), strict=True))
    kernels, biases = (tuple(part) for part in zip(*dense, strict=True))
    return MaskedNetwork(tuple(sizes), degrees, vectors, kernels, biases, head[:, real], whole)


def train(
    model: keras.Model,
    data: Mapping[str, np.ndarray],
    targets: np.ndarray,
    validation: tuple[Any, np.ndarray] | None,
    *,
    title: str,
    epochs: int,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    shown: bool = True,
) -> keras.callbacks.History:
    """Train a compiled model by plain `fit`, with one bar over the epochs."""
    arrays = Arrays({**data, "target": targets})
    train_set = Dataset(inputs={name: arrays[name] for name in data}, targets={"target": arrays["target"]})
    loader = Loader(train_set, batch_size, seed=seed)
    with progress(title, epochs, shown) as advance, undisturbed():
        bar = _Bar(advance, epochs)
        learned: Any = model
        return learned.fit(
            loader, epochs=epochs, verbose=0, validation_data=validation, validation_batch_size=4096, callbacks=[*callbacks, bar]
        )


def divided(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to train on and of those held out: a tenth; more of a small table, less of a large one."""
    order = rng.permutation(rows)
    held = int(np.clip(rows // 10, min(50, max(rows // 4, 1)), 10_000))
    return order[held:], order[:held]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the global random states back as they were."""
    states = random_states()
    try:
        yield
    finally:
        restore_random_states(states)


def _waves(sizes: Sequence[int], ordered: Sequence[bool]) -> np.ndarray:
    """(digits, largest size, largest size), waves over the values of each ordered digit, the quicker the smaller; ones elsewhere.

    With coefficients of these waves, what is learned for one value is learned for its neighbours too, and detail comes last.
    """
    most = max(sizes)
    basis = np.zeros((len(sizes), most, most))
    for own, size, smooth in zip(basis, sizes, ordered, strict=True):
        wave = np.arange(size)[:, None]
        cosine = np.cos(np.pi * wave * (np.arange(size) + 0.5) / size) * np.where(wave, np.sqrt(2), 1)
        own[:size, :size] = cosine / (1 + wave) ** _DECAY if smooth else np.eye(size)
    return basis


class _Bar(keras.callbacks.Callback):
    def __init__(self, advance: Any, epochs: int) -> None:
        super().__init__()
        self._advance, self._left = advance, epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("val_loss", (logs or {}).get("loss"))
        self._left -= 1
        self._advance(1, "" if loss is None else f"validation loss {loss:.4f}")

    def on_train_end(self, logs: Any = None) -> None:
        self._advance(self._left)


class _Start(keras.initializers.Initializer):
    def __init__(self, values: np.ndarray) -> None:
        self._values = values.astype("float32")

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return _ops.convert_to_tensor(self._values)


class _Offsets(keras.layers.Layer):
    """(samples, digits) to (samples, digits, largest size): each digit's row in a table of logits that no one trains."""

    def __init__(self, sizes: Sequence[int], offsets: Sequence[np.ndarray]) -> None:
        super().__init__(name="offsets")
        rows = [math.prod(offset.shape[:-1]) for offset in offsets]
        self._table = np.full((sum(rows), max(sizes)), _NEVER, "float32")
        self._steps = np.zeros((len(sizes), len(sizes)), "int32")  # what a digit adds to the number of the row of another
        self._starts = (np.cumsum(rows) - rows).astype("int32")
        for place, (start, many, offset) in enumerate(zip(self._starts, rows, offsets, strict=True)):
            self._table[start : start + many, : sizes[place]] = offset.reshape(many, -1)
            for back in range(1, offset.ndim):
                self._steps[place - back, place] = math.prod(offset.shape[offset.ndim - back : -1])

    def call(self, digits: Any) -> Any:
        rows = _ops.matmul(_ops.cast(digits, "float32"), self._steps.astype("float32"))
        return _ops.take(self._table, _ops.add(_ops.cast(rows, "int32"), self._starts), axis=0)


class _Shift(keras.layers.Layer):
    def __init__(self, starts: np.ndarray) -> None:
        super().__init__(name="shift")
        self._starts = starts

    def call(self, digits: Any) -> Any:
        return _ops.add(digits, self._starts)
