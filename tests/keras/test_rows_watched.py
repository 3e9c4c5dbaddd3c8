"""GAN and Flow of rows while they are trained: quality, the best network, runs that were killed, pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import killed_rows
import numpy as np
import pytest
from killed_rows import data, train

import plait
from plait.errors import ArgumentError
from plait.synth import watching_rows
from plait.synth.networks_flow import velocity

SUPPORT = Path(killed_rows.__file__).parent


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["GAN", "Flow"])
def test_a_run_that_was_killed_ends_with_the_same_network(tmp_path, kind):
    expected = train(kind, tmp_path / "whole.json")
    script = [sys.executable, str(SUPPORT / "killed_rows.py"), kind, str(tmp_path / "killed.json")]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == -9, ended.stderr[-2000:]
    assert 1 <= json.loads((tmp_path / "killed.json").read_text())["epoch"] < 12
    again = train(kind, tmp_path / "killed.json")
    assert again.history == expected.history and len(expected.history["quality"]) == 12
    for name in expected.spec:
        assert np.array_equal(again.sample(50, seed=0)[name].values(), expected.sample(50, seed=0)[name].values()), name


def test_training_ends_after_so_many_epochs_without_a_better_one_and_keeps_the_best_network(monkeypatch):
    qualities, seen_then = iter([3.0, 1.0, 2.0, 1.5, 0.1]), []

    def quality(real, made):
        return lambda network: (seen_then.append(velocity(network)), next(qualities))[1]

    monkeypatch.setattr(watching_rows, "_quality", quality)
    flow = plait.Flow.fit(data(), epochs=9, units=8, blocks=1, batch_size=64, patience=2, progress=False)
    assert flow.history["quality"] == [3.0, 1.0, 2.0, 1.5]
    for name, kept in flow._velocity.weights.items():
        np.testing.assert_array_equal(kept, seen_then[1].weights[name])
    assert not np.array_equal(flow._velocity.weights["first.kernel"], seen_then[3].weights["first.kernel"])


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["GAN", "Flow"])
def test_the_quality_gets_better_with_training(kind):
    """From a network that knows nothing to one that has seen the data for 40 epochs, the energy distance falls to a fifth."""
    options = {"epochs": 40, "units": 64, "batch_size": 64, "patience": 40, "learning_rate": 0.002, "progress": False}
    of_kind = {"condition": ["grade"], "noise": 8} if kind == "GAN" else {}
    quality = getattr(plait, kind).fit(data(1000), **options, **of_kind).history["quality"]
    assert min(quality) < quality[0] / 5, quality


def test_a_picture_of_each_epoch_has_the_variables_against_each_other(tmp_path):
    plait.Flow.fit(data(), epochs=2, units=8, blocks=1, batch_size=64, sheets=tmp_path / "run", progress=False)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["epoch-0001.png", "epoch-0002.png"]
    picture = plait.Images(tmp_path / "run" / "{id}.png").read(["image"], np.array([0]))["image"][0]
    assert picture.shape == (3 * 98 - 2, 3 * 98 - 2, 3)
    blue, grey = (np.all(picture == np.array(ink), axis=-1) for ink in ((20, 100, 200), (70, 70, 70)))
    assert blue[:96, :96].any() and grey[:96, :96].any()  # both on the diagonal
    assert not grey[:96, 98:].any() and not blue[98:194, :96].any()  # made above it, real below


def test_too_few_rows_and_too_many_epochs_are_errors():
    with pytest.raises(ArgumentError, match=r"Flow.fit\(patience=...\): the quality is measured on a tenth .* of 30 that is too little"):
        plait.Flow.fit(data(30), patience=2)
    with pytest.raises(ArgumentError, match=r"Flow.fit\(epochs=10001\): at most 10000 are kept account of"):
        plait.Flow.fit(data(30), epochs=10_001)


def test_nothing_is_left_of_the_training_in_the_global_random_state():
    keras.utils.set_random_seed(3)
    np.random.seed(3)
    plait.Flow.fit(data(), epochs=1, units=8, blocks=1, patience=1, progress=False)
    first = np.random.random()
    np.random.seed(3)
    assert np.random.random() == first
