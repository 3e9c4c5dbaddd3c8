"""Slots of shared memory: free again when their owner is, and not before."""

from __future__ import annotations

import gc
import os
import random

import numpy as np

from plait.workers.shared import ALIGNED, PAGE, Ring
from plait.workers.wire import arrange, fill, view


def test_a_slot_is_used_again_only_when_no_view_of_it_is_left():
    ring, rng = Ring(), random.Random(0)
    held = []
    for number in range(500):
        slot = ring.take(1000)
        owner = ring.lend(slot)
        owner[:1000] = number % 251
        part = owner[10:900].reshape(89, 10)[::2]
        del owner, slot
        if number % 50 == 0:
            gc.collect()  # what is lent is no garbage
        held.append((number, part))
        while len(held) > 40 or (held and rng.random() < 0.45):
            expected, part = held.pop(rng.randrange(len(held)))
            assert (part == expected % 251).all()
            del part
    assert all((part == number % 251).all() for number, part in held)
    assert ring.slots <= 64
    held.clear()
    part = None
    gc.collect()
    assert ring.free == ring.slots


def test_slots_grow_with_what_is_put_into_them_and_are_aligned():
    ring = Ring()
    small = ring.lend(ring.take(10))
    large = ring.lend(ring.take(3 * PAGE + 1))
    assert (len(small), len(large)) == (PAGE, 4 * PAGE)
    assert small.ctypes.data % ALIGNED == large.ctypes.data % ALIGNED == 0
    small[:], large[:] = 1, 2
    assert (small == 1).all()
    del small
    assert len(ring.lend(ring.take())) == 4 * PAGE, "those that are too small are not taken any more"


def test_what_was_handed_out_stays_when_the_ring_is_closed():
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    ring = Ring()
    owner = ring.lend(ring.take(100))
    owner[:] = 7
    ring.close()
    del ring
    assert (owner == 7).all()
    del owner
    gc.collect()
    assert len(os.listdir("/dev/fd")) == before


def test_batches_are_laid_out_aligned_and_their_other_fields_are_carried():
    batches = [
        ({"a": np.arange(6.0).reshape(2, 3), "b": np.array([True])}, {}, {"none": np.zeros((0, 4), np.int8)}, {"lost": ["p1"]}, ("why", 3)),
        ({"a": np.asfortranarray(np.arange(6).reshape(2, 3)), "t": np.array(["x"], object)}, None),
    ]

    class Plain(tuple):
        def __new__(cls, *fields):
            return tuple.__new__(cls, fields)

    layout, arrays, size = arrange([Plain(*batch) for batch in batches])
    owner = np.zeros(size + 64, np.uint8)
    fill(owner, 0, layout, arrays)
    made = view(owner, layout)
    assert [type(batch) for batch in made] == [Plain, Plain]
    assert made[0][3:] == ({"lost": ["p1"]}, ("why", 3))
    assert made[1][1] is None
    assert made[1][0]["t"].tolist() == ["x"]
    assert made[0][2]["none"].shape == (0, 4)
    assert np.array_equal(made[0][0]["a"], batches[0][0]["a"])
    assert np.array_equal(made[1][0]["a"], np.arange(6).reshape(2, 3)) or made[1][0]["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert all(array.__array_interface__["data"][0] % 64 == owner.ctypes.data % 64 for array in made[0][0].values())
    assert made[0][0]["a"].base is owner
