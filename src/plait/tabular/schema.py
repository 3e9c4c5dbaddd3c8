"""Which variables a data set is made of; its streams as columns of float64, and columns as streams again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.gaps import Policy
from plait.meant import meant
from plait.ragged import Ragged
from plait.spec import Spec
from plait.tabular.drawn import Drawn
from plait.tabular.given import given_array
from plait.tabular.variables import Kind, Variable

__all__ = ["Schema"]

_MOST_VARIABLES = 1024  # of one vector stream


@dataclass(frozen=True)
class Schema:
    """The variables of a data set, inputs first; what columns are called, and what they stand for.

    Args:
        variables: In order.
        inputs, targets: stream name -> what one sample looks like.
    """

    variables: tuple[Variable, ...]
    input_specs: Mapping[str, Spec]
    target_specs: Mapping[str, Spec]

    @classmethod
    def of(cls, data: Dataset, *, kinds: Mapping[str, Kind] | None = None, also: Sequence[Dataset] = ()) -> Schema:
        """The schema of a data set whose samples are numbers, categories, dates and vectors of these.

        Text, booleans and codes of classes are categories, vectors of one 1 among zeros too; integers and dates are what they are.
        Weights are not part of it, nor is what `augment` added.

        Args:
            data: What to describe.
            kinds: stream (or variable) name -> kind, where another one is meant.
            also: Data with the same streams, whose levels and ranges count too.

        Raises:
            SpecError: A stream is ragged, of higher rank, or holds infinite values; or `also` lacks a stream, or has another shape.
            ArgumentError, NameUnknownError: `kinds` cannot be meant.
        """
        check_kinds(kinds)
        kinds = dict(kinds or {})
        roles: list[tuple[str, Any, Spec]] = [(name, "input", spec) for name, spec in data.inputs.items()]
        roles += [(name, "target", spec) for name, spec in data.targets.items()]
        read = [_read(part, [name for name, _, _ in roles], data.spec) for part in (data, *also)]
        variables: list[Variable] = []
        for stream, role, spec in roles:
            check_tabular(stream, spec)
            values = np.concatenate([columns[stream][0] for columns in read])
            gone = np.concatenate([columns[stream][1] for columns in read])
            variables += _variables(stream, role, spec, values, gone, kinds)
        unused = [name for name in kinds if name not in {v.name for v in variables} | {v.stream for v in variables}]
        if unused:
            raise NameUnknownError(f"kinds= names {unused}; the data set has {[name for name, _, _ in roles]}.")
        return cls(tuple(variables), data.inputs, data.targets)

    @property
    def names(self) -> list[str]:
        """Of all variables, in order."""
        return [v.name for v in self.variables]

    @property
    def inputs(self) -> list[str]:
        """Names of the variables that are inputs."""
        return [v.name for v in self.variables if v.role == "input"]

    @property
    def targets(self) -> list[str]:
        """Names of the variables that are targets."""
        return [v.name for v in self.variables if v.role == "target"]

    @property
    def specs(self) -> dict[str, Spec]:
        """stream name -> what one sample looks like."""
        return {**self.input_specs, **self.target_specs}

    def __getitem__(self, name: str) -> Variable:
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise NameUnknownError(f"There is no variable {name!r}. There are {self.names}.{meant(name, self.names)}")

    def __len__(self) -> int:
        return len(self.variables)

    def of_stream(self, stream: str) -> list[Variable]:
        """The variables that a stream is made of."""
        return [v for v in self.variables if v.stream == stream]

    def columns(self, data: Dataset) -> dict[str, np.ndarray]:
        """The data as variable name -> (rows,) float64; codes of categories, NaN where a value is missing.

        Raises:
            SpecError: Streams are missing, or of another shape or kind of values.
            ArgumentError: A category has a level that the schema does not know.
        """
        read = _read(data, list(self.specs), self.specs)
        out: dict[str, np.ndarray] = {}
        for stream, (values, gone) in read.items():
            out |= self._columns(stream, values, gone)
        return {name: out[name] for name in self.names}

    def encode(self, given: Mapping[str, Any], samples: int) -> dict[str, np.ndarray]:
        """Given values of streams as columns.

        Args:
            given: stream name -> one value for all, or (samples, *shape) values, in the stream's own dtype and labels.
            samples: How many rows.

        Raises:
            NameUnknownError: There is no such stream.
            ArgumentError: The values are of another kind or number, are missing, or no level of their category.
        """
        out: dict[str, np.ndarray] = {}
        for stream, value in self.given(given, samples).items():
            out |= self._columns(stream, value, None)
        return out

    def given(self, given: Mapping[str, Any], samples: int) -> dict[str, np.ndarray]:
        """Given values as (samples, *shape) arrays of the streams' dtypes; arguments and errors as of `encode`."""
        unknown = [stream for stream in given if stream not in self.specs]
        if unknown:
            raise NameUnknownError(
                f"given={{{unknown[0]!r}: ...}}: there is no stream {unknown[0]!r}. There are {list(self.specs)}."
                f"{meant(unknown[0], self.specs)}"
            )
        out = {stream: given_array(stream, value, self.specs[stream], samples) for stream, value in given.items()}
        for stream, values in out.items():
            if _is_one_hot(self.of_stream(stream)[0], self.specs[stream]) and not _one_hot(values, np.zeros(samples, bool)):
                raise ArgumentError(f"given={{{stream!r}: ...}}: every sample of {stream!r} is a single 1 among zeros. Give it so.")
        return out

    def dataset(self, columns: Mapping[str, np.ndarray], *, label: str = "Drawn", given: Mapping[str, np.ndarray] | None = None) -> Dataset:
        """Columns as a data set of the streams they stand for; the opposite of `columns`.

        Missing values come back as NaN in streams of floats, and as masked targets elsewhere.

        Args:
            columns: variable name -> (rows,) float64, every variable.
            label: How the source of the streams is called.
            given: stream name -> (rows, *shape), of those that are known as they are: a column may round them.
        """
        streams: dict[str, np.ndarray] = {}
        absent: dict[str, np.ndarray] = {}
        policies: dict[str, Policy] = {}
        for name, spec in self.specs.items():
            if given is not None and name in given:
                streams[name] = given[name]
                continue
            parts = [self._decoded(v, columns[v.name], spec) for v in self.of_stream(name)]
            shape = (len(parts[0][0]), *(length or 0 for length in spec.shape))
            values = [value for value, _ in parts]
            streams[name] = values[0].reshape(shape) if len(values) == 1 else np.stack(values, axis=1).reshape(shape)
            gone = [missing for _, missing in parts if missing is not None]
            if gone:
                absent[name] = np.logical_or.reduce(gone)
                policies[name] = "keep" if spec.dtype.kind == "f" and name in self.input_specs else "mask"
        source = Drawn(streams, self.specs, absent, label)
        return Dataset(
            inputs={name: source[name] for name in self.input_specs},
            targets={name: source[name] for name in self.target_specs},
            missing=policies or "raise",
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return {
            "variables": [v.to_json() for v in self.variables],
            "inputs": {name: spec.to_json() for name, spec in self.input_specs.items()},
            "targets": {name: spec.to_json() for name, spec in self.target_specs.items()},
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Schema:
        """What `to_json` gave."""
        inputs, targets = ({name: Spec.from_json(spec) for name, spec in state[role].items()} for role in ("inputs", "targets"))
        return cls(tuple(Variable.from_json(v) for v in state["variables"]), inputs, targets)

    def _columns(self, stream: str, values: np.ndarray, gone: np.ndarray | None) -> dict[str, np.ndarray]:
        variables = self.of_stream(stream)
        if _is_one_hot(variables[0], self.specs[stream]):
            codes = values.reshape(len(values), -1).argmax(axis=1)
            return {variables[0].name: variables[0].encode(codes, gone)}
        flat = values.reshape(len(values), -1)
        missing = [gone] * len(variables) if gone is None or gone.ndim == 1 else list(gone.T)
        return {v.name: v.encode(flat[:, place], missing[place]) for place, v in enumerate(variables)}

    def _decoded(self, variable: Variable, column: np.ndarray, spec: Spec) -> tuple[np.ndarray, np.ndarray | None]:
        if not _is_one_hot(variable, spec):
            return variable.decode(column, spec.dtype)
        codes, missing = variable.decode(column, np.dtype(np.int64))
        return np.eye(spec.shape[0] or 1, dtype=spec.dtype)[codes], missing


def check_kinds(kinds: Mapping[str, Kind] | None) -> None:
    """Raise where it is no mapping of names to kinds.

    Raises:
        ArgumentError: With the kinds that there are.
    """
    if kinds is not None and not isinstance(kinds, Mapping):
        raise ArgumentError(f"kinds={kinds!r}: write a kind for each name, kinds={{'grade': 'category'}}.")
    wrong = {name: kind for name, kind in (kinds or {}).items() if kind not in get_args(Kind)}
    if wrong:
        raise ArgumentError(f"kinds={wrong}: a kind is one of {', '.join(map(repr, get_args(Kind)))}.")


def check_tabular(stream: str, spec: Spec) -> None:
    """Raise where samples are no numbers, categories, dates or vectors of these.

    Raises:
        SpecError: With what to do about it.
    """
    size = 0 if spec.ragged else int(np.prod([n or 0 for n in spec.shape]))
    if len(spec.shape) > 1 or spec.ragged or not 0 < size <= _MOST_VARIABLES or spec.dtype.kind not in "biufTmM":
        raise SpecError(
            f"Stream {stream!r} is {spec}: a table has numbers, categories, dates, and vectors of at most {_MOST_VARIABLES} of these. "
            f"Leave {stream!r} out, plait.Dataset(inputs=..., targets=...), or map it to a vector of features first"
            + (f"; series of unlike lengths are brought to one by data.map(plait.Pad(...), on={stream!r})." if spec.ragged else ".")
        )


def _read(data: Dataset, names: Sequence[str], specs: Mapping[str, Spec]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """stream name -> its samples, and where values are missing: (rows,) or (rows, numbers) bool."""
    lacking = [name for name in names if name not in data.spec]
    if lacking:
        raise SpecError(f"The data set has no stream {lacking[0]!r}. It has {list(data.inputs)} and {list(data.targets)}.")
    for name in names:
        here, there = data.spec[name], specs[name]
        if here.shape != there.shape or _family(here) != _family(there):
            raise SpecError(f"Stream {name!r} is {here} here, and {there} in the data it is compared with. They must be alike.")
    plain = data.plain()
    values = plain.read(names, np.arange(len(plain)))
    out: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in names:
        array = values[name]
        if isinstance(array, Ragged):
            check_tabular(name, data.spec[name])
            raise SpecError(f"Stream {name!r} is ragged.")
        absent = data.absent(name)
        gone = np.zeros(len(data), bool) if absent is None else absent
        if array.dtype.kind in "fmM":
            nan = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
            gone = nan | gone.reshape(-1, *[1] * (nan.ndim - 1)) if nan.any() else gone
        out[name] = (array, gone)
    return out


def _variables(stream: str, role: Any, spec: Spec, values: np.ndarray, gone: np.ndarray, kinds: Mapping[str, Kind]) -> list[Variable]:
    missing = gone if gone.ndim == 1 else np.logical_or.reduce(gone, axis=1)
    flat = values.reshape(len(values), -1)
    if spec.shape == (flat.shape[1],) and flat.shape[1] > 1 and kinds.get(stream, "category") == "category" and _one_hot(flat, missing):
        codes = np.arange(flat.shape[1])  # all levels, seen or not
        found = Variable.of(stream, stream, None, role, "category", codes, np.zeros(len(codes), bool))
        return [found if not missing.any() else Variable(**{**found.__dict__, "missing": True})]
    out = []
    for place in range(flat.shape[1]):
        name = stream if flat.shape[1] == 1 else f"{stream}[{place}]"
        kind: Kind = kinds.get(name) or kinds.get(stream) or _kind(spec)
        _check_kind(name, kind, spec)
        absent = gone if gone.ndim == 1 else gone.reshape(len(values), -1)[:, place]
        out.append(Variable.of(name, stream, None if flat.shape[1] == 1 else place, role, kind, flat[:, place], absent))
    return out


def _kind(spec: Spec) -> Kind:
    if spec.text or spec.classes is not None or spec.dtype.kind == "b":
        return "category"
    if spec.dtype.kind in "mM":
        return "date"
    return "number" if spec.dtype.kind == "f" else "integer"


def _check_kind(name: str, kind: Kind, spec: Spec) -> None:
    allowed = {"f": ("number", "category", "ordered"), "m": ("date",), "M": ("date",), "T": ("category", "ordered")}.get(
        spec.dtype.kind, ("integer", "number", "category", "ordered")
    )
    if kind not in allowed:
        raise ArgumentError(f"kinds={{{name!r}: {kind!r}}}: the stream is {spec}, which can be {' or '.join(map(repr, allowed))}.")


def _one_hot(flat: np.ndarray, missing: np.ndarray) -> bool:
    if flat.dtype.kind not in "biuf" or missing.all():
        return False
    here = flat[~missing]
    first = here[:1000]
    return all(bool(((part == 0) | (part == 1)).all() and (part.sum(axis=1) == 1).all()) for part in (first, here))


def _is_one_hot(variable: Variable, spec: Spec) -> bool:
    return variable.place is None and variable.discrete and spec.shape not in ((), (1,))


def _family(spec: Spec) -> str:
    return {"T": "text", "m": "date", "M": "date"}.get(spec.dtype.kind, "numbers")
