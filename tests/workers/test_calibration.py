"""The times that decide by what batches are made, on a machine that others use too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plait.calibration import timed, together

BUSY = "while True: pass"


def sorted_numbers(steps):
    """Holds Python's lock for next to no time."""
    values = np.random.default_rng(0).random(500_000)
    for _ in range(4):
        values = np.sort(np.random.default_rng(0).permutation(values))
    return values


def counted(steps):
    """Holds Python's lock all the time."""
    return sum(1 for _ in range(1_500_000))


@pytest.fixture
def busy_machine():
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for other in others:
        other.kill()
        other.wait()


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="the system does not say who had the cores")
def test_a_busy_machine_does_not_look_like_waiting_or_like_the_lock(busy_machine):
    one = [timed(sorted_numbers, range(1))[1] for _ in range(3)]
    assert max(spent.core / spent.wall for spent in one) > 0.8
    assert max(spent.kept_off for spent in one) > 0
    free = [together(sorted_numbers, [range(1), range(1, 2)], timeout=None, late=TimeoutError)[1].at_once for _ in range(5)]
    held = [together(counted, [range(1), range(1, 2)], timeout=None, late=TimeoutError)[1].at_once for _ in range(5)]
    assert np.median(free) > np.median(held)
