"""What `Preprocessing` gives is what `predict` takes, and what `predict` gives it decodes, on the backend of this process."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait

RNG = np.random.default_rng(3)
AGES = RNG.integers(20, 80, 60)
PLACES = RNG.choice(["clinic", "home", "ward"], 60)
GRADES = np.where(AGES > 50, "high", "low")
DOSES = 100.0 + 3 * AGES
CAPTIONS = [f"{place} visit, age {age}" for place, age in zip(PLACES, AGES, strict=True)]


def trial():
    rows = plait.Arrays(age=AGES, place=PLACES, caption=CAPTIONS, grade=GRADES, dose=DOSES, place_out=PLACES)
    data = plait.Dataset(
        inputs={name: rows[name] for name in ("age", "place", "caption")},
        targets={"grade": rows["grade"], "dose": rows["dose"], "where": rows["place_out"]},
    )
    data = data.map(plait.Standardize.fit(data["age"]), on="age").map(plait.Vocabulary.fit(data["place"]), on="place")
    data = data.map(plait.Tokenize.fit(data["caption"], size=100), on="caption").map(plait.Pad(8), on="caption")
    data = data.map(plait.Vocabulary.fit(data["grade"]), on="grade").map(plait.MinMax.fit(data["dose"]), on="dose")
    return data.map(plait.OneHot.fit(data["where"]), on="where")


def network(container):
    age = keras.Input((1,), name="age")
    place = keras.Input((), name="place", dtype="int32")
    caption = keras.Input((8,), name="caption", dtype="int32")
    words = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(100, 4)(caption))
    joined = keras.layers.Concatenate()([age, keras.layers.Embedding(3, 3)(place), words])
    outputs = {
        "grade": keras.layers.Dense(1, "sigmoid", name="grade")(age),
        "dose": keras.layers.Dense(1, name="dose")(joined),
        "where": keras.layers.Dense(3, "softmax", name="where")(keras.layers.Embedding(3, 3)(place)),
    }
    model = keras.Model([age, place, caption], outputs if container is dict else list(outputs.values()))
    model.compile(keras.optimizers.Adam(0.05), {"grade": "binary_crossentropy", "dose": "mse", "where": "categorical_crossentropy"})
    return model


def test_raw_samples_come_back_in_labels_and_units(tmp_path):
    data = trial()
    model = network(dict)
    model.fit(plait.Loader(data, 20, model=model), epochs=30, verbose=0)
    plait.Preprocessing(data).save(tmp_path / "model.prep.json")
    prep = plait.Preprocessing.load(tmp_path / "model.prep.json")

    predicted = model.predict(prep({"age": AGES, "place": PLACES.tolist(), "caption": CAPTIONS}), batch_size=20, verbose=0)
    decoded = prep.decode(predicted)
    assert (decoded["where"] == PLACES).all()
    assert (decoded["grade"] == GRADES).mean() > 0.9
    assert decoded["dose"].shape == (60,)
    assert np.abs(decoded["dose"] - DOSES).mean() < 0.5 * np.abs(DOSES - DOSES.mean()).mean()


@pytest.mark.parametrize("container", [dict, list])
def test_raw_samples_are_predicted_as_those_of_the_loader(container):
    data, model = trial(), network(container)
    prep = plait.Preprocessing(data)
    predicted = model.predict(prep({"age": AGES, "place": PLACES.tolist(), "caption": CAPTIONS}), batch_size=20, verbose=0)
    loaded = model.predict(plait.Loader(data, 20, shuffle=False, model=model), verbose=0)
    for one, other in zip(keras.tree.flatten(predicted), keras.tree.flatten(loaded), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(prep.decode(predicted)) == list(data.targets) if container is list else set(prep.decode(predicted)) == set(data.targets)


def test_one_sample_is_predicted_as_within_the_batch():
    data = trial()
    prep, model = plait.Preprocessing(data), network(dict)
    batch = prep({"age": AGES, "place": PLACES.tolist(), "caption": CAPTIONS})
    alone = prep({"age": AGES[7:8], "place": [PLACES[7]], "caption": CAPTIONS[7:8]})
    one, other = model.predict(alone, verbose=0), model.predict(batch, verbose=0)
    for name, array in one.items():
        np.testing.assert_allclose(array[0], other[name][7], rtol=1e-5, atol=1e-6)
