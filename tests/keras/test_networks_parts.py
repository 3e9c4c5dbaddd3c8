"""Parts of networks: what takes another way on one backend is the same function there."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from plait.synth.networks_parts import Parts


@pytest.mark.parametrize("space", [(28, 28), (7, 10), (5, 4), (17,), (8,)])
def test_half_the_size_is_a_convolution_of_four_with_a_stride_of_two(space, backend):
    """On JAX it is made of products of matrices, whose weights lie in another order."""
    rank, channels, width = len(space), 3, 5
    inputs = keras.Input((*space, channels))
    made = keras.Model(inputs, Parts(rank, seed=0).halved(inputs, width))
    assert made.output_shape == (None, *(-(-n // 2) for n in space), width)
    kernel, bias = made.get_weights()
    if backend == "jax":  # (place of the pair, place within the pair) along each axis, then channels
        pairs = kernel.reshape(*(2,) * (2 * rank), channels, width)
        order = [axis for n in range(rank) for axis in (n, rank + n)]
        kernel = pairs.transpose(*order, 2 * rank, 2 * rank + 1).reshape(*(4,) * rank, channels, width)
    bias = np.arange(width, dtype="float32")
    made.set_weights([made.get_weights()[0], bias])
    x = np.random.default_rng(0).normal(size=(2, *space, channels)).astype("float32")
    expected = keras.ops.conv(x, kernel, strides=2, padding="same") + bias
    np.testing.assert_allclose(made.predict_on_batch(x), keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-4)
