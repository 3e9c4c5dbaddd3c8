"""The laws of synthesizers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.ragged import Array
from plait.testing.laws import law, same

if TYPE_CHECKING:
    from plait.synth.synthesizer import Synthesizer

__all__ = ["check_synthesizer"]


def check_synthesizer(make: Callable[[], Synthesizer], *, samples: int = 64, seed: int = 0, conditional: bool = True) -> None:
    """Check that a synthesizer keeps the laws that users of random data rely on.

    A sample is a data set of the declared streams and roles. The seed decides it, bit for bit: drawn again, from several threads, by a
    synthesizer made a second time, and whatever NumPy's global state is, which is left alone. Another seed gives another sample. Given
    streams come back as they were given. The stream without end is pure, too. What was learned from a table stays within its levels,
    its range and its grid. Where it can be saved, what is loaded draws the same, and the same is written each time.

    Args:
        make: Builds (fits, loads) the synthesizer; called twice.
        samples: How many are drawn at a time.
        seed: Of what is drawn.
        conditional: Whether every single stream can be given.

    Raises:
        AssertionError: Saying which law does not hold, and where.
    """
    synthesizer = make()
    name = type(synthesizer).__name__
    streams = {**synthesizer.inputs, **synthesizer.targets}
    state = np.random.get_state()[1].tobytes()  # type: ignore[index, union-attr]
    first = synthesizer.sample(samples, seed=seed)
    law(isinstance(first, Dataset) and len(first) == samples, f"{name}.sample({samples}) is {first!r}")
    law(
        dict(first.inputs) == dict(synthesizer.inputs) and dict(first.targets) == dict(synthesizer.targets),
        f"{name} declares {streams} and draws {dict(first.spec)}",
    )
    law(first.keys.is_range, f"{name} draws samples with keys other than row numbers")
    drawn = _all_of(first)
    for number in (1, 2):
        one = _all_of(synthesizer.sample(number, seed=seed))
        law(all(len(column) == number for column in one.values()), f"{name}.sample({number}) has another number of samples")
    _same_columns(_all_of(synthesizer.sample(samples, seed=seed)), drawn, f"{name} gave two samples for one seed")
    with ThreadPoolExecutor(3) as threads:
        for found in threads.map(lambda _: _all_of(synthesizer.sample(samples, seed=seed)), range(3)):
            _same_columns(found, drawn, f"{name} sampled from several threads gives another sample")
    other = _all_of(synthesizer.sample(samples, seed=seed + 1))
    law(any(not _equal(other[stream], drawn[stream]) for stream in streams), f"{name} gives one sample for two seeds")
    _same_columns(_all_of(make().sample(samples, seed=seed)), drawn, f"{name} made a second time gives another sample")
    if conditional:
        _given(synthesizer, first, drawn, seed)
    _endless(synthesizer, seed)
    _support(synthesizer, first)
    if callable(getattr(synthesizer, "save", None)):
        _saved(synthesizer, drawn, seed)
    law(np.random.get_state()[1].tobytes() == state, f"{name} uses NumPy's global random state")  # type: ignore[index, union-attr]
    for wrong in (lambda: synthesizer.sample(0, seed=seed), lambda: synthesizer.sample(2, seed=seed, given={"no such stream": 1})):
        try:
            wrong()
        except (ArgumentError, NameUnknownError):
            continue
        raise AssertionError(f"{name} has no error for no samples, or for a given stream that does not exist.")


def _all_of(data: Dataset) -> dict[str, Array]:
    return data.read(list(data.spec), np.arange(len(data)))


def _same_columns(one: dict[str, Array], other: dict[str, Array], message: str) -> None:
    for stream, column in one.items():
        same(column, other[stream], f"{message}, in {stream!r}")


def _equal(one: Array, other: Array) -> bool:
    try:
        same(one, other, "")
    except AssertionError:
        return False
    return True


def _given(synthesizer: Synthesizer, first: Dataset, drawn: dict[str, Array], seed: int) -> None:
    name = type(synthesizer).__name__
    for stream in synthesizer.spec:
        gone = first.absent(stream)
        column = np.asarray(drawn[stream])
        here = np.flatnonzero(~gone if gone is not None else np.ones(len(first), bool))
        if column.dtype.kind in "fmM":
            whole = ~(np.isnan(column) if column.dtype.kind == "f" else np.isnat(column)).reshape(len(column), -1)
            here = here[np.logical_and.reduce(whole[here], axis=1)]
        if not len(here):
            continue
        values = column[here]
        found = synthesizer.sample(len(here), seed=seed + 2, given={stream: values})
        same(np.asarray(_all_of(found)[stream]), values, f"{name}: given {stream!r} comes back as something else")
        one = synthesizer.sample(3, seed=seed, given={stream: values[0]})
        three = synthesizer.sample(3, seed=seed, given={stream: np.stack([values[0]] * 3)})
        _same_columns(_all_of(one), _all_of(three), f"{name}: one value of {stream!r} for all is not that value for each")


def _endless(synthesizer: Synthesizer, seed: int) -> None:
    name = type(synthesizer).__name__
    stream, again = synthesizer.stream(seed=seed), synthesizer.stream(seed=seed)
    names = [*stream.inputs, *stream.targets]
    law(set(names) == set(synthesizer.spec), f"the stream of {name} has {names}")
    late = np.array([100_000, 5, 99_999, 5])
    _same_columns(again.read(names, late), stream.read(names, late), f"the stream of {name} is not pure")
    early = stream.read(names, np.arange(4))
    _same_columns(again.read(names, np.arange(8)[:4]), early, f"the stream of {name} depends on what was read before")
    later = stream.read(names, np.arange(50_000, 50_004))
    law(any(not _equal(early[n], later[n]) for n in names) or len(names) == 0, f"the stream of {name} repeats itself")


def _support(synthesizer: Any, first: Dataset) -> None:
    schema = getattr(synthesizer, "schema", None)
    if schema is None:
        return
    name = type(synthesizer).__name__
    for variable, column in schema.columns(first).items():  # which refuses levels that do not exist
        declared, values = schema[variable], column[~np.isnan(column)]
        law(declared.missing or len(values) == len(column), f"{name}: {variable!r} has missing values, and the data have none")
        if len(values) and not declared.discrete:
            inside = declared.low <= values.min() and values.max() <= declared.high
            law(inside, f"{name}: {variable!r} from {values.min()} to {values.max()}; the data from {declared.low} to {declared.high}")
            if declared.decimals is not None:
                rounded = np.round(values, declared.decimals).astype(schema.specs[declared.stream].dtype).astype(np.float64)
                on_grid = np.allclose(values, rounded, rtol=1e-12, atol=1e-12 * max(1.0, float(np.abs(values).max())))
                law(on_grid, f"{name}: {variable!r} has more than {declared.decimals} decimals")


def _saved(synthesizer: Any, drawn: dict[str, Array], seed: int) -> None:
    from plait.synth.learned import load

    name = type(synthesizer).__name__
    with TemporaryDirectory() as folder:
        path, twice = Path(folder) / "one.plait", Path(folder) / "two.plait"
        synthesizer.save(path)
        synthesizer.save(twice)
        law(path.read_bytes() == twice.read_bytes(), f"{name}.save does not write the same each time")
        again = load(path)
        law(type(again) is type(synthesizer), f"a saved {name} is loaded as a {type(again).__name__}")
        count = len(next(iter(drawn.values())))
        _same_columns(_all_of(again.sample(count, seed=seed)), drawn, f"a loaded {name} gives another sample")
