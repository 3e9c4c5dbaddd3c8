"""Bad samples under `fit`, `evaluate` and `predict`: left out, at weight 0, or an error; listed, saved, audited."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import plait

ROWS = 50
BAD = (3, 17, 18, 40)


def data(bad=BAD, rows=ROWS):
    x = np.random.default_rng(0).random((rows, 3)).astype(np.float32)
    x[list(bad)] = np.nan
    arrays = plait.Arrays(x=x, y=np.arange(rows, dtype=np.float32))
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, missing={"x": "keep"})


def clean(bad=BAD):
    return data().take(np.setdiff1d(np.arange(ROWS), bad))


def linear():
    keras.utils.set_random_seed(1)
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(1, name="y")(x))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    return model


@pytest.mark.parametrize(
    ("policy", "remainder", "more"),
    [("skip", "keep", {"workers": 2, "processes": True}), ("skip", "pad", {"workers": 0}), ("mask", "keep", {"workers": 2})],
)
def test_fit_goes_on_without_the_bad_samples_as_if_they_were_not_in_the_batches(policy, remainder, more):
    loader = plait.Loader(data(), 8, on_error=policy, budget=4, remainder=remainder, seed=2, **more)
    model = linear()
    kernel, bias = (np.asarray(w, np.float64) for w in model.get_weights())
    model.fit(loader, epochs=2, verbose=0)
    for step in range(14):
        good = data().read(["x", "y"], np.array([row for row in loader.rows(step) if row not in BAD]))
        slope = 2e-3 * (good["x"] @ kernel + bias - good["y"][:, None]) / len(good["y"])
        kernel, bias = kernel - good["x"].T @ slope, bias - slope.sum(0)
    for ours, theirs in zip(model.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    assert loader.errors and loader.errors.title == f"Bad samples: 4 of 50 {'left out' if policy == 'skip' else 'given weight 0'}"
    assert sorted(f.values["row"] for f in loader.errors) == list(BAD)
    report = loader.audit()
    assert report and report.warnings[0].message == "4 samples could not be used; loader.errors lists them"


@pytest.mark.parametrize("workers", [0, 2])
def test_one_bad_sample_too_many_ends_fit_and_every_loop(workers):
    loader = plait.Loader(data(), 8, on_error="skip", budget=3, workers=workers)
    with pytest.raises(plait.BadSamplesError, match=r"4 samples of 50 could not be used so far, and budget=3 allows 3"):
        linear().fit(loader, epochs=1, verbose=0)
    assert not loader.errors
    batches = iter(plait.Loader(data(), 8, on_error="skip", budget=3, workers=workers))
    with pytest.raises(plait.BadSamplesError):
        list(batches)
    with pytest.raises(plait.BadSamplesError):
        next(batches)


def test_the_error_of_a_bad_sample_names_it_and_comes_again():
    batches = iter(plait.Loader(data([5]), 8, shuffle=False))
    for _ in range(3):
        with pytest.raises(plait.SpecError, match="'x' of sample 5 is NaN") as caught:
            next(batches)
        assert any("sample 5 of stream 'x' (batch 0), failed at: check" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(("policy", "remainder"), [("skip", "keep"), ("skip", "pad"), ("mask", "keep")])
def test_evaluation_is_the_mean_over_the_good_samples(policy, remainder):
    model = linear()
    expected = model.evaluate(plait.Loader(clean(), 46, shuffle=False), verbose=0)
    loader = plait.Loader(data(), 10, shuffle=False, on_error=policy, budget=4, remainder=remainder)
    found = model.evaluate(loader, verbose=0)
    assert found == pytest.approx(expected, rel=1e-4 if (policy, remainder) == ("skip", "keep") else 0.1)


def test_predictions_keep_their_rows_when_bad_samples_are_masked_and_are_refused_when_they_are_skipped():
    model = linear()
    loader = plait.Loader(data(), 8, shuffle=False, on_error="mask", budget=4)
    found = np.asarray(model.predict(loader, verbose=0))
    good = np.setdiff1d(np.arange(ROWS), BAD)
    np.testing.assert_allclose(found[good], model.predict(plait.Loader(clean(), 8, shuffle=False), verbose=0), rtol=1e-5)
    assert found.shape == (ROWS, 1) and np.isfinite(found).all() and len(loader.errors) == 4
    with pytest.raises(plait.ArgumentError, match="fewer rows than there are samples.*on_error='mask'"):
        model.predict(plait.Loader(data(), 8, shuffle=False, on_error="skip"), verbose=0)


def test_masking_needs_targets_to_fit():
    arrays = plait.Arrays(x=np.ones((8, 3), np.float32))
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"]}), 4, on_error="mask")
    with pytest.raises(plait.ArgumentError, match="on_error='mask' gives bad samples weight 0.*the data have none"):
        linear().fit(loader, verbose=0)


def test_batches_of_bad_samples_alone_leave_the_weights_as_they_are():
    model = linear()
    before = model.get_weights()
    model.fit(plait.Loader(data(range(ROWS)), 8, on_error="skip", budget=ROWS), epochs=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_list_is_saved_with_the_run_and_nothing_counts_twice(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                raise KeyboardInterrupt

    def loader():
        return plait.Loader(data(), 8, on_error="skip", budget=4, seed=2)

    whole = loader()
    linear().fit(whole, epochs=2, verbose=0)
    first, second = loader(), loader()
    with pytest.raises(KeyboardInterrupt):
        linear().fit(first, epochs=2, callbacks=[plait.Resume(first, tmp_path / "run.json", every=2), Stop()], verbose=0)
    saved = json.loads((tmp_path / "run.json").read_text())
    assert [f["row"] for f in saved["errors"]] == sorted(row for step in range(4) for row in first.rows(step) if row in BAD)
    linear().fit(second, epochs=2, callbacks=[plait.Resume(second, tmp_path / "run.json", every=2)], verbose=0)
    assert second.errors.to_json() == whole.errors.to_json()
    assert second.audit() and str(second.audit()) == str(whole.audit())


# audit


def test_an_audit_of_the_plan_and_of_the_run():
    loader = plait.Loader(data([]), 8)
    assert "no batch was handed out yet" in str(loader.audit()) and loader.audit()
    next(iter(loader))
    linear().fit(loader, epochs=2, verbose=0)
    report = loader.audit()
    assert not report and [f.id for f in report.failures] == ["repeated"]
    assert "epoch 0: 1 batches were handed out more than once: [0]; samples [" in str(report)
    loader.step = 0
    linear().fit(loader, epochs=2, verbose=0)
    assert loader.audit() and "epoch 1: batches 7 to 13 were handed out, each once" in str(loader.audit())


def test_an_audit_says_which_samples_never_come():
    loader = plait.Loader(data([]), 8, remainder="drop")
    report = loader.audit()
    assert not report and report.failures[0].values["missing"] == 2 and report.failures[0].remedy == "plait.Loader(..., remainder='pad')"
    assert str([int(r) for r in np.setdiff1d(range(ROWS), np.concatenate([loader.rows(s) for s in range(6)]))]) in str(report)


def test_drift_is_watched_while_a_model_is_fed():
    profile = plait.Profile.fit(data([], rows=200))
    loader = plait.Loader(data([], rows=200), 8)
    drift = loader.watch(profile)
    linear().fit(loader, epochs=1, verbose=0)
    assert drift.report() and drift.report().title == "Drift, in 88 samples"
    other = plait.Loader(data([], rows=200).map(np.negative, on="x"), 8)
    drift = other.watch(profile)
    linear().evaluate(other, verbose=0)
    assert [(f.about, f.id) for f in drift.report().failures] == [("x", "range-below")]
