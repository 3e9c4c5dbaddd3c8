"""What every synthesizer is: a joint distribution of inputs and targets that one can draw data sets from."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np

from plait import intake
from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.meant import meant
from plait.spec import Spec
from plait.synth.endless import endless

__all__ = ["Synthesizer", "check_draw", "check_seed"]

_BLOCK = 4096  # samples of a stream drawn at once


class Synthesizer(abc.ABC):
    """A joint distribution of named inputs and targets. Immutable; sampling is a pure function of the seed.

    Laws for implementations are in `plait.testing.check_synthesizer`.
    """

    @property
    @abc.abstractmethod
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like."""

    @property
    @abc.abstractmethod
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like."""

    @property
    def spec(self) -> Mapping[str, Spec]:
        """Every stream by name."""
        return {**self.inputs, **self.targets}

    @abc.abstractmethod
    def sample(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """Draw n samples.

        Args:
            n: How many.
            seed: The same seed gives the same samples.
            given: stream name -> (n, *shape) values in the stream's own dtype and labels, or one value for all samples.

        Returns:
            A data set with the inputs and targets of this synthesizer; keys are row numbers.

        Raises:
            ArgumentError, NameUnknownError: n, seed or given cannot be meant.
        """

    def stream(self, *, seed: int) -> Dataset:
        """A data set without end, in constant memory: block i is a pure function of (seed, i). For `Loader(..., steps=...)`."""
        check_seed(type(self).__name__, seed, method="stream")
        return endless(self, seed=seed, block=_BLOCK)


def check_draw(
    owner: str, n: object, seed: object, given: Mapping[str, Any] | None, streams: Mapping[str, Spec], *, method: str = "sample"
) -> None:
    """Raise where the arguments of `sample`, or of a method like it, cannot be meant.

    Raises:
        ArgumentError: n or seed is no whole number, or given is no mapping.
        NameUnknownError: given names a stream that there is not.
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ArgumentError(f"{owner}.{method}({n!r}): the number of samples is a whole number of at least 1.")
    check_seed(owner, seed, method=method)
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(f"{owner}.{method}(given={type(given).__name__}): write given={{'name': values}}.")
    unknown = [name for name in given or {} if name not in streams]
    if unknown:
        raise NameUnknownError(
            f"{owner}.{method}(given=...): there is no {unknown[0]!r}. There are {list(streams)}.{meant(unknown[0], streams)}"
        )


def check_seed(owner: str, seed: object, *, method: str) -> None:
    """Raise where a seed is no whole number.

    Raises:
        ArgumentError: It is something else.
    """
    intake.check_seed(f"{owner}.{method}", seed)
