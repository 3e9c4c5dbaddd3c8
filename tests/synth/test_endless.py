"""Data sets without end: what they are, what they give, and what they refuse."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import plait
from plait.errors import AlignmentError, ArgumentError
from plait.order import Onward
from plait.synth.endless import Endless
from plait.synth.independent import Independent


def graph() -> plait.Graph:
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 3)),
            "y": lambda rng, x: rng.normal(x.sum(axis=1), 1),
            "word": lambda y: np.where(y > 1, "a", "b"),
        },
        inputs=["x", "word"],
        targets=["y"],
    )


def table(samples: int = 300) -> plait.Dataset:
    rng = np.random.default_rng(0)
    label = np.where(rng.random(samples) < 0.3, None, np.where(rng.random(samples) < 0.5, "yes", "no"))
    size = np.where(rng.random(samples) < 0.1, np.nan, rng.normal(size=samples))
    arrays = plait.Arrays(age=rng.integers(18, 90, samples), size=size, label=label)
    return plait.Dataset(
        inputs={"age": arrays["age"], "size": arrays["size"]}, targets={"label": arrays["label"]}, missing={"size": "keep", "label": "mask"}
    )


def draws(number: int) -> dict[str, np.ndarray]:
    return {"row": np.arange(number * 100, number * 100 + 100), "pair": np.full((100, 2), number, np.float32)}


def numbered() -> Endless:
    specs = {"row": plait.Spec((), np.dtype(np.int64)), "pair": plait.Spec((2,), np.dtype(np.float32))}
    return Endless(draws, specs, 100, "Numbered.stream(seed=0)")


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(0, 30),
        np.arange(90, 130),
        np.arange(50, 450),
        np.array([710, 3, 3, 250, 99, 100]),
        np.array([2**61 - 1]),
        np.zeros(0, int),
    ],
    ids=["within a block", "over an edge", "several blocks", "any order", "far away", "none"],
)
def test_any_rows_are_read(rows):
    read = numbered().read(["row", "pair"], rows.astype(np.int64))
    assert read["row"].tolist() == rows.tolist()
    assert read["pair"].shape == (len(rows), 2) and (read["pair"][:, 0] == (rows // 100).astype(np.float32)).all()


def test_memory_holds_two_blocks_however_far_one_reads():
    source = numbered()
    for start in range(0, 5000, 70):
        source.read(["row"], np.arange(start, start + 70))
    assert len(source._blocks) == 2


def test_what_is_read_belongs_to_the_reader():
    source = numbered()
    source.read(["row"], np.arange(10))["row"][:] = -1
    assert source.read(["row"], np.arange(10))["row"].tolist() == list(range(10))


def test_threads_read_the_same():
    data = graph().stream(seed=0)
    starts = range(0, 400_000, 5000)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda s: data.read(["y"], np.arange(s, s + 5000))["y"], starts))
    assert all((a == data.read(["y"], np.arange(s, s + 5000))["y"]).all() for a, s in zip(found, starts, strict=True))


def test_it_can_be_pickled():
    again = pickle.loads(pickle.dumps(numbered()))
    assert again.read(["row"], np.arange(5))["row"].tolist() == [0, 1, 2, 3, 4]


def test_printing_says_that_there_is_no_end_and_so_does_the_join():
    data = graph().stream(seed=7)
    assert str(data).splitlines() == [
        "Dataset without end, drawn 32768 samples at a time",
        "  input   x     (3,) float32              Graph.stream(seed=7)",
        "  input   word  () text                   Graph.stream(seed=7)",
        "  target  y     () float32                Graph.stream(seed=7)",
    ]
    assert data.endless and bool(data) and data.in_memory
    assert "Graph.stream(seed=7) draws as many as are asked for" in str(data.join)


def test_the_first_samples_are_a_data_set_like_any_other():
    data = graph().stream(seed=0)
    some = data.take(range(1000))
    assert len(some) == 1000 and not some.endless and len(data.take(slice(10, 30))) == 20
    assert (some["y"].values() == graph().sample(1000, seed=0)["y"].values()).all()
    train, test = some.split(0.8, seed=0)
    assert len(train) + len(test) == 1000
    assert data.take([5, 3]).keys.some([0, 1]) == [5, 3]


def test_steps_and_augmentation_work_without_end():
    data = graph().stream(seed=0).map(lambda x: 2 * x, on="x").augment(lambda y, rng: y + rng.random(len(y)), on="y")
    rows = np.arange(100_000, 100_010)
    plain = graph().stream(seed=0).read(["x", "y"], rows)
    read = data.read(["x", "y"], rows)
    assert (read["x"] == 2 * plain["x"]).all()
    assert ((read["y"] >= plain["y"]) & (read["y"] < plain["y"] + 1)).all()
    again = data.read(["y"], rows[::-1])["y"][::-1]
    assert (again == read["y"]).all(), "augmentation belongs to the sample, in any batch"


def test_streams_of_two_sources_without_end_go_side_by_side():
    first, second = graph().stream(seed=0), graph().stream(seed=1)
    both = plait.Dataset(inputs={"x": first["x"], "other": second["x"]}, targets={"y": first["y"]})
    read = both.read(["x", "other"], np.arange(5))
    assert both.endless and (read["x"] != read["other"]).all()


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (len, ArgumentError, r"Dataset has no end, so no number of samples. Take some: data.take\(range\(1000\)\)"),
        (lambda d: d["y"].values(), ArgumentError, r"Dataset has no end, so no number of samples."),
        (lambda d: plait.Standardize.fit(d["y"]), ArgumentError, r"Dataset has no end, so no number of samples."),
        (
            lambda d: d.split(0.8),
            ArgumentError,
            r"split\(0.8\): the data have no end, so no parts. Draw a second data set with another seed",
        ),
        (lambda d: d.take(slice(5, None)), ArgumentError, r"take\(slice\(5, None, None\)\): the data have no end. Say where to stop"),
        (lambda d: d.take(np.ones(3, bool)), ArgumentError, r"take\(mask\): the mask has the shape \(3,\) for data without end."),
        (lambda d: d.take([-1]), ArgumentError, r"take\(rows\): rows -1 to -1 were asked for"),
        (
            lambda d: plait.Dataset(inputs={"x": d["x"], "z": plait.Arrays(z=np.zeros(93))}),
            AlignmentError,
            r"Dataset has no end and Arrays\(z\) has 93 samples. Take as many of the former: data.take\(range\(93\)\).",
        ),
    ],
)
def test_what_needs_an_end_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(graph().stream(seed=0))


def test_a_learned_synthesizer_has_a_stream_with_weights_where_targets_may_be_missing():
    data = Independent.fit(table(), progress=False).stream(seed=0)
    assert list(data.weights) == ["label"] and data.endless
    read = data.read(["age", "size", "label", "label.weight"], np.arange(0, 4096))
    assert (read["label.weight"] == 0).mean() == pytest.approx(0.3, abs=0.1)
    assert read["label.weight"].mean() == pytest.approx(1, abs=1e-3)
    assert np.isnan(read["size"]).mean() == pytest.approx(0.1, abs=0.05)
    other = Independent.fit(table(), progress=False).stream(seed=1).read(["age"], np.arange(100))["age"]
    assert (other != read["age"][:100]).any()
    again = Independent.fit(table(), progress=False).stream(seed=0).read(["age"], np.arange(90, 100))["age"]
    assert (again == read["age"][90:100]).all()


def test_shards_together_read_every_sample_once():
    parts = [Onward(4, (index, 3)) for index in range(3)]
    rows = np.concatenate([part.picks([step])[0].rows for step in range(5) for part in parts])
    assert rows.tolist() == list(range(60))
    assert all(pick.real == 4 and pick.epoch == 0 for pick in parts[1].picks(range(3)))
