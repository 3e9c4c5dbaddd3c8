"""show: which samples, what of them, and what it says about data that cannot be fed."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
from numpy.dtypes import StringDType

import plait
from plait.order import Uniform
from plait.preview.batch import Preview

N = 12


def trial(**changes):
    """Inputs and targets of many kinds, a third of the prices missing."""
    rng = np.random.default_rng(0)
    columns = {
        "photo": rng.integers(0, 256, (N, 6, 8, 3), dtype=np.uint8),
        "lesion": rng.integers(0, 3, (N, 6, 8, 1), dtype=np.uint8),
        "wave": rng.normal(size=(N, 20, 2)).astype(np.float32),
        "note": np.array([f"patient {i}" for i in range(N)], dtype=StringDType()),
        "words": plait.Ragged.of([np.arange(i % 4 + 1) for i in range(N)]),
        "kind": np.array(["cat", "dog", "cow"] * (N // 3), dtype=StringDType()),
        "price": np.where(np.arange(N) % 3 == 0, np.nan, np.arange(N) * 1.5),
    } | changes
    return plait.Arrays(**columns, key=[f"p{i:02}" for i in range(N)])


def dataset(**changes):
    source = trial(**changes)
    data = plait.Dataset(
        inputs={"photo": source["photo"], "wave": source["wave"]},
        targets={"lesion": source["lesion"], "kind": source["kind"], "price": source["price"]},
        missing={"price": "mask"},
    )
    return data.map(plait.Vocabulary(("cat", "cow", "dog")), on="kind").map(plait.Standardize(mean=2.0, std=4.0), on="price")


def texts(preview: Preview) -> dict[str, list[list[str]]]:
    """Stream -> view -> what each sample shows in a terminal."""
    return {s.name: [[cell.text for cell in view] for view in s.views.values()] for s in preview.streams}


def test_it_shows_the_first_batch_of_a_loader_with_this_seed():
    data = dataset()
    rows = Uniform(N, 5, "keep", (0, 1), 3, True).picks([0])[0].rows
    assert plait.show(data, samples=5, seed=3).keys == tuple(data.keys[int(row)] for row in rows)


def test_more_samples_than_there_are_show_all_of_them():
    assert sorted(plait.show(dataset(), samples=100).keys) == [f"p{i:02}" for i in range(N)]


def test_every_stream_is_shown_before_and_after_its_steps():
    data = dataset()
    shown = texts(plait.show(data, samples=N))
    keys = plait.show(data, samples=N).keys
    assert [len(views) for views in shown.values()] == [1, 1, 1, 2, 2]
    assert shown["kind"][0][keys.index("p01")] == "dog"
    assert shown["kind"][1][keys.index("p01")] == "2 = dog"
    assert [shown["price"][v][keys.index("p04")] for v in (0, 1)] == ["6", "1"]  # (6 - 2) / 4


def test_a_sample_without_a_label_is_marked_and_the_others_weigh_what_a_loader_gives_them():
    preview = plait.show(dataset(), samples=N)
    price = next(s for s in preview.streams if s.name == "price")
    assert price.absent.tolist() == [key in ("p00", "p03", "p06", "p09") for key in preview.keys]
    assert price.weights is not None
    assert np.allclose(price.weights, np.where(price.absent, 0, 12 / 8))
    lines = [line for line in str(preview).splitlines() if line.startswith("p03")]
    assert any(line.endswith("missing (weight 0)") for line in lines)
    assert "(weight 1.5)" in str(preview)
    page = preview.to_html()
    assert page.count(">missing</span>") == 4
    assert "weight 1.5" in page
    assert "4 samples without a value" in page


def test_weights_of_the_users_own_are_shown():
    source = plait.Arrays(x=np.arange(4.0), y=np.arange(4.0), sure=np.array([0.25, 1, 2, 4]))
    data = plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]}, weights={"y": source["sure"]})
    preview = plait.show(data)
    assert preview.streams[1].weights is not None
    assert dict(zip(preview.keys, preview.streams[1].weights.tolist(), strict=True)) == {0: 0.25, 1: 1, 2: 2, 3: 4}


def test_an_augmentation_is_shown_as_two_epochs_see_it_and_linked_streams_stay_together():
    def mirror(photo, lesion, rng):
        turned = rng.random(len(photo)) < 0.5
        return tuple(np.where(turned[:, None, None, None], image[:, :, ::-1], image) for image in (photo, lesion))

    data = dataset().augment(mirror, on=["photo", "lesion"])
    photo, _, lesion, *_ = plait.show(data, samples=N, seed=1).streams
    assert list(photo.views) == list(lesion.views) == ["read", "fed, epoch 1", "epoch 2"]
    changed = [
        [[a.html != b.html for a, b in zip(stream.views["read"], stream.views[view], strict=True)] for view in ("fed, epoch 1", "epoch 2")]
        for stream in (photo, lesion)
    ]
    assert changed[0] == changed[1]
    first, second = changed[0]
    assert any(first) and not all(first) and first != second
    assert photo.steps == ("mirror",)


def test_data_that_no_model_takes_yet_are_shown_with_what_is_to_be_done():
    source = trial()
    data = plait.Dataset(inputs={"note": source["note"], "words": source["words"]}, targets={"kind": source["kind"]})
    preview = plait.show(data, samples=4)
    assert "Stream 'note' is text, and Keras takes numbers. Write data.map(plait.Tokenize.fit(train['note']" in preview.notice
    assert "This batch cannot be fed to a model yet." in str(preview)
    assert f"patient {int(str(preview.keys[0])[1:])}" in str(preview)
    page = preview.to_html()
    assert html.escape(preview.notice) in page


def test_the_page_names_what_each_stream_is_read_from_and_fed_as(tmp_path):
    path = tmp_path / "batch.html"
    preview = plait.show(dataset(), samples=3, html=path)
    page = path.read_text(encoding="utf-8")
    assert page == preview.to_html()
    for piece in ("() text", "() int32 3 classes", "Vocabulary", "Standardize", "(6, 8, 3) uint8", "(20, 2) float32", *preview.keys):
        assert html.escape(str(piece)) in page
    assert "Arrays(photo, lesion, wave, note, ...)" in page


def test_the_page_holds_no_script_and_nothing_from_outside():
    page = plait.show(dataset(), samples=3).to_html()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "default-src 'none'" in page


def test_what_the_data_say_is_text_and_never_markup():
    evil = "<script>hacked = true</script><img src=x onerror='hacked = true'>"
    source = plait.Arrays(x=np.array([evil, "b"], dtype=StringDType()), y=np.arange(2), key=[evil, "b"])
    data = plait.Dataset(inputs={"x": source["x"]}, targets={evil: source["y"]}).map(plait.Vocabulary((0, 1)), on=evil)
    page = plait.show(data).to_html()
    assert "<script>hacked" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;hacked = true&lt;/script&gt;") >= 4  # key, value, column, notice


def test_a_terminal_too_narrow_for_the_table_gets_it_in_blocks_that_begin_with_the_key(monkeypatch):
    preview = plait.show(dataset(), samples=2)
    monkeypatch.setenv("COLUMNS", "300")
    wide = str(preview).splitlines()
    monkeypatch.setenv("COLUMNS", "70")
    narrow = str(preview).splitlines()
    assert sum(line.startswith("key") for line in wide) == 1
    assert sum(line.startswith("key") for line in narrow) > 1
    assert sum(line.startswith(f"{preview.keys[0]}") for line in narrow) == sum(line.startswith("key") for line in narrow)


def test_a_key_cannot_command_the_terminal():
    source = plait.Arrays(x=np.arange(2.0), key=["\x1b[31mred", "b"])
    assert "\x1b" not in str(plait.show(plait.Dataset(inputs={"x": source})))


def test_keys_of_several_parts_are_shown_with_all_of_them():
    keys = plait.Keys({"site": np.array(["oslo", "bern"]), "id": np.array([7, 8])})
    source = plait.Arrays(x=np.arange(2.0), key=keys)
    assert "oslo / 7" in str(plait.show(plait.Dataset(inputs={"x": source})))


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    preview = plait.show(dataset(), samples=2)
    frame = preview._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert 'sandbox=""' in frame
    inner = re.search(r'srcdoc="(.*?)"', frame, re.DOTALL)
    assert inner is not None and html.unescape(inner[1]) == preview.to_html()


def test_only_a_data_set_can_be_shown():
    with pytest.raises(plait.ArgumentError, match=r"show\(\) takes a plait.Dataset, not a Arrays. Write plait.Dataset\(inputs="):
        plait.show(trial())


@pytest.mark.parametrize("samples", [0, -1, True, 2.5])
def test_a_number_of_samples_that_cannot_be_meant_is_an_error(samples):
    with pytest.raises(plait.ArgumentError, match=f"samples={samples}: a positive number of samples to show is needed"):
        plait.show(dataset(), samples=samples)


def test_a_data_set_without_samples_is_an_error():
    with pytest.raises(plait.ArgumentError, match=r"The data set has no samples to show; print\(data.join\) says what was dropped"):
        plait.show(dataset().take([]))


def test_a_page_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(plait.ReadError, match="The page cannot be written to '.*nowhere.batch.html': No such file or directory"):
        plait.show(dataset(), html=tmp_path / "nowhere" / "batch.html")
