"""Batches as a Loader has them made, without Keras; and sources and steps that do harm, for worker processes to import."""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

import plait
from plait.calibration import Choice
from plait.emit import Emission
from plait.feeder import Feeder
from plait.making import Making
from plait.plan import plan
from plait.salvage import Salvage


def making(data, batch_size=8, *, seed=0, shuffle=True, remainder="keep", shard=(0, 1), balance=None, bucket=None, on_error="raise"):
    """What makes the batches of a Loader with these arguments."""
    bucket = {bucket: None} if isinstance(bucket, str) else bucket or {}
    order = plan(data, batch_size, remainder, shard, seed=seed, shuffle=shuffle, balance=balance, bucket=bucket)
    padded = remainder == "pad" or shard[1] > 1
    emission = Emission(data, None, padded=padded or on_error != "raise")
    return Making(data, order, emission, seed, bool(bucket), Salvage(on_error, padded))


def feeder(workers, processes=True, *, ahead=None, timeout=30.0):
    return Feeder(Choice(workers, processes, asked=True), ahead, timeout)


def fed(made, start=0, stop=None, *, by=None, each=1):
    """An iterator over the batches start to stop (one pass), made by this feeder; by itself in this thread."""
    stop = made.order.per_pass if stop is None else stop
    cuts = [*range(start, stop, each), stop]
    blocks = (range(a, b) for a, b in itertools.pairwise(cuts))
    return _one_by_one((by or feeder(0, False)).run(made, blocks, batches=stop - start))


def _one_by_one(blocks):
    for block in blocks:
        block.reverse()
        while block:
            yield block.pop()


def content(batch):
    """What a batch holds: names, dtypes, shapes and bytes; and which samples failed."""
    arrays = [{n: (str(a.dtype), a.shape, a.tobytes()) for n, a in field.items()} for field in batch if isinstance(field, dict)]
    return [*arrays, [str(failure) for failure in getattr(batch, "failures", ())]]


def jitter(x, rng):
    return x + rng.normal(0, 1, x.shape).astype(x.dtype)


def slowly(x):
    time.sleep(0.002)
    return x


def table(samples=103, step=slowly):
    """Two inputs, one of them jittered, a target, and the number of the sample."""
    values = np.random.default_rng(0).random((samples, 5)).astype(np.float32)
    arrays = plait.Arrays(x=values, z=values[:, :2].copy(), y=np.arange(samples) % 3, key=[f"p{i:03}" for i in range(samples)])
    data = plait.Dataset(inputs={"x": arrays["x"], "z": arrays["z"]}, targets={"y": arrays["y"]})
    return data.map(step, on="z").augment(jitter, on="x")


def picky(x):
    if (x[:, 0] > 0.97).any():
        raise ValueError("more than we can take")
    return x


class Harmful(plait.Source):
    """Numbers, of which one does harm to the process that reads it, unless that process is the one that made the source.

    Args:
        how: "kill", "crash", "exit", "leave", "memory", "hang" or "raise".
        row: Which.
        once: A file: harm is done only when it is not there, which is then made.
    """

    def __init__(self, how, row=50, samples=103, once=None):
        self.how, self.row, self.samples, self.once, self.at_home = how, row, samples, once, os.getpid()

    label = "Harmful"

    @property
    def keys(self):
        return plait.Keys.of([f"p{i:03}" for i in range(self.samples)])

    @property
    def spec(self):
        return {"v": plait.Spec((), np.float32), "w": plait.Spec((), np.float32)}

    def read(self, names, rows):
        due = self.once is None or not Path(self.once).exists()
        if due and "v" in names and self.row in rows and os.getpid() != self.at_home:
            if self.once is not None:
                Path(self.once).touch()
            harm(self.how)
        return {name: np.asarray(rows, np.float32) for name in names}


def harm(how):
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            ctypes.string_at(0)
        case "exit":
            sys.exit(3)
        case "leave":
            os._exit(0)
        case "memory":
            raise MemoryError
        case "hang":
            time.sleep(3600)
        case "raise":
            raise ValueError("no such luck")


def harmful(how, **options):
    source = Harmful(how, **options)
    return plait.Dataset(inputs={"v": source["v"], "w": source["w"]})


def descendants(pid):
    """The processes below one, as /proc tells."""
    below = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            below.setdefault(int(parent), []).append((int(entry.name), state))
    found, look = [], [pid]
    while look:
        for child, _ in below.get(look.pop(), []):
            found.append(child)
            look.append(child)
    return found


def open_files():
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()
