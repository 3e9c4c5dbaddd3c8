"""A small network trained on real images or series to tell their class: what generated ones are judged by, without any download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.intake import check_channels, check_name, check_seed
from plait.meant import meant
from plait.moments import Moments, blocks_of

__all__ = ["Judge"]

_FEATURES, _BATCH, _BLOCK = 64, 64, 512
_SMALLEST = 7  # numbers along the shorter side that are left, at most
_STEPS = 700  # of training, where nobody says how many


class Judge:
    """A classifier of images or series, trained on real ones. `plait.compare(test, fake, train=train, judge=judge)` asks it.

    It says whether generated samples show the class that they bear, and its last hidden layer is the space in which distances between
    real and generated ones are measured. Streams of one size, such as a photograph and what became of it, it compares point by point. It
    sees what tells the classes apart, and is blind to much else: a class drawn always alike is found by recall and coverage, a wrong
    background may not be.

    Attributes:
        tells: The class.
        seen: The images or series that it looks at.
        levels: The classes, in the order of their codes.
        network: The plain keras.Model: a dict of `seen` to the chances of the classes.
        samples: How many it was shown in training, those of every epoch counted.
    """

    def __init__(self, tells: str, seen: Sequence[str], levels: Sequence[Any], network: Any, samples: int) -> None:
        import keras

        from plait.metrics.judging_network import FEATURES

        self.tells, self.seen, self.levels, self.network, self.samples = tells, tuple(seen), tuple(levels), network, samples
        self._both = keras.Model(network.input, [network.get_layer(FEATURES).output, network.output])

    @classmethod
    def fit(
        cls,
        data: Dataset,
        tells: str,
        *,
        seen: Sequence[str] | None = None,
        epochs: int | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> Judge:
        """Train a judge.

        Args:
            data: Real samples, better not those that the judged will be compared with.
            tells: Which stream is the class: text, whole numbers, yes or no.
            seen: Which images (height, width, channels) and series (time, channels) it looks at; all when left out.
            epochs: By itself as many as make about 700 steps.
            seed: Of the initial weights, the order, and the dropout.
            progress: Show a bar.

        Raises:
            ArgumentError: `epochs` or `seed` is no such number.
            NameUnknownError: There is no such stream.
            SpecError: The class has fewer than two levels, or nothing is to be looked at.
        """
        check_seed("Judge.fit", seed)
        if epochs is not None and (not isinstance(epochs, (int, np.integer)) or isinstance(epochs, bool) or epochs < 1):
            raise ArgumentError(f"Judge.fit(epochs={epochs!r}): a whole number of at least 1 is needed.")
        seed = int(seed) % 2**24
        names = [*data.inputs, *data.targets]
        unknown = [name for name in [tells, *(seen or ())] if name not in names]
        if unknown:
            raise NameUnknownError(f"Judge.fit: there is no stream {unknown[0]!r}. There are {names}.{meant(unknown[0], names)}")
        chosen = [n for n in names if n != tells and len(data.spec[n].shape) in (2, 3)] if seen is None else list(seen)
        wrong = next((n for n in chosen if data.spec[n].ragged or len(data.spec[n].shape) not in (2, 3)), None)
        if not chosen or wrong is not None:
            what = f"{wrong!r} is {data.spec[wrong]}" if wrong is not None else f"there is none among {names}"
            raise SpecError(f"Judge.fit: a judge looks at images (height, width, channels) and series (time, channels), and {what}.")
        for name in chosen:
            check_name("Judge.fit", name)
            check_channels("Judge.fit", name, data.spec[name])
        levels = _levels(data, tells)
        if not 2 <= len(levels) <= len(data) / 2:
            found = f"{data.spec[tells]} of {len(levels)} values"
            raise SpecError(
                f"Judge.fit: {tells!r} is {found}, and a class of two or more, each of several samples, is to be told. "
                f"Name another class, or put levels together: data.map(fn, on={tells!r})."
            )
        from plait.metrics import judging_network

        codes = {level: code for code, level in enumerate(levels)}
        coded = Dataset(inputs={n: data[n] for n in chosen}, targets={tells: data[tells]})
        coded = coded.map(lambda values: np.array([codes[v] for v in values.tolist()], np.int32), on=tells)
        scales = {n: _scale(data, n) for n in chosen}
        network = judging_network.network(
            {n: data.spec[n].shape for n in chosen}, scales, tells, len(levels), features=_FEATURES, smallest=_SMALLEST, seed=seed
        )
        epochs = epochs or max(2, round(_STEPS * _BATCH / len(data)))
        judging_network.trained(network, coded, epochs=epochs, batch_size=_BATCH, seed=seed, shown=progress)
        return cls(tells, chosen, levels, network, epochs * len(data))

    def features(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """(samples, features) float32: the last hidden layer, for stream name -> values."""
        return self.look(values)[0]

    def look(self, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(samples, features) float32, and (samples,) the codes of the classes that it says.

        Raises:
            ArgumentError: A stream that it looks at isn't there, or is of another shape.
        """
        lacking = [name for name in self.seen if name not in values]
        if lacking:
            raise ArgumentError(f"This judge looks at {list(self.seen)}, and {lacking} is lacking. There are {list(values)}.")
        for name, tensor in zip(self.seen, (self.network.input[n] for n in self.seen), strict=True):
            seen, shown = tuple(tensor.shape[1:]), np.shape(values[name])[1:]
            if shown != seen:
                resize = f"Bring them to that size: data.map(plait.Resize({seen[:2]}), on={name!r})."
                mend = resize if len(seen) == len(shown) == 3 and seen[2] == shown[2] else "Train a judge on such."
                raise ArgumentError(f"This judge looks at {name!r} of the shape {seen}, and samples of {shown} are shown to it. {mend}")
        both: Any = self._both
        features, chances = both.predict({n: np.asarray(values[n]) for n in self.seen}, batch_size=_BLOCK, verbose=0)
        return np.asarray(features, np.float32), np.asarray(chances).argmax(axis=1)

    def codes(self, data: Dataset) -> np.ndarray:
        """(samples,) the codes of the classes that samples bear; -1 for one that it has never seen."""
        places = {level: code for code, level in enumerate(self.levels)}
        values = np.asarray(data.plain().read([self.tells], np.arange(len(data)))[self.tells]).tolist()
        return np.array([places.get(value, -1) for value in values], np.int64)

    def accuracy(self, data: Dataset) -> float:
        """The share of samples that it says bear the class which they do; one that bears a class it has never seen counts as wrong.

        Raises:
            ArgumentError: None bears a class that it knows.
        """
        codes = self.codes(data)
        if (codes < 0).all():
            raise ArgumentError(f"Judge.accuracy: no sample bears a {self.tells} that this judge knows; it knows {list(self.levels[:10])}.")
        values = data.plain().read(list(self.seen), np.arange(len(data)))
        return float((self.look({n: np.asarray(v) for n, v in values.items()})[1] == codes).mean())

    def __repr__(self) -> str:
        return f"Judge({list(self.seen)} -> {self.tells!r}, {len(self.levels)} classes)"


def _levels(data: Dataset, name: str) -> list[Any]:
    if data.spec[name].shape:
        return []
    return sorted({value for block in blocks_of(data.plain(), name) for value in block.tolist()})


def _scale(data: Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What is taken away from each channel, and what it is divided by."""
    if data.spec[name].dtype == np.uint8:
        return np.array([127.5]), np.array([127.5])
    moments = Moments.of(data, name)
    return moments.mean, moments.deviation
