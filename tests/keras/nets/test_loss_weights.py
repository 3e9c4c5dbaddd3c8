"""Moving weights start where all losses matter, follow them, are shown, and leave a plain model behind."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait
from plait.nets.gradnorm import GradNorm
from plait.nets.uncertainty import Uncertainty

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype("float32")
KIND = (X[:, :1] > 0).astype("int32") + (X[:, 1:2] > 0)
SIZE = (1e5 * (np.abs(X[:, 2:3]) + np.abs(X[:, 3:4]) - 1.6)).astype("float32")


def model(container=dict, weights=None):
    keras.utils.set_random_seed(1)
    x = keras.Input((6,), name="x")
    shared = keras.layers.Dense(16, activation="relu", name="shared")(x)
    size = keras.layers.Rescaling(1e5, name="size")(keras.layers.Dense(1, name="scores")(shared))
    outputs = {"kind": keras.layers.Dense(3, activation="softmax", name="kind")(shared), "size": size}
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    made = keras.Model(x, outputs if container is dict else list(outputs.values()))
    made.compile(keras.optimizers.Adam(0.01), losses, loss_weights=weights)
    return made


def loader(**roles):
    arrays = plait.Arrays(x=X, kind=KIND[:, 0], size=SIZE[:, 0])
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"kind": arrays["kind"], "size": arrays["size"]}, **roles)
    return plait.Loader(data, 32, seed=0)


def first_losses(made):
    batch = next(iter(loader()))
    found = made.evaluate(*batch[:2], verbose=0, return_dict=True)
    return found["kind_loss"], found["size_loss"]


@pytest.mark.parametrize("container", [dict, list])
def test_uncertainty_starts_at_one_over_the_first_losses_and_says_so(container):
    made = model(container)
    kind, size = first_losses(made)
    plait.nets.weigh_losses(made, "uncertainty", rate=0)
    found = made.fit(loader(), epochs=1, verbose=0).history
    np.testing.assert_allclose([found["kind_weight"][0], found["size_weight"][0]], [1 / kind, 1 / size], rtol=1e-4)
    assert found["size_loss"][0] > 1e9, "the losses themselves are shown without weights"


def test_uncertainty_follows_the_losses_and_its_weights_settle_at_one_over_them():
    rule, losses = Uncertainty(0.1), keras.ops.convert_to_tensor([4.0, 0.5])
    state = (keras.ops.zeros(2), keras.ops.ones(2), keras.ops.zeros(2))
    used, *state = rule.step(tuple(state), losses, None)
    np.testing.assert_allclose(np.exp(keras.ops.convert_to_numpy(used)), [0.25, 2.0], rtol=1e-5)
    for _ in range(200):
        _, *state = rule.step(tuple(state), losses * 3, None)
    np.testing.assert_allclose(np.exp(keras.ops.convert_to_numpy(state[0])), [1 / 12, 2 / 3], rtol=1e-3)


def test_a_batch_without_labels_moves_nothing_and_does_not_start_anything():
    nothing, something = keras.ops.convert_to_tensor([0.0, 2.0]), keras.ops.convert_to_tensor([3.0, 2.0])
    for rule, lengths in ((Uncertainty(0.1), None), (object.__new__(GradNorm), keras.ops.convert_to_tensor([1.0, 2.0]))):
        if lengths is not None:
            rule.rate, rule.alpha = 0.1, 0.5
        state = (keras.ops.zeros(2), keras.ops.ones(2), keras.ops.zeros(2))
        *_, begun = after = rule.step(state, nothing, lengths)
        assert keras.ops.convert_to_numpy(begun).tolist() == [0, 1]
        assert np.isfinite(keras.ops.convert_to_numpy(keras.ops.stack(after))).all()
        *_, begun = rule.step(tuple(after[1:]), something, lengths)
        assert keras.ops.convert_to_numpy(begun).tolist() == [1, 1]


def test_a_gradient_that_is_zero_in_the_first_batch_alone_does_not_make_the_weights_jump_in_the_second():
    rule = object.__new__(GradNorm)
    rule.rate, rule.alpha = 0.1, 0.0
    losses = keras.ops.convert_to_tensor([1.0, 1.0, 1.0])
    state = (keras.ops.zeros(3), keras.ops.ones(3), keras.ops.zeros(3))
    first, *after = rule.step(state, losses, keras.ops.convert_to_tensor([1.0, 4.0, 0.0]))
    np.testing.assert_allclose(np.exp(keras.ops.convert_to_numpy(first)), np.array([1, 0.25, 0.5]) / 1.75 * 3, rtol=1e-5)
    second, *_ = rule.step(tuple(after), losses, keras.ops.convert_to_tensor([1.0, 4.0, 1e-3]))
    assert np.abs(keras.ops.convert_to_numpy(second) - keras.ops.convert_to_numpy(first)).max() <= 0.1 + 1e-5


def test_a_model_with_a_target_that_is_drawn_is_saved_while_gradnorm_moves_its_weights(tmp_path):
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(photo=rng.random((32, 8, 8, 1)), size=rng.random(32), mask=rng.random((32, 8, 8, 1)) > 0.5)
    data = plait.Dataset(inputs={"photo": arrays["photo"]}, targets={name: arrays[name] for name in ("size", "mask")})
    made = plait.nets.fusion(data, width=8, loss_weights="gradnorm")
    made.fit(plait.Loader(data, 16, seed=0), verbose=0)
    made.save(tmp_path / "model.keras")
    photo = {"photo": arrays["photo"].values()[:3].astype("float32")}
    for name, values in keras.models.load_model(tmp_path / "model.keras").predict(photo, verbose=0).items():
        np.testing.assert_allclose(values, made.predict(photo, verbose=0)[name], rtol=1e-4, atol=1e-5)


def test_gradnorm_starts_where_the_weighted_gradients_are_equally_long():
    made = model()
    x, y = next(iter(loader()))[:2]
    shared = np.maximum(x["x"] @ made.get_layer("shared").get_weights()[0], 0)  # (samples, 16)
    out, probability = 1e5 * made.get_layer("scores").get_weights()[0], made.get_layer("kind").get_weights()[0]
    scores = np.exp(shared @ probability)
    wrong = scores / scores.sum(1, keepdims=True) - np.eye(3)[y["kind"]]
    size = np.linalg.norm(2 / 32 * (shared @ out - y["size"].reshape(-1, 1)) @ out.T)
    kind = np.linalg.norm(wrong @ probability.T / 32)
    plait.nets.weigh_losses(made, "gradnorm", rate=0)
    found = made.fit(loader(), epochs=1, verbose=0).history
    weights = np.array([found["kind_weight"][0], found["size_weight"][0]])
    np.testing.assert_allclose(weights[1] / weights[0], kind / size, rtol=1e-3)
    np.testing.assert_allclose(weights.sum(), 2, rtol=1e-5)


def test_gradnorm_gives_a_loss_that_falls_more_slowly_a_longer_gradient():
    rule = object.__new__(GradNorm)
    rule.rate, rule.alpha = 0.1, 1.0
    lengths = keras.ops.convert_to_tensor([5.0, 0.1])
    state = (keras.ops.zeros(2), keras.ops.ones(2), keras.ops.zeros(2))
    _, *state = rule.step(state, keras.ops.convert_to_tensor([1.0, 1.0]), lengths)
    for _ in range(100):
        _, *state = rule.step(tuple(state), keras.ops.convert_to_tensor([0.2, 0.8]), lengths)
    long = np.exp(keras.ops.convert_to_numpy(state[0])) * [5.0, 0.1]
    assert long[1] / long[0] == pytest.approx(4.0, rel=0.05)  # rates 0.4 and 1.6 of their mean


@pytest.mark.parametrize("how", ["uncertainty", "gradnorm"])
def test_a_class_is_learned_beside_a_number_of_a_hundred_thousand(how):
    """Fails by chance in less than one of 10 runs of another seed: 12 gave 0.79 and more, with equal weights 0.74 at most."""
    made = plait.nets.weigh_losses(model(), how)
    assert plait.check(loader().data, made), "check knows the losses as before"
    found = made.fit(loader(), epochs=25, verbose=0, validation_data=loader()).history
    probabilities = made.predict({"x": X}, verbose=0)["kind"]
    assert np.mean(probabilities.argmax(1) == KIND[:, 0]) > 0.74
    assert found["size_loss"][-1] < found["size_loss"][0]
    assert len(found["kind_weight"]) == len(found["val_kind_weight"]) == 25
    stock = made.evaluate(loader(), verbose=0, return_dict=True)
    assert stock["loss"] == pytest.approx(stock["kind_loss"] + stock["size_loss"], rel=1e-4), "evaluation has the weights of compile"


def test_weights_of_compile_and_of_samples_count_and_none_takes_the_moving_ones_away():
    made = plait.nets.weigh_losses(model(weights={"kind": 1.0, "size": 1e-10}), "uncertainty", rate=0)
    arrays = plait.Arrays(x=X, kind=KIND[:, 0], size=SIZE[:, 0], sure=np.full(len(X), 2.0))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={n: arrays[n] for n in ("kind", "size")}, weights={"size": arrays["sure"]})
    batch = next(iter(plait.Loader(data, 32, seed=0)))
    loss = made.evaluate(*batch[:2], sample_weight=batch[2], verbose=0, return_dict=True)["size_loss"]
    found = made.fit(plait.Loader(data, 32, seed=0), epochs=1, verbose=0).history
    assert found["size_weight"][0] == pytest.approx(1 / (loss * 1e-10), rel=1e-3)
    plait.nets.weigh_losses(made, None)
    assert set(made.fit(loader(), epochs=1, verbose=0).history) == {"loss", "kind_loss", "size_loss"}


def test_what_cannot_be_weighed_is_said():
    x = keras.Input((6,), name="x")
    apart = keras.Model(x, {"a": keras.layers.Dense(1)(x), "b": keras.layers.Dense(1)(x)}, name="apart")
    with pytest.raises(plait.ArgumentError, match="model 'apart' is not compiled. Write model.compile"):
        plait.nets.weigh_losses(apart)
    apart.compile("sgd", {"a": "mse", "b": "mse"})
    with pytest.raises(plait.ArgumentError, match=r"the heads \['a', 'b'\] of model 'apart' share no layer"):
        plait.nets.weigh_losses(apart, "gradnorm")
    with pytest.raises(plait.ArgumentError, match="'pcgrad' is not known; write 'uncertainty' or 'gradnorm'"):
        plait.nets.weigh_losses(apart, "pcgrad")
    with pytest.raises(plait.ArgumentError, match="rate=-1; a number from 0 to 10 is needed"):
        plait.nets.weigh_losses(apart, rate=-1)
    with pytest.raises(plait.ArgumentError, match="takes a keras.Model, not a dict"):
        plait.nets.weigh_losses({})
    one = keras.Model(x, keras.layers.Dense(1)(x), name="one")
    one.compile("sgd", "mse")
    with pytest.raises(plait.ArgumentError, match="model 'one' has one loss; two or more can be weighed"):
        plait.nets.weigh_losses(one)

    class Own(keras.Model):
        def call(self, x):
            return x

    own = Own(name="own")
    own.compile("sgd", "mse")
    with pytest.raises(plait.ArgumentError, match="model 'own' has no graph; it works on functional models"):
        plait.nets.weigh_losses(own)
