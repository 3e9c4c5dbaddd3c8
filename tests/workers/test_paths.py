"""The same bytes by every path: in the thread that asks, on threads, by processes; from the beginning and from the middle."""

from __future__ import annotations

import numpy as np
import pytest
from feeding import content, fed, feeder, jitter, making, picky, table

import plait
from plait.calibration import Choice
from plait.feeder import Feeder


def lengths():
    rng = np.random.default_rng(1)
    ragged = plait.Arrays(t=[rng.random(n).astype(np.float32) for n in rng.integers(1, 20, 103)], y=np.arange(103) % 2)
    return plait.Dataset(inputs={"t": ragged["t"]}, targets={"y": ragged["y"]})


def masked():
    grade = np.where(np.arange(103) % 4 == 0, np.nan, np.arange(103) % 3)
    arrays = plait.Arrays(x=np.arange(103.0), grade=grade)
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"grade": arrays["grade"]}, missing="mask").augment(jitter, on="x")


def mapped(tmp_path):
    np.save(tmp_path / "big.npy", np.random.default_rng(2).random((103, 64, 8)).astype(np.float32))
    return plait.Dataset(inputs={"big": plait.Npy(tmp_path / "big.npy")}).augment(jitter, on="big")


def packed(tmp_path):
    plait.pack(table().plain(), tmp_path / "packed")
    return plait.open(tmp_path / "packed").augment(jitter, on="x")


CASES = {
    "augmented": (lambda _: table(), {}),
    "buckets": (lambda _: lengths(), {"bucket": "t"}),
    "balanced": (lambda _: table(), {"balance": "y"}),
    "a shard": (lambda _: table(), {"shard": (1, 3)}),
    "padded and masked": (lambda _: masked(), {"remainder": "pad"}),
    "a mapped file": (mapped, {"shuffle": False, "remainder": "drop"}),
    "packed": (packed, {}),
    "kept in memory": (lambda _: plait.cache(table()), {}),
    "bad samples left out": (lambda _: table().map(picky, on="z"), {"on_error": "skip"}),
}
PATHS = [(1, False), (4, False), (2, True)]


@pytest.mark.parametrize("case", CASES)
def test_every_path_gives_the_same_bytes(tmp_path, case):
    build, options = CASES[case]
    made = making(build(tmp_path), seed=3, **options)
    steps = 2 * made.order.per_pass  # two epochs
    expected = [content(batch) for batch in fed(made, 0, steps)]
    for workers, processes in [*PATHS, *([(1, True), (4, True)] if case == "augmented" else [])]:
        by = feeder(workers, processes)
        assert [content(batch) for batch in fed(made, 0, steps, by=by, each=1 if processes or made.bucketed else 3)] == expected, (
            workers,
            processes,
        )
        middle = steps // 3
        got = [content(batch) for batch in fed(made, middle, steps, by=by, each=1 if made.bucketed else 2)]
        assert got == expected[middle:], (workers, processes)
        if processes:
            assert by._parked, "the same processes served both"


def test_batches_drawn_without_end_are_the_same_by_processes():
    graph = plait.Graph({"x": lambda rng, n: rng.random((n, 3)), "y": lambda x: x.sum(axis=1)}, inputs=["x"], targets=["y"])
    made = making(graph.stream(seed=1), 32)
    expected = [content(batch) for batch in fed(made, 5, 20)]
    assert [content(batch) for batch in fed(made, 5, 20, by=feeder(2))] == expected


@pytest.mark.parametrize("apart", [False, True])
def test_while_it_chooses_the_batches_are_the_same_too(apart):
    made = making(table())
    expected = [content(batch) for batch in fed(made)]
    for prior in (0, 2):
        by = Feeder(Choice(prior, False, open=True, apart=apart), None, 30.0)
        assert [content(batch) for batch in fed(made, by=by)] == expected
        assert not by.choice.open
        assert "a batch takes" in by.choice.why


def test_two_readers_at_once_have_processes_of_their_own():
    made = making(table())
    by = feeder(1)
    pairs = list(zip(fed(made, by=by), fed(made, by=by), strict=True))
    assert len(pairs) == 13
    assert all(content(a) == content(b) for a, b in pairs)
    assert len(by._parked) == 2
    by._parked.clear()


def test_other_batches_are_not_made_by_processes_of_the_former():
    data = table()
    by = feeder(1)
    first, second = making(data, seed=1), making(data, seed=2)
    assert [content(b) for b in fed(first, by=by)] == [content(b) for b in fed(first)]
    assert [content(b) for b in fed(second, by=by)] == [content(b) for b in fed(second)]
    assert len(by._parked) == 2
    by._parked.clear()


def test_a_reader_that_keeps_every_batch_keeps_every_batch():
    made = making(table(step=abs), 1)
    kept = list(fed(made, 0, 206, by=feeder(2)))
    assert [content(b) for b in kept] == [content(b) for b in fed(made, 0, 206)]
    assert all(a.ctypes.data % 64 == 0 for batch in kept for field in batch[:3] for a in field.values())


def test_batches_that_grow_find_room():
    class Growing(plait.Source):
        label = "Growing"
        keys = plait.Keys.range(40)
        spec = {"t": plait.Spec((None,), np.float32)}  # noqa: RUF012

        def read(self, names, rows):
            return {n: plait.Ragged.of([np.arange(4.0 ** (r // 5), dtype=np.float32) for r in rows]) for n in names}

    made = making(plait.Dataset(inputs={"t": Growing()["t"]}), 5, shuffle=False, bucket={"t": [4**n for n in range(8)]})
    assert [content(b) for b in fed(made, by=feeder(2))] == [content(b) for b in fed(made)]


@pytest.mark.parametrize("prior", [0, 2])
@pytest.mark.parametrize("bad", [1, 2, 3, 4])
def test_while_it_chooses_an_error_comes_at_its_place(prior, bad):
    def odd(z, number):
        if (number == bad).any():
            raise ValueError("no such luck")
        return z, number

    arrays = plait.Arrays(z=np.arange(60.0), number=np.repeat(np.arange(6), 10))
    data = plait.Dataset(inputs={"z": arrays["z"], "number": arrays["number"]})
    made, broken = making(data, 10, shuffle=False), making(data.map(odd, on=["z", "number"]), 10, shuffle=False)
    results = fed(broken, by=Feeder(Choice(prior, False, open=True), None, 30.0))
    expected = [content(b) for b in fed(made)]
    got = []
    with pytest.raises(plait.TransformError, match="no such luck"):
        for batch in results:
            got.append(content(batch))
    assert got == expected[:bad]
