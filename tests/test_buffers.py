"""Memory that is used again, and never while somebody may read it."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from plait import buffers
from plait.buffers import aligned_empty

SHAPE, FLOATS = (200, 128), np.dtype(np.float32)


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(buffers, "_kept", {})


def place(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("shape", [(3,), (1000, 7), SHAPE, (0, 5), ()])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_arrays_begin_at_a_line_and_have_the_shape(shape, dtype):
    array = aligned_empty(shape, np.dtype(dtype))
    array[...] = 1
    assert array.shape == shape and array.dtype == dtype and place(array) % 64 == 0 and array.flags.writeable


def test_memory_is_used_again_when_the_last_view_is_gone():
    array = aligned_empty(SHAPE, FLOATS)
    first = place(array)
    views = [array[3:5], array.reshape(-1), memoryview(array), array.T[2]]
    del array
    while views:
        assert place(aligned_empty(SHAPE, FLOATS)) != first
        views.pop()
        gc.collect()
    assert place(aligned_empty(SHAPE, FLOATS)) == first


def test_what_is_held_keeps_its_values():
    rng, held = np.random.default_rng(0), {}
    for number in range(300):
        array = aligned_empty((int(rng.choice([150, 200, 300])), 128), FLOATS)
        array[...] = number
        held[number] = array[rng.integers(0, 100) :]
        for other in [n for n in held if rng.random() < 0.2]:
            assert (held[other] == other).all()
            del held[other]
    assert all((array == number).all() for number, array in held.items())
    assert sum(map(len, buffers._kept.values())) < 300, "nothing was used again"


def test_threads_share_it_and_never_one_array():
    wrong = []

    def fill(number):
        for turn in range(200):
            array = aligned_empty(SHAPE, FLOATS)
            array[...] = 1000 * number + turn
            if not (array == 1000 * number + turn).all():
                wrong.append(number)

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_more_is_kept_than_it_may_be(monkeypatch):
    monkeypatch.setattr(buffers, "_KEPT", 10 * 200 * 128 * 4)
    held = [aligned_empty((rows, 128), FLOATS) for rows in range(150, 250)]
    assert sum(size * len(kept) for size, kept in buffers._kept.items()) <= buffers._KEPT
    del held
    last = aligned_empty((1000, 128), FLOATS)  # others make room
    assert any(raw is last.base for kept in buffers._kept.values() for raw in kept)
    assert sum(size * len(kept) for size, kept in buffers._kept.items()) <= buffers._KEPT


def test_sizes_that_are_asked_for_no_more_are_let_go():
    for rows in range(150, 250):
        aligned_empty((rows, 128), FLOATS)
    assert list(buffers._kept) == [rows * 128 * 4 + 64 for rows in range(242, 250)]
