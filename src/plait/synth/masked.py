"""A masked network in NumPy: each digit's distribution given the digits before it, and samples digit by digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["MaskedNetwork"]


@dataclass(frozen=True)
class MaskedNetwork:
    """The weights of a trained network in which digit i sees digits 0 ... i-1 alone, and what to do with them.

    Columns of `hidden` activations are sorted by the last digit that they may see, so that what digit i may use is always a prefix.
    Arrays are float32 and have units first, samples second. Pure.

    Args:
        sizes: (digits,) how many values each digit has.
        degrees: (units,) ascending, the last digit that each hidden unit sees.
        embedding: (sum of sizes, width), a vector for each value of each digit.
        kernels: One (inputs, units) a hidden layer, zero where the mask is; the layers behind the first add to what they are given.
        biases: One (units,) a hidden layer.
        head: (units, sum of sizes), zero where the mask is.
        offsets: For each digit (values of the digits right before it, ..., values), what its logits are without the network.

    References:
        Germain, Gregor, Murray, Larochelle, "MADE: masked autoencoder for distribution estimation", ICML 2015.
    """

    sizes: tuple[int, ...]
    degrees: np.ndarray
    embedding: np.ndarray
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    head: np.ndarray
    offsets: tuple[np.ndarray, ...]
    ends: np.ndarray = field(init=False)  # (digits,) how many units see no more than digit i
    _turned: tuple[list[np.ndarray], list[np.ndarray]] = field(init=False, repr=False)  # the kernels and heads as they are multiplied

    def __post_init__(self) -> None:
        ends = np.searchsorted(self.degrees, np.arange(len(self.sizes)), side="right")
        object.__setattr__(self, "ends", ends)
        kernels = [np.ascontiguousarray(kernel.T) for kernel in self.kernels]
        heads = [np.ascontiguousarray(self.head[: self._seen(i), self._values(i)].T) for i in range(len(self.sizes))]
        object.__setattr__(self, "_turned", (kernels, heads))

    def start(self, samples: int) -> Pass:
        """A forward pass over so many samples, no digit known yet."""
        return Pass(self, samples)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All weights by name; `from_arrays` reads them."""
        layers = {f"kernel.{i}": kernel for i, kernel in enumerate(self.kernels)} | {f"bias.{i}": b for i, b in enumerate(self.biases)}
        layers |= {f"offset.{i}": offset for i, offset in enumerate(self.offsets)}
        return {"degrees": self.degrees, "embedding": self.embedding, "head": self.head, **layers}

    @classmethod
    def from_arrays(cls, sizes: Sequence[int], arrays: Mapping[str, np.ndarray]) -> MaskedNetwork:
        """What `to_arrays` gave."""
        depth = sum(name.startswith("kernel.") for name in arrays)
        kernels, biases = (tuple(arrays[f"{part}.{i}"] for i in range(depth)) for part in ("kernel", "bias"))
        offsets = tuple(arrays[f"offset.{i}"] for i in range(len(sizes)))
        return cls(tuple(sizes), arrays["degrees"], arrays["embedding"], kernels, biases, arrays["head"], offsets)

    def _seen(self, place: int) -> int:
        """How many units digit `place` may use."""
        return int(self.ends[place - 1]) if place else 0

    def _values(self, place: int) -> slice:
        """Where the values of digit `place` are among all values of all digits."""
        start = sum(self.sizes[:place])
        return slice(start, start + self.sizes[place])


class Pass:
    """One forward pass of a masked network, digit by digit: each unit is computed once, when all that it sees is known."""

    def __init__(self, network: MaskedNetwork, samples: int) -> None:
        self._net, self._samples, self._known = network, samples, 0
        self._digits: list[np.ndarray] = []
        self._inputs = np.empty((len(network.sizes) * network.embedding.shape[1], samples), np.float32)
        self._layers = [np.empty((len(network.degrees), samples), np.float32) for _ in network.kernels]

    def logits(self) -> np.ndarray:
        """(values, samples) float32, unnormalised log probabilities of the next digit's values."""
        net, place = self._net, self._known
        offset = net.offsets[place]
        before = offset.ndim - 1
        out = offset[tuple(self._digits[-before:])].T if before else np.repeat(offset[:, None], self._samples, axis=1)
        seen = net._seen(place)
        return out + net._turned[1][place] @ self._layers[-1][:seen] if seen else out

    def add(self, digit: np.ndarray) -> None:
        """Take (samples,) values of the next digit as known."""
        net, place = self._net, self._known
        width = net.embedding.shape[1]
        known = (place + 1) * width
        self._inputs[place * width : known] = net.embedding[net._values(place)].T[:, digit]
        self._known += 1
        self._digits.append(digit)
        new = slice(net._seen(place), int(net.ends[place]))
        if new.start == new.stop:
            return
        below = self._inputs[:known]
        for number, (kernel, bias, layer) in enumerate(zip(net._turned[0], net.biases, self._layers, strict=True)):
            out = kernel[new, : len(below)] @ below
            out += bias[new, None]
            np.maximum(out, 0, out=out)
            if number:
                out += below[new]
            layer[new] = out
            below = layer[: new.stop]

    def choose(self, samples: np.ndarray) -> None:
        """Go on with these samples in place of those: (samples,) numbers of them, repetitions allowed."""
        self._samples = len(samples)
        self._digits = [digit[samples] for digit in self._digits]
        self._inputs = self._inputs[:, samples]
        self._layers = [layer[:, samples] for layer in self._layers]


def draw(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(samples,) one value each, drawn from (values, samples) logits."""
    odds = np.exp(logits - logits.max(axis=0))
    np.add.accumulate(odds, axis=0, out=odds)
    at = rng.random(odds.shape[1], np.float32) * odds[-1]
    return np.minimum((odds <= at).sum(axis=0), len(odds) - 1)


def log_chance(logits: np.ndarray, digit: np.ndarray) -> np.ndarray:
    """(samples,) float64, the log probability of these values."""
    best = logits.max(axis=0)
    total = np.log(np.exp(logits - best).sum(axis=0), dtype=np.float64)
    return logits[digit, np.arange(len(digit))].astype(np.float64) - best - total
