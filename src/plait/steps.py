"""The steps of a data set: functions on arrays, and what goes wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.draws import Draws
from plait.errors import PlaitError, SpecError, TransformError
from plait.ragged import Array, Ragged, scatter, take
from plait.spec import TEXT, Spec

__all__ = ["Step", "check_result", "run_step"]


@dataclass(frozen=True)
class Step:
    """One function on one stream, or on several linked ones.

    Args:
        fn: Arrays in, as many arrays out; a random one takes `rng` last.
        on: The streams, in the order of the function's arguments.
        random: Whether it draws.
    """

    fn: Callable[..., Any]
    on: tuple[str, ...]
    random: bool

    @property
    def name(self) -> str:
        """How messages call it: the function's name, or the class of a fitted transform."""
        return getattr(self.fn, "__name__", None) or type(self.fn).__name__


def run_step(
    step: Step,
    values: MutableMapping[str, Array],
    present: MutableMapping[str, np.ndarray | None],
    rng: Draws | None,
    key_of: Callable[[int], object],
) -> None:
    """Replace the step's streams in `values` by what it makes of them.

    A stream with absent samples holds only the `present` ones; steps on one stream see those alone, steps on several see all, zeros
    where there is no value.

    Raises:
        TransformError: The function raised; the message names the step, the stream and the key of the first sample it fails on.
        SpecError: The function returned something else than one row a sample.
    """
    for name in step.on:
        here = present[name]
        if here is not None and (len(step.on) > 1 or rng is not None):
            total = len(rng) if rng is not None else _samples(values, present)
            values[name] = scatter(values[name], here, total)
    if len(step.on) > 1 or rng is not None:
        present.update({name: None for name in step.on})  # from here on all rows are there; absent ones hold filler
    arrays = [values[name] for name in step.on]
    try:
        with np.errstate(invalid="ignore"):
            result = step.fn(*arrays) if rng is None else step.fn(*arrays, rng)
    except Exception as error:
        raise _named(error, step, arrays, rng, present, key_of) from error
    values.update(zip(step.on, _results(step, result, len(arrays[0])), strict=True))


def check_result(name: str, array: Array, spec: Spec, steps: Sequence[Step], keys: Callable[[], object]) -> None:
    """Raise when what was read is not what the spec declares.

    Raises:
        SpecError: Naming the stream, what was declared and found, the last step, and keys of the batch.
    """
    found = Spec.of(array)
    if found.dtype == spec.dtype and len(found.shape) == len(spec.shape):
        if all(declared is None or declared == n for declared, n in zip(spec.shape, found.shape, strict=True)):
            return
    last = next((step.name for step in reversed(steps) if name in step.on), None)
    raise SpecError(
        f"Stream {name!r} is declared as {spec} and a batch of it is {Spec.of(array)}"
        + (f" after the step {last}, which gave the former for the first samples" if last else "")
        + f"; samples {keys()}. A step must give the same shape and dtype for every batch."
    )


def _samples(values: Mapping[str, Array], present: Mapping[str, np.ndarray | None]) -> int:
    whole = [len(values[name]) for name, here in present.items() if here is None and name in values]
    return whole[0] if whole else max(int(here.max(initial=-1)) + 1 for here in present.values() if here is not None)


def _results(step: Step, result: object, samples: int) -> list[Array]:
    if isinstance(result, Mapping):
        missing = [name for name in step.on if name not in result]
        if missing:
            raise SpecError(f"Step {step.name} returned {sorted(result)}; it must return {list(step.on)}.")
        parts: list[object] = [result[name] for name in step.on]
    elif len(step.on) == 1:
        parts = [result[0] if isinstance(result, tuple) and len(result) == 1 else result]
    elif isinstance(result, (tuple, list)) and len(result) == len(step.on):
        parts = list(result)
    else:
        found = f"{len(result)} values" if isinstance(result, (tuple, list)) else f"a {type(result).__name__}"
        raise SpecError(f"Step {step.name} on {list(step.on)} returned {found}; it must return {len(step.on)} arrays, in that order.")
    return [_array(step, name, part, samples) for name, part in zip(step.on, parts, strict=True)]


def _array(step: Step, name: str, part: object, samples: int) -> Array:
    array = part if isinstance(part, (np.ndarray, Ragged)) else np.asarray(part)
    if isinstance(array, np.ndarray) and array.dtype.kind == "U":
        array = array.astype(TEXT)
    bad_kind = array.dtype.kind not in "biufMmT"
    if bad_kind or (isinstance(array, np.ndarray) and array.ndim == 0) or len(array) != samples:
        found = f"dtype {array.dtype}" if bad_kind else f"shape {array.shape}" if isinstance(array, np.ndarray) else f"{len(array)} samples"
        raise SpecError(
            f"Step {step.name} turned {samples} samples of {name!r} into {found}. A step gives numbers or text with one row a sample, "
            f"in the same order: shape ({samples}, ...)."
        )
    return array


def _named(
    error: Exception,
    step: Step,
    arrays: Sequence[Array],
    rng: Draws | None,
    present: Mapping[str, np.ndarray | None],
    key_of: Callable[[int], object],
) -> PlaitError:
    """The same error with the step, the stream and the key of the first sample that it occurs on by itself."""
    where = f"Step {step.name} on {', '.join(map(repr, step.on))}"
    here = present[step.on[0]]
    if rng is None:
        for index in range(len(arrays[0])):
            try:
                step.fn(*(take(array, np.array([index])) for array in arrays))
            except Exception:  # whatever it is, this is the sample
                where += f", sample {key_of(int(here[index]) if here is not None else index)!r}"
                break
    text = str(error) or type(error).__name__
    kind = type(error) if isinstance(error, PlaitError) else TransformError
    return kind(f"{where}: {text}" if isinstance(error, PlaitError) else f"{where} raised {type(error).__name__}: {text}")
