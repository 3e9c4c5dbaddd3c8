"""The tests that need Keras, run once a backend, each in a process of its own: KERAS_BACKEND=jax pytest tests/keras."""

from __future__ import annotations

import importlib
import os
import zlib

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
TURNS = ("torch", "jax", "torch", "tensorflow", "torch")  # PyTorch compiles nothing, and takes more of what takes long
BACKEND = os.environ.get("KERAS_BACKEND", "")
SEED = 20260115

if BACKEND not in BACKENDS:
    raise pytest.UsageError(
        f"These tests run on one Keras backend, and KERAS_BACKEND is {BACKEND!r}. Write: KERAS_BACKEND=jax pytest tests/keras "
        f"(or one of {', '.join(BACKENDS)}), or `make suites` for all of them."
    )

# test_x_torch.py is for PyTorch alone; what a Loader hands over to other libraries is tested where that library is the backend.
collect_ignore_glob = [f"test_*_{other}.py" for other in BACKENDS if other != BACKEND] + ["test_interop.py"] * (BACKEND == "jax")

# Before any test module: PyTorch and TensorFlow live in one process only when the backend was there first.
importlib.import_module(BACKEND)

import keras  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line("markers", "in_turn: what takes long runs on one of the backends, which its name decides; PLAIT_ALL=1: on all.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests that are marked `in_turn` to the backend whose turn it is; those that share a module's marker stay together."""
    if os.environ.get("PLAIT_ALL"):
        return
    for item in items:
        mark = item.get_closest_marker("in_turn")
        if mark is None:
            continue
        named = item.nodeid.partition("::")[0] if mark.kwargs.get("together") else item.nodeid
        turn = TURNS[zlib.crc32(named.encode()) % len(TURNS)]
        if turn != BACKEND:
            item.add_marker(pytest.mark.skip(reason=f"takes long, and runs on {turn} alone; PLAIT_ALL=1 runs it here"))


def pytest_report_header() -> str:
    """Say what these tests run on."""
    return f"keras {keras.__version__} on {BACKEND} {importlib.import_module(BACKEND).__version__}"


@pytest.fixture(scope="session")
def backend() -> str:
    """The Keras backend of this process: "tensorflow", "jax" or "torch"."""
    return BACKEND


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    """Seed Keras, so that a model's initial weights do not depend on the tests that ran before."""
    keras.utils.set_random_seed(SEED)
