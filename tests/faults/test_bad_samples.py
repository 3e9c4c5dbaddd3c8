"""Bad samples, of real damaged files and failing steps: exactly they go, or get weight 0, or an error names them; nothing else changes."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import plait
from plait.emit import Batch, Emission
from plait.errors import PlaitError
from plait.failures import Failures, allowed
from plait.making import Making
from plait.order import Bucketed, Order, Uniform
from plait.plan import plan
from plait.raising import Insistent
from plait.salvage import Salvage, failure_of

SAMPLES, BATCH = 22, 5
FILES = (4, 13)  # the damaged ones, in different batches of whichever order


@dataclass
class Case:
    """A data set some of whose samples are bad, and what is to be said of them."""

    data: plait.Dataset
    bad: tuple[int, ...]
    stream: str
    stage: str
    path: bool = False
    bucket: list[int] | None = None


def making(case: Case, policy: str, *, remainder: str = "keep", shard=(0, 1), shuffle=True, batch=BATCH) -> Making:
    order: Order = Uniform(len(case.data), batch, remainder, shard, 3, shuffle)  # type: ignore[arg-type]
    if case.bucket:
        order = Bucketed(np.full(len(case.data), 3), case.bucket, batch, remainder, shard, 3, shuffle)  # type: ignore[arg-type]
    padded = order.remainder == "pad"
    emission = Emission(case.data, None, padded=padded or policy != "raise")
    return Making(case.data, order, emission, 3, bool(case.bucket), Salvage(policy, padded))  # type: ignore[arg-type]


def epoch(make: Making, block: int) -> list[Batch]:
    steps = range(make.order.per_pass)
    return [batch for first in steps[::block] for batch in make(steps[first : first + block])]


def fed(batches: list[Batch]) -> list[int]:
    """The row numbers of the samples with weight, in order; every target carries its own."""
    return [int(row) for b in batches for row, weight in zip(b.targets["row"], b.weights["row"], strict=True) if weight > 0]


# what may be bad


def files(folder: Path, suffix: str, write: Callable[[Path, int], None], damage: Callable[[Path], Any], source: Callable[[str], Any]):
    for row in range(SAMPLES):
        write(folder / f"s{row:02}.{suffix}", row)
    found = source(str(folder / f"s{{id}}.{suffix}"))
    for row in FILES:
        damage(folder / f"s{row:02}.{suffix}")
    return found


def with_rows(name: str, source: Any, stage: str, *, path: bool = True, steps: Callable[[plait.Dataset], plait.Dataset] = lambda d: d):
    stream = source if isinstance(source, plait.Stream) else source[next(iter(source.spec))]
    rows = plait.Arrays(row=np.arange(SAMPLES, dtype=np.float32), key=[stream.source.keys[i] for i in range(SAMPLES)])
    return Case(steps(plait.Dataset(inputs={name: stream}, targets={"row": rows["row"]})), FILES, name, stage, path)


def picture(path: Path, row: int) -> None:
    Image.fromarray(np.random.default_rng(row).integers(0, 256, (9, 8, 3), np.uint8)).save(path)


def mask(path: Path, row: int) -> None:
    Image.fromarray(np.random.default_rng(row).integers(0, 3, (9, 8)).astype(np.uint8)).save(path)


def array(path: Path, row: int) -> None:
    np.save(path, np.random.default_rng(row).normal(size=(4, 3)).astype(np.float32))


def text(path: Path, row: int) -> None:
    path.write_text(json.dumps({"value": row, "words": "one two three"}), encoding="utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def words_instead(path: Path) -> None:
    path.write_text("no such thing")


def rewritten(value: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path.with_suffix(""), value, allow_pickle=True) if path.suffix == ".npy" else path.write_bytes(value)


def loop(path: Path) -> None:
    path.unlink()
    os.symlink(path, path)


BROKEN = {
    "cut": cut,
    "empty": empty,
    "deleted": Path.unlink,
    "folder": folder_instead,
    "zeros": zeros,
    "words": words_instead,
    "loop": loop,
}
WRONG_ARRAYS = {
    "shape": np.zeros((4, 4), np.float32),
    "rank": np.zeros(12, np.float32),
    "dtype": np.zeros((4, 3), np.int16),
    "objects": np.array([[None, 1]]),
    "text": np.full((4, 3), "x"),
}
NOT_FED = {"nan": np.full((4, 3), np.nan, np.float32), "inf": np.array([[1, 2, np.inf]] * 4, np.float32)}

CASES: dict[str, Callable[[Path], Case]] = {}
for how, damage in BROKEN.items():
    CASES[f"images-{how}"] = lambda p, d=damage: with_rows(
        "photo", files(p, "png", picture, d, lambda t: plait.Images(t, size=(8, 8))), "read"
    )
    CASES[f"jpeg-{how}"] = lambda p, d=damage: with_rows(
        "photo", files(p, "jpg", picture, d, lambda t: plait.Images(t, size=(8, 8))), "read"
    )
    CASES[f"masks-{how}"] = lambda p, d=damage: with_rows("lesion", files(p, "png", mask, d, lambda t: plait.Masks(t, size=(8, 8))), "read")
    CASES[f"npy-{how}"] = lambda p, d=damage: with_rows("wave", files(p, "npy", array, d, plait.Npy), "read")
    CASES[f"ragged-{how}"] = lambda p, d=damage: with_rows(
        "wave",
        files(p, "npy", array, d, lambda t: plait.Npy(t, shape=(None, 3))),
        "read",
        steps=lambda data: data.map(plait.Pad(5, cut=True), on="wave"),
    )
for how, value in WRONG_ARRAYS.items():
    CASES[f"npy-{how}"] = lambda p, v=value: with_rows("wave", files(p, "npy", array, rewritten(v), plait.Npy), "read")
for how, value in NOT_FED.items():
    CASES[f"npy-{how}"] = lambda p, v=value: with_rows("wave", files(p, "npy", array, rewritten(v), plait.Npy), "check")
for how, content in {"utf-8": b"\xff\xfe broken \xc3", "half": "ü".encode()[:1], "empty": b""}.items():
    CASES[f"text-{how}"] = lambda p, c=content: with_rows(
        "words", files(p, "txt", text, rewritten(c), plait.Text), "read", steps=lambda data: data.map(counted_words, on="words")
    )
for how in ("deleted", "folder", "loop"):
    CASES[f"text-{how}"] = lambda p, d=BROKEN[how]: with_rows(
        "words", files(p, "txt", text, d, plait.Text), "read", steps=lambda data: data.map(counted_words, on="words")
    )
for how, content in {"cut": b'{"value": 3, "wo', "list": b"[1, 2]", "blank": b" ", "deep": b"[" * 100_000}.items():
    CASES[f"json-{how}"] = lambda p, c=content: with_rows(
        "words", files(p, "txt", text, rewritten(c), plait.Text), "step parsed", steps=lambda data: data.map(parsed, on="words")
    )


def counted_words(texts: np.ndarray) -> np.ndarray:
    return np.array([len(t.split()) for t in texts], np.float32)


def parsed(texts: np.ndarray) -> np.ndarray:
    return np.array([json.loads(t)["value"] for t in texts], np.float32)


def in_memory(name: str = "x", **more: Any) -> tuple[plait.Arrays, plait.Dataset]:
    x = np.arange(SAMPLES, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    arrays = plait.Arrays(row=np.arange(SAMPLES, dtype=np.float32), key=[f"k{i}" for i in range(SAMPLES)], **{"x": x, **more})
    return arrays, plait.Dataset(inputs={name: arrays["x"]}, targets={"row": arrays["row"]}, missing={name: "keep"})


def fails(error: Exception) -> Callable[[np.ndarray], np.ndarray]:
    def step(x: np.ndarray) -> np.ndarray:
        if np.isin(x[:, 0], FILES).any():
            raise error
        return x + 1

    return step


def spoils(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(np.isin(x[:, :1], FILES), np.float32(value), x)


def drops_rows(x: np.ndarray) -> np.ndarray:
    return x[~np.isin(x[:, 0], FILES)]


def widens(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if np.isin(x[:, 0], FILES).any() else x


def jitter(x: np.ndarray, rng: Any) -> np.ndarray:
    if np.isin(x[:, 0], FILES).any():
        raise ValueError("not this one")
    return x + rng.normal(0, 1, x.shape).astype(np.float32)


def both(x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return fails(ValueError("apart"))(x), z


for error in (ValueError("odd"), KeyError("gone"), ZeroDivisionError(), MemoryError(), OSError("disk"), RecursionError(), AssertionError()):
    CASES[f"step-{type(error).__name__}"] = lambda p, e=error: Case(in_memory()[1].map(fails(e), on="x"), FILES, "x", "step step")
for value in (np.nan, np.inf, -np.inf):
    CASES[f"step-gives-{value}"] = lambda p, v=value: Case(in_memory()[1].map(spoils(v), on="x"), FILES, "x", "check")
CASES["step-drops-rows"] = lambda p: Case(in_memory()[1].map(drops_rows, on="x"), FILES, "x", "step drops_rows")
CASES["step-widens"] = lambda p: Case(in_memory()[1].map(widens, on="x"), FILES, "x", "check")
CASES["random-step"] = lambda p: Case(in_memory()[1].augment(jitter, on="x"), FILES, "x", "step jitter")


def linked(folder: Path) -> Case:
    arrays, _ = in_memory()
    data = plait.Dataset(inputs={"x": arrays["x"], "z": arrays["x"]}, targets={"row": arrays["row"]}).map(both, on=("x", "z"))
    return Case(data, FILES, "x, z", "step both")


def nested(folder: Path) -> Case:
    inner = in_memory("x")[1].map(fails(ValueError("below")), on="x")
    return Case(plait.Dataset(inputs={"x": inner["x"]}, targets={"row": inner["row"]}), FILES, "x", "step step")


def memory_values(dtype: Any, value: Any) -> Callable[[Path], Case]:
    def case(folder: Path) -> Case:
        x = np.zeros((SAMPLES, 2), dtype)
        x[list(FILES)] = value
        return Case(in_memory(x=x)[1], FILES, "x", "check")

    return case


def weight(folder: Path) -> Case:
    w = np.ones(SAMPLES, np.float32)
    w[list(FILES)] = -1
    arrays, _ = in_memory(w=w)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"row": arrays["row"]}, weights={"row": arrays["w"]})
    return Case(data, FILES, "row.weight", "check")


def hdf5(folder: Path) -> Case:
    with h5py.File(folder / "s.h5", "w") as file:
        file.create_dataset(
            "x", data=np.random.default_rng(0).normal(size=(SAMPLES, 64)).astype(np.float32), chunks=(1, 64), compression="gzip"
        )
        places = [file["x"].id.get_chunk_info_by_coord((row, 0)).byte_offset for row in FILES]  # type: ignore[union-attr]
    content = bytearray((folder / "s.h5").read_bytes())
    for place in places:
        content[place : place + 20] = b"\xff" * 20
    (folder / "s.h5").write_bytes(content)
    return with_rows("x", plait.HDF5(folder / "s.h5")["x"], "read", path=False)


def bucketed(folder: Path) -> Case:
    case = with_rows("wave", files(folder, "npy", array, cut, lambda t: plait.Npy(t, shape=(None, 3))), "read")
    case.bucket = [2, 6]
    return case


CASES |= {"linked": linked, "nested": nested, "weight": weight, "hdf5": hdf5, "bucketed": bucketed}
CASES |= {"int64": memory_values(np.int64, 2**40), "uint32": memory_values(np.uint32, 2**31), "float64": memory_values(np.float64, 1e300)}


def test_there_are_at_least_sixty_bad_inputs():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_bad_samples_go_and_are_named(name, tmp_path):
    case = CASES[name](tmp_path)
    keys = [case.data.keys[row] for row in case.bad]
    order = [int(row) for step in range(9) for row in making(case, "skip").order.picks([step])[0].rows][: len(case.data)]
    kept = [row for row in order if row not in case.bad]
    block = 2 if case.bucket is None else 1
    for policy in ("skip", "mask"):
        make = making(case, policy)
        batches = epoch(make, block)
        assert fed(batches) == kept, policy
        failures = [f for batch in batches for f in batch.failures]
        assert sorted((f.row, f.key) for f in failures) == sorted(zip(case.bad, keys, strict=True))
        assert {(f.stream, f.stage) for f in failures} == {(case.stream, case.stage)}
        assert {bool(f.path) for f in failures} == {case.path}
        assert all(f.path in ("", case.data.path(case.stream, f.row)) for f in failures if case.path)
        assert sum(len(b.targets["row"]) for b in batches) == len(case.data) - len(case.bad) * (policy == "skip")
        assert all(np.isfinite(value).all() for b in batches for part in b[:3] for value in part.values())
        log = Failures(policy, len(case.data), 10, 10)  # type: ignore[arg-type]
        log.add(failures)
        assert len(log) == len(case.bad) == len(case.data) - len(fed(batches))
        assert fed(epoch(make, block)) == kept  # what is known to be bad is tried alone, and that changes nothing
    with pytest.raises(Exception) as caught:
        epoch(making(case, "raise"), block)
    first = next(row for row in order if row in case.bad)
    assert isinstance(caught.value, PlaitError)
    said = "\n".join([str(caught.value), *caught.value.__notes__])
    step = order.index(first) // BATCH if case.bucket is None else None
    assert repr(case.data.keys[first]) in said and repr(case.stream) in said and f"failed at: {case.stage}" in said
    assert "on_error='skip'" in said and f"(batch {step})" in said if case.bucket is None else True
    assert not case.path or repr(case.data.path(case.stream, first)) in said


# what becomes of batches


def bad_in_memory(bad, samples=SAMPLES, **more) -> Case:
    x = np.arange(samples, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    x[list(bad), 1] = np.nan
    arrays = plait.Arrays(x=x, row=np.arange(samples, dtype=np.float32), **more)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"row": arrays["row"]}, missing={"x": "keep"})
    return Case(data, tuple(bad), "x", "check")


@pytest.mark.parametrize("policy", ["skip", "mask"])
@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_a_batch_of_bad_samples_alone_is_a_batch_of_weight_0(policy, remainder):
    case = bad_in_memory(range(5, 10))
    batches = epoch(making(case, policy, remainder=remainder, shuffle=False), 3)
    sizes = {"keep": [5, 5, 5, 5, 2], "drop": [5, 5, 5, 5], "pad": [5, 5, 5, 5, 5]}[remainder]
    assert [len(b.inputs["x"]) for b in batches] == sizes
    assert not batches[1].weights["row"].any() and np.isfinite(batches[1].inputs["x"]).all()
    assert [len(b.failures) for b in batches] == [0, 5, 0, 0] + [0] * (remainder != "drop")


def test_a_skipped_sample_shortens_its_batch_or_its_place_is_padded_with_another_at_weight_0():
    case = bad_in_memory([6])
    short = epoch(making(case, "skip", shuffle=False), 1)
    assert [b.targets["row"].tolist() for b in short][1:3] == [[5, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert short[1].weights["row"].tolist() == [1] * 4
    padded = epoch(making(case, "skip", shuffle=False, remainder="pad"), 1)
    assert padded[1].targets["row"].tolist() == [5, 7, 8, 9, 5] and padded[1].weights["row"].tolist() == [1.25] * 4 + [0]
    masked = epoch(making(case, "mask", shuffle=False), 1)
    assert masked[1].targets["row"].tolist() == [5, 0, 7, 8, 9] and masked[1].weights["row"].tolist() == [1.25, 0, 1.25, 1.25, 1.25]
    assert masked[1].inputs["x"][1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("policy", ["skip", "mask"])
def test_over_shards_every_good_sample_comes_once_and_every_bad_one_is_listed_once(shards, policy):
    case = bad_in_memory([0, 1, 7, 21])  # padding takes samples from the beginning, which are bad
    found, failed = [], []
    for index in range(shards):
        batches = epoch(making(case, policy, remainder="pad", shard=(index, shards)), 2)
        assert {len(b.inputs["x"]) for b in batches} == {BATCH}
        found += fed(batches)
        failed += [f.row for b in batches for f in b.failures]
    assert sorted(found) == [row for row in range(SAMPLES) if row not in case.bad]
    assert sorted(failed) == list(case.bad)


def test_the_bad_ones_of_a_large_block_are_found_in_few_reads_and_in_fewer_the_next_time():
    case, reads = bad_in_memory([], 8192), []

    def step(x):
        reads.append(len(x))
        if np.isin(x[:, 0], (17, 4000, 4001)).any():
            raise ValueError("bad")
        return x

    case.data = plait.Dataset(inputs={"x": case.data["x"]}, targets={"row": case.data["row"]}).map(lambda x: x, on="x")
    object.__setattr__(case.data.steps[0], "fn", step)
    make = making(case, "skip", batch=32)
    assert sorted(f.row for b in make(range(256)) for f in b.failures) == [17, 4000, 4001]
    alone = sum(1 for size in reads if size == 1)
    first, samples = len(reads) - alone, sum(reads)
    reads.clear()
    assert len(fed(make(range(256)))) == 8189
    assert first < 3 * 2 * 13 + 2 and len([r for r in reads if r > 1]) < 12 < first and samples < 12 * 8192


def test_a_fault_that_passes_costs_nothing():
    case, times = bad_in_memory([]), [0]

    def flaky(x):
        times[0] += 1
        if times[0] == 3:
            raise OSError("the network was away")
        return x

    case.data = case.data.map(flaky, on="x")
    batches = epoch(making(case, "skip"), 2)
    assert sorted(fed(batches)) == list(range(SAMPLES)) and not any(b.failures for b in batches)


def test_where_nothing_can_be_read_any_more_the_source_is_gone_and_not_the_samples_bad(monkeypatch):
    monkeypatch.setattr("plait.salvage._GONE", -1.0)
    case = bad_in_memory([])
    object.__setattr__(case, "data", case.data.map(lambda x: x, on="x"))
    object.__setattr__(case.data.steps[0], "fn", fails_always)
    with pytest.raises(plait.TransformError) as caught:
        epoch(making(case, "skip"), 2)
    assert "No sample beside it can be read either: is the source there?" in caught.value.__notes__


def fails_always(x):
    raise OSError("no connection")


def test_a_slow_failure_is_not_repeated_to_find_its_sample(monkeypatch):
    monkeypatch.setattr("plait.salvage._SLOW", -1.0)
    with pytest.raises(plait.SpecError) as caught:
        epoch(making(bad_in_memory([3]), "raise"), 5)
    assert caught.value.__notes__ == ["in batches 0 to 4 of the Loader"]


def test_a_damaged_sample_of_hdf5_takes_no_neighbour_with_it(tmp_path):
    data = hdf5(tmp_path).data
    assert len(data.read(["x"], np.array([3, 5, 12, 14]))["x"]) == 4


def test_in_evaluation_the_others_of_a_padded_batch_make_up_for_the_bad_ones():
    case = bad_in_memory([6, 20])
    order = Uniform(SAMPLES, BATCH, "pad", (0, 1), 0, False)
    emission = Emission(case.data, None, padded=True, slots=25)
    for policy in ("skip", "mask"):
        batches = Making(case.data, order, emission, 0, False, Salvage(policy, True))(range(5))  # type: ignore[arg-type]
        assert [b.weights["row"].sum().round(4) for b in batches] == pytest.approx([5 * 25 / 22] * 4 + [2 * 25 / 22], abs=1e-3)


def test_batches_and_what_failed_in_them_cross_to_another_process():
    case = bad_in_memory([6])
    batch = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(making(case, "skip", shuffle=False)))(range(1, 2))))[0]
    assert [(f.row, f.key, f.stream, f.stage, f.step) for f in batch.failures] == [(6, 6, "x", "check", 1)]


def test_a_step_can_be_added_where_the_first_samples_are_damaged(tmp_path):
    source = files(tmp_path, "npy", array, lambda path: None, plait.Npy)
    for row in (0, 1, 2):
        cut(tmp_path / f"s{row:02}.npy")
    case = with_rows("wave", source, "read", steps=lambda data: data.map(np.negative, on="wave").augment(lambda x, rng: x, on="wave"))
    batches = epoch(making(case, "skip"), 2)
    assert sorted(f.row for b in batches for f in b.failures) == [0, 1, 2] and len(fed(batches)) == SAMPLES - 3
    for row in range(SAMPLES):
        cut(tmp_path / f"s{row:02}.npy")
    with pytest.raises(plait.ReadError, match="sample '00'"):
        with_rows("wave", source, "read", steps=lambda data: data.map(np.negative, on="wave"))


# the list, and how long it may get


def failures_of(rows, limit=3, policy: Any = "skip", samples=100, budget: float = 3) -> Failures:
    log = Failures(policy, samples, limit, budget)
    for row in rows:
        case = bad_in_memory([])
        log.add([failure_of(case.data, ValueError("odd"), row, row // 5)])
    return log


def test_a_sample_counts_once_however_often_it_comes():
    log = failures_of([4, 4, 9, 4])
    assert len(log) == 2 and len(log.report()) == 2 and log.report().title == "Bad samples: 2 of 100 left out"


def test_over_budget_it_stops_with_the_number_the_first_and_the_remedy():
    log = failures_of([9, 4, 12])
    with pytest.raises(plait.BadSamplesError) as caught:
        log.add([failure_of(bad_in_memory([]).data, ValueError("odd"), 20, 4)])
    assert str(caught.value).startswith(
        "4 samples of 100 could not be used so far, and budget=3 allows 3. The first: sample 4, read: ValueError: odd. loader.errors lists"
    )
    assert "plait.Loader(..., on_error='skip', budget=4)" in str(caught.value)
    assert not log.report() and "4 samples failed, and budget=3 allows 3" in str(log.report())


def test_the_list_is_a_report_in_text_html_and_json(tmp_path):
    case = with_rows("wave", files(tmp_path, "npy", array, cut, plait.Npy), "read")
    log = Failures("mask", SAMPLES, 5, 5)
    for batch in epoch(making(case, "mask"), 1):
        log.add(batch.failures)
    report = log.report()
    assert report and report.title == "Bad samples: 2 of 22 given weight 0"
    assert "sample '04', read, file" in str(report) and "s13.npy" in report.to_html()
    first = json.loads(report.to_json(tmp_path / "errors.json"))["findings"][0]
    assert first["values"].keys() == {"key", "step", "row", "stream", "stage", "path", "error"} and first["id"] == "bad-sample"
    assert json.loads((tmp_path / "errors.json").read_text())["title"] == report.title
    assert str(Failures("skip", 5, 1, 1).report()).endswith("✓ samples: every sample so far could be used")


def test_what_was_saved_is_restored_and_nothing_counts_twice():
    log, again = failures_of([4, 9, 12]), failures_of([1])
    saved = json.loads(json.dumps(log.before(2)))
    again.restore(saved, lambda row: row)
    assert [f["row"] for f in saved] == [4, 9] and again.before(9) == log.before(2)
    again.add([failure_of(bad_in_memory([]).data, ValueError("odd"), 9, 1)])
    assert len(again) == 2


@pytest.mark.parametrize(
    ("given", "samples", "expected"),
    [
        (("raise", None), 100, ("raise", 0, 0)),
        (("skip", None), 250, ("skip", 3, 0.01)),
        (("skip", None), None, ("skip", 100, 100)),
        (("mask", 0.5), 9, ("mask", 5, 0.5)),
        (("skip", 1), 9, ("skip", 1, 1)),
        (("skip", 9), 9, ("skip", 9, 9)),
        (("skip", 0), 9, ("skip", 0, 0)),
    ],
)
def test_a_budget_is_a_number_or_a_share(given, samples, expected):
    assert allowed(*given, samples) == expected


@pytest.mark.parametrize(
    ("given", "samples", "message"),
    [
        (("ignore", None), 9, "on_error='ignore': choose 'raise', 'skip'"),
        (("raise", 3), 9, "budget=3 allows bad samples, and on_error='raise' none"),
        (("skip", -1), 9, "budget=-1: a number of samples"),
        (("skip", 1.5), 9, "budget=1.5: a share is below 1; a number of samples is whole, such as budget=2, and all of them budget=9"),
        (("skip", 1.0), 9, "budget=1.0: a share is below 1; one sample is budget=1, and all of them budget=9"),
        (("skip", float("nan")), 9, "budget=nan: a number of samples"),
        (("skip", True), 9, "budget=True: a number of samples"),
        (("skip", 0.1), None, "budget=0.1 is a share, and the data have no end"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(given, samples, message):
    with pytest.raises(plait.ArgumentError, match=message):
        allowed(*given, samples)


# orders that look at the data


def test_a_sample_whose_class_cannot_be_read_is_left_out_of_a_balanced_order_and_listed():
    def step(y):
        if (y == 99).any():
            raise ValueError("no class")
        return y

    y = np.array([0, 1] * 11)
    y[8] = 99
    arrays = plait.Arrays(x=np.zeros((SAMPLES, 2), np.float32), y=y)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}).map(step, on="y")
    log = Failures("skip", SAMPLES, 3, 3)
    order = plan(data, 4, "keep", (0, 1), seed=0, shuffle=True, balance="y", bucket={}, failures=log)
    assert all(8 not in pick.rows for pick in order.picks(range(20)))
    assert [f["row"] for f in log.before(1)] == [8] and log.before(1)[0]["stage"] == "step step"
    with pytest.raises(plait.TransformError, match="sample 8 raised ValueError"):
        plan(data, 4, "keep", (0, 1), seed=0, shuffle=True, balance="y", bucket={})


def test_a_sample_whose_length_cannot_be_read_goes_to_a_bucket_and_fails_in_its_batch(tmp_path):
    case = bucketed(tmp_path)
    log = Failures("skip", SAMPLES, 3, 3)
    order = plan(case.data, BATCH, "keep", (0, 1), seed=0, shuffle=True, balance=None, bucket={"wave": [2, 6]}, failures=log)
    make = Making(case.data, order, Emission(case.data, None, padded=True), 0, True, Salvage("skip"))
    batches = epoch(make, 1)
    assert sorted(fed(batches)) == [row for row in range(SAMPLES) if row not in FILES]
    assert sorted(f.row for b in batches for f in b.failures) == list(FILES) and len(log) == 0
    with pytest.raises(plait.ReadError):
        plan(case.data, BATCH, "keep", (0, 1), seed=0, shuffle=True, balance=None, bucket={"wave": [2, 6]})


def test_an_iterator_that_raised_raises_again_and_does_not_end():
    def items():
        yield 1
        raise ValueError("odd")

    iterator = Insistent(items())
    assert next(iterator) == 1
    for _ in range(3):
        with pytest.raises(ValueError, match="odd"):
            next(iterator)
    done = Insistent(n for n in [1])
    assert list(done) == [1] and list(done) == []
