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

__all__ = ["Step", "check_result", "run_step", "turn"]


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
    present: Mapping[str, np.ndarray | None],
    rng: Draws | None,
    key_of: Callable[[int], object],
    *,
    samples: int,
) -> None:
    """Replace the step's streams in `values` by what it makes of them.

    A stream with absent samples holds only the `present` ones, before and after. A step on one stream sees those alone; a random one, or
    one on several streams, sees all samples, zeros where there is no value.

    Args:
        step: What to do.
        values: name -> the present samples.
        present: name -> their places in the batch; None where all are there.
        rng: For a random step.
        key_of: The key of a sample by its place in the batch, for messages.
        samples: Of the batch, absent ones too.

    Raises:
        TransformError: The function raised; the message names the step, the stream and the key of the first sample it fails on.
        SpecError: The function returned something else than one row a sample.
    """
    alone = len(step.on) == 1 and rng is None
    spread = {name: None if alone else present[name] for name in step.on}  # those that get zeros for the absent samples
    arrays = [values[name] if here is None else scatter(values[name], here, samples) for name, here in spread.items()]
    try:
        with np.errstate(invalid="ignore"):
            result = step.fn(*arrays) if rng is None else step.fn(*arrays, rng)
    except Exception as error:
        seen = present[step.on[0]] if alone else None
        raise _named(error, step, arrays, rng, key_of if seen is None else lambda row: key_of(int(seen[row]))) from error
    for (name, here), array in zip(spread.items(), _results(step, result, len(arrays[0])), strict=True):
        if isinstance(array, np.ndarray) and min(array.strides, default=0) < 0:
            array = np.ascontiguousarray(array)  # noqa: PLW2901 - PyTorch takes no array that runs backwards, such as a flipped image
        values[name] = array if here is None else take(array, here)


def turn(steps: Sequence[Step], number: int) -> int:
    """Which of the random steps this is, from 0: what it draws does not depend on how many others come before, packed or not."""
    return sum(step.random for step in steps[:number])


def check_result(name: str, array: Array, spec: Spec, steps: Sequence[Step], keys: Callable[[], object]) -> None:
    """Raise when what was read is not what the spec declares.

    Raises:
        SpecError: Naming the stream, what was declared and found, the last step, and keys of the batch.
    """
    shape = (None, *array.values.shape[1:]) if isinstance(array, Ragged) else array.shape[1:]
    if array.dtype == spec.dtype and (shape == spec.shape or _fits(shape, spec.shape)):
        return
    last = next((step.name for step in reversed(steps) if name in step.on), None)
    raise SpecError(
        f"Stream {name!r} is declared as {spec} and a batch of it is {Spec.of(array)}"
        + (f" after the step {last}, which gave the former for the first samples" if last else "")
        + f"; samples {keys()}. A step must give the same shape and dtype for every batch."
    )


def _fits(found: Sequence[int | None], declared: Sequence[int | None]) -> bool:
    return len(found) == len(declared) and all(n is None or n == m for n, m in zip(declared, found, strict=True))


def _results(step: Step, result: object, samples: int) -> list[Array]:
    if isinstance(result, Mapping):
        if set(result) != set(step.on):
            raise SpecError(f"Step {step.name} returned {sorted(map(str, result))}; it must return {list(step.on)}.")
        parts: list[object] = [result[name] for name in step.on]
    elif len(step.on) == 1 and not isinstance(result, tuple):
        parts = [result]
    elif isinstance(result, (tuple, list)) and len(result) == len(step.on):
        parts = list(result)
    else:
        found = f"{len(result)} values" if isinstance(result, (tuple, list)) else f"a {type(result).__name__}"
        wanted = f"{len(step.on)} arrays, in that order" if len(step.on) > 1 else "one array"
        raise SpecError(f"Step {step.name} on {list(step.on)} returned {found}; it must return {wanted}.")
    arrays = [_array(step, name, part, samples) for name, part in zip(step.on, parts, strict=True)]
    return [_apart(array, arrays[:place]) for place, array in enumerate(arrays)]


def _array(step: Step, name: str, part: object, samples: int) -> Array:
    array, odd = _read(part)
    if array is not None and not odd:
        if array.dtype.kind not in "biufMmT":
            odd = f"dtype {array.dtype}"
        elif isinstance(array, Ragged):
            odd = f"{len(array)} samples" if len(array) != samples else ""
        elif array.shape[:1] != (samples,):
            odd = f"shape {array.shape}"
    if array is None or odd:
        raise SpecError(
            f"Step {step.name} turned {samples} samples of {name!r} into {odd}. A step gives numbers or text with one row a sample, "
            f"in the same order: shape ({samples}, ...)."
        )
    return array


def _read(part: object) -> tuple[Array | None, str]:
    """What a step returned as an array, or what is wrong with it."""
    if isinstance(part, Ragged):
        return part, ""
    try:
        array = np.asarray(part)
    except ValueError:  # a list of samples of unequal length
        try:
            return Ragged.of(list(part)), ""  # type: ignore[call-overload]
        except (SpecError, ValueError) as error:
            return None, f"a list that is no column ({error})"
    except Exception as error:  # whatever a tensor says that will not be converted
        return None, f"a {type(part).__name__} that NumPy cannot read ({error})"
    if array.dtype.kind == "U" or _all_text(array):
        array = array.astype(TEXT)
    return array, "masked values" if np.ma.is_masked(part) else ""


def _all_text(array: np.ndarray) -> bool:
    return array.dtype.kind == "O" and array.ndim > 0 and all(isinstance(value, str) for value in array.flat)


def _apart(array: Array, others: Sequence[Array]) -> Array:
    """The array, copied where another one has the same memory: a later step may write into it."""
    values = array.values if isinstance(array, Ragged) else array
    shared = any(np.may_share_memory(values, o.values if isinstance(o, Ragged) else o) for o in others)
    return take(array, np.arange(len(array))) if shared else array


def _named(error: Exception, step: Step, arrays: Sequence[Array], rng: Draws | None, key_of: Callable[[int], object]) -> PlaitError:
    """The same error with the step, the stream and the key of the first sample that it occurs on by itself."""
    where = f"Step {step.name} on {', '.join(map(repr, step.on))}"
    for row in range(len(arrays[0])):
        one = np.array([row])
        try:
            step.fn(*(take(array, one) for array in arrays), *(() if rng is None else (rng.only(one),)))
        except Exception as alone:  # whatever it is, this is the sample
            where += f", sample {key_of(row)!r}"
            error = alone if type(alone) is type(error) else error
            break
    text = str(error) or type(error).__name__
    kind = type(error) if isinstance(error, PlaitError) else TransformError
    return kind(f"{where}: {text}" if isinstance(error, PlaitError) else f"{where} raised {type(error).__name__}: {text}")
