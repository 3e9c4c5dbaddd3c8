"""What every distribution is: parameters that are numbers, arrays or functions of other variables; a sampler; a density."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from plait.errors import ArgumentError

__all__ = ["Distribution", "Parameter", "Rng"]

#: A number, an array for a variable of that shape, or a function whose parameters name other variables, one row of result a row.
Parameter = Any
#: `numpy.random.Generator`, or anything with its method names.
Rng = Any


@dataclass(frozen=True)
class Distribution(abc.ABC):
    """A distribution of one variable: a number, or an array of independent numbers where parameters are arrays.

    Frozen. Where a parameter is a function its parameters name other variables of a graph: `Normal(lambda z: 50 + 10 * z, 2)`. Such a
    distribution samples and weighs within a `plait.Graph`; `at` puts the values in.
    """

    #: Axes that one value of a parameter has: 1 for the probabilities of classes.
    core: ClassVar[Mapping[str, int]] = {}
    #: Axes that one value of the variable has.
    event: ClassVar[int] = 0
    #: Fields that are no parameters.
    static: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name, value in self._parameters().items():
            if isinstance(value, Distribution) or (isinstance(value, tuple) and value and isinstance(value[0], Distribution)):
                continue
            if callable(value):
                _names(value, f"{type(self).__name__}({name}=...)")
                continue
            object.__setattr__(self, name, self._number(name, value))
        self._check()

    @property
    def parents(self) -> tuple[str, ...]:
        """The variables that the parameters are functions of."""
        found: list[str] = []
        for value in self._parameters().values():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Distribution):
                    found += part.parents
                elif callable(part):
                    found += [name for name in _names(part, "") if name != "n"]
        return tuple(dict.fromkeys(found))

    def at(self, known: Mapping[str, np.ndarray], n: int) -> Rows:
        """The distribution of n rows at these values of other variables.

        Args:
            known: name -> (n, *shape), every parent.
            n: Rows.

        Raises:
            ArgumentError: A function gives something else than one row a row, or a parameter is out of its range.
        """
        resolved, shape = self._at(known, n)
        return Rows(resolved, shape)

    @abc.abstractmethod
    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw, as NumPy does: parameters broadcast to `size`. Vectors have one more axis, which `size` does not name."""

    @abc.abstractmethod
    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density (of the probability, where values are discrete), float64; parameters broadcast to the values."""

    def cdf(self, value: Any) -> np.ndarray:
        """The probability of values up to this one, where that has a closed form."""
        raise ArgumentError(f"{type(self).__name__} has no distribution function here. Normal, LogNormal, Uniform and Exponential have.")

    def quantile(self, p: Any) -> np.ndarray:
        """The inverse of `cdf`."""
        raise ArgumentError(f"{type(self).__name__} has no quantiles here. Normal, LogNormal, Uniform and Exponential have.")

    @abc.abstractmethod
    def _check(self) -> None:
        """Raise where a parameter that is known is out of its range."""

    def _need(self, name: str, holds: Callable[[Any], Any], wanted: str) -> None:
        """Raise unless this holds for all values of a parameter."""
        value = getattr(self, name)
        if callable(value):
            return
        fine = np.asarray(holds(value))
        if not fine.all():
            wrong = np.asarray(value)[~np.broadcast_to(fine, np.shape(value))] if fine.shape == np.shape(value) else np.asarray(value)
            raise ArgumentError(f"{type(self).__name__}({name}=...): found {np.ravel(wrong)[0]:g}, and it has to be {wanted}.")

    def _number(self, name: str, value: Any) -> np.ndarray:
        try:
            array = np.asarray(value)
            array = array if array.dtype == np.float32 else array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ArgumentError(
                f"{type(self).__name__}({name}={value!r}): a parameter is a number, an array, or a function of other variables, "
                f"{name}=lambda x: ..."
            ) from error
        if array.ndim < self.core.get(name, 0):
            raise ArgumentError(f"{type(self).__name__}({name}={value!r}): {self.core[name]} axes are needed, such as one number a class.")
        return array

    def _parameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self.static}

    def _at(self, known: Mapping[str, np.ndarray], n: int) -> tuple[Self, tuple[int, ...]]:
        found: dict[str, Any] = {}
        shapes: list[tuple[int, ...]] = []
        for name, value in self._parameters().items():
            if isinstance(value, Distribution):
                found[name], shape = value._at(known, n)
                shapes.append(shape)
            elif isinstance(value, tuple):
                pairs = [part._at(known, n) for part in value]
                found[name] = tuple(part for part, _ in pairs)
                shapes += [shape for _, shape in pairs]
            elif callable(value):
                array = np.asarray(value(*(n if p == "n" else known[p] for p in _names(value, ""))))
                self._check_rows(name, array, n)
                found[name] = array
                shapes.append(array.shape[1 : array.ndim - self.core.get(name, 0)])
            else:
                shapes.append(value.shape[: value.ndim - self.core.get(name, 0)])
        shape = np.broadcast_shapes(*shapes)
        for name, value in found.items():  # one row a row, axes of the variable between it and those of the parameter
            if isinstance(value, np.ndarray):
                missing = len(shape) - (value.ndim - 1 - self.core.get(name, 0))
                found[name] = value.reshape(n, *(1,) * missing, *value.shape[1:]) if missing else value
        return (replace(self, **found) if found else self), shape

    def _check_rows(self, name: str, array: np.ndarray, n: int) -> None:
        if array.ndim < 1 + self.core.get(name, 0) or len(array) != n:
            raise ArgumentError(
                f"{type(self).__name__}({name}=lambda ...): the function gives {array.shape} for {n} rows. It takes whole columns and "
                "gives one row a row, as NumPy's functions do: lambda x: x.sum(axis=1)."
            )


@dataclass(frozen=True)
class Rows:
    """A distribution at known parameters, one row each.

    Args:
        distribution: Its parameters have the rows first.
        shape: Of one row of the variable, without the axes of a vector.
    """

    distribution: Distribution
    shape: tuple[int, ...]

    def sample(self, n: int, *, rng: Rng) -> np.ndarray:
        """(n, *shape): one draw a row."""
        return self.distribution.sample((n, *self.shape), rng=rng)

    def log_prob_of_rows(self, value: np.ndarray) -> np.ndarray:
        """(n,) float64: of each row, summed over what is independent in it."""
        each = self.distribution.log_prob(value)
        return each.reshape(len(each), -1).sum(axis=1) if each.ndim > 1 else each


def _names(function: Callable[..., Any], where: str) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{where} is {function!r}, whose parameters cannot be told. Wrap it: lambda x: f(x).") from error
    for parameter in parameters:
        if parameter.name == "rng":
            raise ArgumentError(f"{where} draws: it has the parameter rng. Make what it draws a variable of its own, and name that.")
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ArgumentError(f"{where} has the parameter {str(parameter)!r}. Each parameter names a variable: lambda x: ...")
    return tuple(p.name for p in parameters if p.default is p.empty)
