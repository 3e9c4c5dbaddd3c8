"""The process runs on the backend that it says, and every test begins with the same random state."""

from __future__ import annotations

import keras
import numpy as np
import pytest

_weights: list[np.ndarray] = []


def test_keras_runs_on_the_backend_of_this_suite(backend):
    assert keras.backend.backend() == backend


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_model_begins_with_the_same_weights_in_every_test(time):
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    _weights.append(keras.ops.convert_to_numpy(layer.kernel))
    np.testing.assert_array_equal(_weights[-1], _weights[0])
