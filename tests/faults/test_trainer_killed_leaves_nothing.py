"""However the trainer ends, its worker processes end with it, and no shared memory or file is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from feeding import descendants, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")

TRAINER = """
import ctypes, os, signal, sys, time
from feeding import fed, feeder, making, table

calls = []

def busy(z):
    # the first batch is quick; then Python's lock is held in native code, and nothing in Python could end the worker
    calls.append(1)
    ctypes.PyDLL(None).sleep(60 if {hold} and len(calls) > 1 else 0)
    return z

made = making(table(step=busy))
calls.clear()
results = fed(made, by=feeder(2, timeout=None))
batch = next(results)
{then}
"""
HOLD = "import numpy as np; print('ready', flush=True); time.sleep(60)"


def started(then, tmp_path, *, hold=False, **options):
    code = textwrap.dedent(TRAINER).format(then=then, hold=hold)
    paths = os.pathsep.join(p for p in sys.path if p)
    env = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)}
    (tmp_path / "trainer.py").write_text(code)
    return subprocess.Popen(
        [sys.executable, "trainer.py"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def named_memory(pids):
    """Files below /dev/shm that these processes have in use: what has a name there may stay."""
    return [line for pid in pids for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/dev/shm" in line]


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and ") Z" not in Path(f"/proc/{pid}/stat").read_text()]


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_signal_to_the_trainer(tmp_path, name, hold):
    trainer = started(HOLD, tmp_path, hold=hold)
    assert trainer.stdout is not None
    assert trainer.stdout.readline() == b"ready\n"
    workers = descendants(trainer.pid)
    assert len(workers) == 2
    assert not named_memory([trainer.pid, *workers])
    trainer.send_signal(getattr(signal, name))
    trainer.communicate(timeout=20)
    assert wait_until(lambda: not alive(workers)), f"{name}: {alive(workers)} go on"
    assert [path.name for path in tmp_path.iterdir()] == ["trainer.py"]


def test_ctrl_c_to_the_whole_group_is_the_trainers_to_answer(tmp_path):
    then = """
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    rest = sum(1 for _ in results)
    print("interrupted", rest)
"""
    trainer = started(then, tmp_path, start_new_session=True)
    assert trainer.stdout is not None
    assert trainer.stdout.readline() == b"ready\n"
    os.killpg(trainer.pid, signal.SIGINT)
    out, err = trainer.communicate(timeout=30)
    assert (out, err, trainer.returncode) == (b"interrupted 12\n", b"", 0), "the workers live on, as the trainer does"


@pytest.mark.parametrize(
    "then",
    ["pass", "sys.exit(3)", "raise ValueError('in a callback')", "os._exit(0)", "list(results)", "results = None; print(os.getpid())"],
)
def test_the_end_of_the_program(tmp_path, then):
    with tempfile.TemporaryFile() as pids:
        note = f"from feeding import descendants; os.write({pids.fileno()}, ' '.join(map(str, descendants(os.getpid()))).encode()); "
        trainer = started(note + then, tmp_path, pass_fds=[pids.fileno()])
        trainer.communicate(timeout=30)
        workers = [int(pid) for pid in os.pread(pids.fileno(), 1000, 0).split()]
    assert len(workers) == 2
    assert wait_until(lambda: not alive(workers))
