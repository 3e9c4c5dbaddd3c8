"""Initial weights drawn by NumPy: the distribution they are said to have, the same everywhere, and nothing of plait in what is saved."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from plait.starting import Start, settled


@pytest.mark.parametrize(
    ("shape", "scale", "mode", "fan"),
    [((400, 300), 2.0, "fan_in", 400), ((3, 5, 40, 60), 1.0, "fan_in", 600), ((200, 600), 1.0, "fan_avg", 400)],
)
@pytest.mark.parametrize("distribution", ["truncated_normal", "uniform"])
def test_the_variance_is_that_of_keras_and_a_seed_gives_the_same_numbers(shape, scale, mode, fan, distribution):
    """Of 36 000 numbers or more the mean square is off by 0.9 % at one standard deviation: four are allowed."""
    made = keras.ops.convert_to_numpy(Start(scale, mode, distribution, seed=3)(shape))
    keras_made = keras.ops.convert_to_numpy(keras.initializers.VarianceScaling(scale, mode, distribution, seed=3)(shape))
    assert made.shape == shape and made.dtype == np.float32
    for values in (made, keras_made):
        np.testing.assert_allclose(np.square(values).mean(), scale / fan, rtol=0.036)
    edge = 2 / 0.87962566 if distribution == "truncated_normal" else 3**0.5
    assert 0.98 < np.abs(made).max() / (edge * (scale / fan) ** 0.5) <= 1.0001
    assert abs(made.mean()) < 5 * (scale / fan / made.size) ** 0.5
    np.testing.assert_array_equal(made, keras.ops.convert_to_numpy(Start(scale, mode, distribution, seed=3)(shape)))
    assert np.abs(made - keras.ops.convert_to_numpy(Start(scale, mode, distribution, seed=4)(shape))).max() > 0


def test_the_numbers_are_the_same_on_every_backend():
    made = keras.ops.convert_to_numpy(Start(2.0, seed=0)((2, 2)))
    np.testing.assert_allclose(made, [[0.142936, -0.150183], [0.728063, 0.119255]], atol=1e-5)


def test_a_settled_model_is_made_of_stock_parts_and_keeps_its_weights():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, kernel_initializer=Start(2.0, seed=0))(inputs))
    before = model.get_weights()
    assert settled(model) is model
    text = str(model.get_config())
    assert "plait" not in text and "'seed': 0" in text and "'scale': 2.0" in text
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert keras.Model.from_config(model.get_config()).count_params() == 15
