"""A judge of images and series: known answers for the same, for other, for mislabelled and for uniform samples."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from pictures import quarters

import plait
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.metrics.coverage import neighbourhoods
from plait.metrics.judged import judged
from plait.metrics.signals import frechet

pytestmark = pytest.mark.in_turn(together=True)


@functools.cache
def judge():
    return plait.Judge.fit(quarters(400, seed=0), "quarter", epochs=4, progress=False)


@functools.cache
def found(kind):
    """id -> finding of 200 samples of that kind beside 200 real ones."""
    synthetic = {"same": same, "mislabelled": mislabelled}[kind]()
    data = {"real": quarters(200, seed=1), "synthetic": synthetic, "train": quarters(200, seed=2)}
    return {finding.id: finding for finding in judged(judge(), data, rows=4000, seed=0)}


def same():
    return quarters(200, seed=3)


def mislabelled():
    return changed(lambda image, quarter: (image, (quarter + 1) % 3))


def uniform():
    return changed(lambda image, quarter: (image[[int(np.flatnonzero(quarter == k)[0]) for k in quarter]], quarter))


def noise():
    return changed(lambda image, quarter: (np.random.default_rng(0).integers(0, 255, image.shape).astype(np.uint8), quarter))


def changed(change):
    data = quarters(200, seed=3)
    image, quarter = change(data["image"].values(), data["quarter"].values())
    arrays = plait.Arrays(image=image, quarter=quarter)
    return plait.Dataset(inputs={"quarter": arrays["quarter"]}, targets={"image": arrays["image"]})


def test_samples_whose_classes_it_has_never_seen_are_an_error():
    other = quarters(20, seed=4).map(lambda quarter: quarter + 7, on="quarter")
    with pytest.raises(ArgumentError, match=r"Judge.accuracy: no sample bears a quarter that this judge knows; it knows \[0, 1, 2\]"):
        judge().accuracy(other)


def test_fresh_real_samples_pass_everything():
    """The seed is fixed; of 20 others one warned of its density."""
    findings = found("same")
    names = ("accuracy", "frechet", "precision", "recall", "density", "coverage", "utility")
    assert set(findings) == {f"judge-{name}" for name in names}
    assert all(finding.level == "pass" for finding in findings.values()), findings
    value = {name: finding.values["value"] for name, finding in findings.items()}
    assert value["judge-accuracy"] > 0.95 and value["judge-frechet"] < 0.05 and value["judge-utility"] > 0.9


def test_what_bears_the_wrong_class_fails_in_accuracy_and_utility_and_looks_right():
    findings = found("mislabelled")
    assert findings["judge-accuracy"].values["value"] < 0.05 and findings["judge-utility"].values["value"] < 0.05
    assert findings["judge-accuracy"].level == findings["judge-utility"].level == "fail"
    assert findings["judge-precision"].level == findings["judge-coverage"].level == "pass"


def test_one_picture_a_class_has_precision_and_no_recall():
    around, distance = beside(uniform())
    assert around["precision"].value > 0.95 and around["recall"].value < 0.05
    assert distance > 3 * beside(same())[1]


def test_noise_lies_nowhere_among_real_samples_and_real_samples_lie_among_themselves():
    around, distance = beside(noise())
    assert around["precision"].value == around["coverage"].value == 0 and distance > 0.5
    around, distance = beside(quarters(200, seed=1))
    assert around["precision"].value == around["recall"].value == around["coverage"].value == 1 and distance < 1e-3


def beside(synthetic):
    """Neighbourhoods and Fréchet distance in the features of the judge."""
    points = [judge().features({"image": part["image"].values()}) for part in (quarters(200, seed=1), synthetic)]
    return neighbourhoods(*points), frechet(*points)


def test_compare_asks_the_judge_and_shows_what_it_says():
    report = plait.compare(quarters(40, seed=1), quarters(40, seed=3), train=quarters(40, seed=2), judge=judge(), progress=False)
    assert {"judge-accuracy", "judge-utility", "detection"} <= {finding.id for finding in report}
    assert "Images and series, by a judge" in report.to_html()


def test_the_same_seed_gives_the_same_judge_and_it_can_be_asked_alone():
    first, again = (plait.Judge.fit(quarters(64), "quarter", epochs=1, seed=5, progress=False) for _ in range(2))
    values = {"image": quarters(20, seed=4)["image"].values()}
    assert np.array_equal(first.features(values), again.features(values)) and first.features(values).shape == (20, 64)
    assert judge().accuracy(quarters(100, seed=6)) > 0.95
    assert repr(judge()) == "Judge(['image'] -> 'quarter', 3 classes)"


def test_images_of_one_size_are_compared_point_by_point():
    """Whether two images of noise are the same one shows in no summary of either."""
    rng = np.random.default_rng(0)
    photo, other = rng.integers(0, 256, (2, 600, 8, 8, 1), np.uint8)
    same = rng.random(600) < 0.5
    arrays = plait.Arrays(photo=photo, same=same, image=np.where(same[:, None, None, None], photo, other))
    data = plait.Dataset(inputs={"photo": arrays["photo"], "image": arrays["image"]}, targets={"same": arrays["same"]})
    told = plait.Judge.fit(data.take(slice(400)), "same", epochs=12, progress=False)
    assert told.seen == ("photo", "image") and told.accuracy(data.take(slice(400, None))) > 0.9


def test_what_cannot_be_judged_is_an_error():
    with pytest.raises(NameUnknownError, match=r"Judge.fit: there is no stream 'grade'. There are \['quarter', 'image'\]"):
        plait.Judge.fit(quarters(20), "grade")
    with pytest.raises(SpecError, match=r"a judge looks at images .* and 'quarter' is \(\) int64"):
        plait.Judge.fit(quarters(20), "image", seen=["quarter"])
    for option, value in (("epochs", 0), ("epochs", 1.5), ("seed", None)):
        with pytest.raises(ArgumentError, match=rf"Judge.fit\({option}={value}\): a.* whole number"):
            plait.Judge.fit(quarters(20), "quarter", **{option: value})
    grey = quarters(20).map(lambda image: image[..., 0], on="image")
    with pytest.raises(SpecError, match=r"Judge.fit: 'image' is \(8, 8\) uint8: pixels without channels, it seems"):
        plait.Judge.fit(grey, "quarter")
    named = plait.Dataset(inputs={"a/b": quarters(20)["image"]}, targets={"quarter": quarters(20)["quarter"]})
    with pytest.raises(SpecError, match=r"Judge.fit: 'a/b': Keras takes no / in the name of an input"):
        plait.Judge.fit(named, "quarter")
    with pytest.raises(SpecError, match="'image' is .* of 0 values, and a class of two or more, .* is to be told. Name another class"):
        plait.Judge.fit(quarters(20), "image", seen=["image"])
    with pytest.raises(ArgumentError, match=r"compare\(judge=...\) needs fresh real data: give train="):
        plait.compare(quarters(50), quarters(50, seed=1), judge=judge(), progress=False)
    with pytest.raises(ArgumentError, match=r"compare\(judge=...\) takes a plait.Judge, not a str"):
        plait.compare(quarters(50), quarters(50, seed=1), judge="judge")
    with pytest.raises(ArgumentError, match=r"This judge looks at \['image'\], and \['image'\] is lacking"):
        judge().features({"photo": np.zeros((1, 8, 8, 1))})
    with pytest.raises(ArgumentError, match=r"of the shape \(8, 8, 1\), and samples of \(9, 9, 1\) .*Resize\(\(8, 8\)\), on='image'"):
        judge().features({"image": np.zeros((1, 9, 9, 1))})
    with pytest.raises(ArgumentError, match=r"samples of \(8, 8, 3\) are shown to it. Train a judge on such"):
        judge().features({"image": np.zeros((1, 8, 8, 3))})
    other = quarters(50)
    other = plait.Dataset(inputs={"quarter": other["quarter"]}, targets={"photo": other["image"]})
    with pytest.raises(NameUnknownError, match=r"this judge needs 'image', and the data have \['quarter', 'photo'\]"):
        plait.compare(other, other, train=other, judge=judge(), progress=False)
