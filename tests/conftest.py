"""What every test relies on: the tests outside of tests/keras never load Keras, and documents run as they are read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("plait", deadline=None, derandomize=True)  # a busy machine is no failure, and a failure comes again
settings.load_profile("plait")

KERAS_TESTS = Path(__file__).parent / "keras"
BACKENDS = ("keras", "tensorflow", "jax", "torch")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run the tests without Keras when one of their modules has loaded it."""
    loaded = [name for name in BACKENDS if name in sys.modules]
    if loaded and session.items and not any(KERAS_TESTS in item.path.parents for item in session.items):
        raise pytest.UsageError(f"The tests outside of tests/keras need no Keras, yet one of their modules imports {loaded}.")


@pytest.fixture(autouse=True)
def _stays_without_keras(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test outside of tests/keras that loads Keras or one of its backends."""
    before = set(sys.modules)
    yield
    if KERAS_TESTS not in request.path.parents:
        loaded = [name for name in BACKENDS if name in sys.modules and name not in before]
        assert not loaded, f"{request.node.nodeid} loads {loaded}; data needs no Keras. A test that does belongs in tests/keras."
