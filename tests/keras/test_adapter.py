"""Keras takes a Loader as it is: what docs/decisions/0005-loader-is-a-data-adapter.md relies on and Keras does not promise."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters import get_data_adapter

import plait


def test_keras_hands_a_loader_through_before_it_looks_at_anything_else():
    loader = _loader()
    assert get_data_adapter(loader) is loader, "Keras wraps a Loader now: its order is Keras's, unless fit gets shuffle=False"


@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_trains_on_the_batches_in_the_order_of_their_steps(shuffle):
    loader, fitted, by_hand = _loader(), _model(), _model()
    fitted.fit(loader, epochs=2, shuffle=shuffle, verbose=0)
    for step in range(2 * len(loader)):
        inputs, target, _ = loader.batch(step)
        by_hand.train_on_batch(inputs, target)
    np.testing.assert_allclose(_weight(fitted), _weight(by_hand), rtol=1e-5)


def test_another_order_would_train_other_weights():
    loader, forwards, backwards = _loader(), _model(), _model()
    for step in range(len(loader)):
        for model, number in ((forwards, step), (backwards, len(loader) - 1 - step)):
            inputs, target, _ = loader.batch(number)
            model.train_on_batch(inputs, target)
    assert abs(_weight(forwards) - _weight(backwards)) > 1e-3


def _loader() -> plait.Loader:
    x = np.arange(1, 41, dtype=np.float32) / 40
    y = np.random.default_rng(0).normal(size=40).astype(np.float32)
    return plait.Loader(plait.Dataset(inputs={"x": plait.Arrays(x=x)}, targets={"y": plait.Arrays(y=y)}), 4, seed=1)


def _model() -> keras.Model:
    x = keras.Input((1,), name="x")
    y = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="y")(x)
    model = keras.Model({"x": x}, y)
    model.compile(keras.optimizers.SGD(0.3), "mse")
    return model


def _weight(model: keras.Model) -> float:
    return float(model.get_weights()[0].item())
