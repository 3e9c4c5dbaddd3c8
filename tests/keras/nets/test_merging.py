"""Branches are merged when their shapes go together; when not, the message names the two, both shapes and the line to write."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError

VECTOR, WIDE, SERIES, MAP = (8,), (12,), (5, 8), (4, 4, 8)


def inputs(**shapes):
    return {name: keras.Input(shape, name=name) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("how", "a", "b", "out"),
    [
        ("concatenate", VECTOR, WIDE, (20,)),
        ("concatenate", MAP, (4, 4, 1), (4, 4, 9)),
        ("add", SERIES, SERIES, SERIES),
        ("multiply", MAP, MAP, MAP),
        ("film", MAP, WIDE, MAP),
        ("film", VECTOR, SERIES, SERIES),
        ("film", VECTOR, WIDE, VECTOR),
        ("gated", VECTOR, WIDE, VECTOR),
        ("gated", SERIES, (5, 3), SERIES),
        ("attention", MAP, WIDE, MAP),
        ("attention", VECTOR, (7, 3), (7, 8)),
        ("attention", VECTOR, WIDE, VECTOR),
        (keras.layers.Maximum(), MAP, MAP, MAP),
        (keras.layers.Concatenate(axis=1), (2, 8), SERIES, (7, 8)),
        (lambda branches: keras.layers.Dense(3)(branches["a"]), VECTOR, WIDE, (3,)),
    ],
)
def test_branches_that_go_together_are_merged(how, a, b, out):
    options = {"width": 8} if how == "attention" else {}
    assert plait.nets.merge(inputs(a=a, b=b), how, **options).shape == (None, *out)


@pytest.mark.parametrize(
    ("how", "photo", "caption", "words"),
    [
        ("add", (8, 8, 4), (4,), "'photo' is (8, 8, 4) and branch 'caption' is (4,)"),
        (
            "add",
            (8, 8, 4),
            (4,),
            "Write keras.layers.GlobalAveragePooling2D()(photo), or merge='film', in which 'caption' modulates",
        ),
        (
            "multiply",
            (100,),
            (1,),
            "(1,); it takes branches of the same shape; Keras spreads one over the other without a word where it can",
        ),
        ("multiply", (100,), (1,), "Write keras.layers.Dense(100)(caption), or merge='concatenate'."),
        ("add", (100, 1), (100,), "Write keras.layers.Reshape((100,))(photo)."),
        (
            "add",
            (100, 1),
            (1,),
            "Write keras.layers.GlobalAveragePooling1D()(photo), or keras.layers.RepeatVector(100)(caption), or merge=",
        ),
        ("concatenate", (8, 8, 4), (4, 4, 4), "it takes branches that are equal on every axis but the last"),
        ("concatenate", (8, 8, 4), (4, 4, 4), "Write keras.layers.Resizing(8, 8)(caption), or pool both: keras.layers.GlobalAverage"),
        ("concatenate", (100, 2), (20, 8), "Write merge='attention', or pool both: keras.layers.GlobalAveragePooling1D()(photo) and keras"),
        ("concatenate", (8, 8, 4), (20, 4), "Write keras.layers.Reshape((64, 4))(photo), or merge='attention'"),
        ("gated", (8, 8, 4), (4,), "merge='gated': branch 'photo' is (8, 8, 4) and branch 'caption' is (4,)"),
        (
            "film",
            (8, 8, 4),
            (20, 4),
            "is modulated by vectors, and branch 'caption' is (20, 4). Write keras.layers.GlobalAveragePooling1D()(c",
        ),
        (
            "attention",
            (3, 4, 5, 6),
            (4,),
            "'photo' is (3, 4, 5, 6); attention takes a vector (width,), a sequence (length, width) or a map",
        ),
        (keras.layers.Add(), (8, 8, 4), (4,), "merge='Add()': branch 'photo' is (8, 8, 4) and branch 'caption' is (4,)"),
        (
            keras.layers.Attention(),
            (10, 32),
            (10, 48),
            "takes sequences (length, width) of equal width. Write keras.layers.Dense(32)(caption)",
        ),
        (keras.layers.Concatenate(), (5, 4), (6, 4), "merge='Concatenate()': branch 'photo' is (5, 4) and branch 'caption' is (6, 4)"),
        (list, (4,), (4,), "gave a list; it is to give one tensor (samples, ...) made of the branches"),
        ("sum", (4,), (4,), "merge='sum' is not known; write one of 'concatenate', 'add', 'multiply', 'film', 'gated', 'attention'"),
        ("add", (4,), (), "branch 'caption' has no axis beside the samples. Write keras.layers.Reshape((1,))(caption)"),
    ],
)
def test_branches_that_do_not_are_named_with_their_shapes_and_the_line_to_write(how, photo, caption, words):
    with pytest.raises(plait.ArgumentError) as error:
        plait.nets.merge(inputs(photo=photo, caption=caption), how)
    assert words in str(error.value)


def test_one_branch_an_unknown_one_and_a_width_that_heads_do_not_divide_are_errors():
    two = inputs(photo=(6,), caption=(6,))
    with pytest.raises(plait.ArgumentError, match=r"merge takes the branches by name, not a list. Write merge\(\{'photo': a"):
        plait.nets.merge(list(two.values()), "add")
    with pytest.raises(plait.ArgumentError, match=r"merge\(heads=0\): a whole number of at least 1 is needed"):
        plait.nets.merge(two, "attention", heads=0)
    with pytest.raises(plait.ArgumentError, match=r"two branches or more are needed, and there is \['photo'\]"):
        plait.nets.merge({"photo": two["photo"]}, "add")
    with pytest.raises(plait.NameUnknownError, match=r"there is no branch 'foto'; the branches are \['photo', 'caption'\]"):
        plait.nets.merge(two, "film", on="foto")
    with pytest.raises(plait.ArgumentError, match="width=6 is not divided by heads=4. Write a width that is: 8."):
        plait.nets.merge(two, "attention")


def test_options_of_another_merge_and_masks_of_another_length_are_errors():
    branches = inputs(a=SERIES, b=SERIES)
    for how in ("add", "gated", keras.layers.Maximum()):
        with pytest.raises(ArgumentError, match=r"merge\(on=...\) is for 'film' and 'attention', and this merge is .* Leave on= out"):
            plait.nets.merge(branches, how, on="a")
    mask = keras.Input((5,), dtype="bool")
    with pytest.raises(ArgumentError, match=r"merge\(masks=...\) is for 'attention', and this merge is 'film'"):
        plait.nets.merge(inputs(a=SERIES, b=VECTOR), "film", masks={"a": mask})
    for wrong in (keras.Input((4,), dtype="bool"), keras.Input((5, 8), dtype="bool")):
        with pytest.raises(ArgumentError, match=r"mask of 'b' has the shape .* a sample, and 'b' has .5, 8.; a mask has a value for each"):
            plait.nets.merge(branches, "attention", masks={"b": wrong})
    assert plait.nets.merge(branches, "add", masks={"b": None}).shape == (None, *SERIES)
    assert plait.nets.merge(branches, "attention", masks={"b": mask, "a": None}).shape == (None, *SERIES)


def test_keras_still_broadcasts_in_silence_what_merge_refuses():
    for a, b in [((100, 1), (1,)), ((8, 8, 4), (4,)), ((100,), (1,))]:
        two = inputs(a=a, b=b)
        assert keras.layers.Add()(list(two.values())).shape == (None, *a)
        with pytest.raises(plait.ArgumentError, match="takes branches of the same shape"):
            plait.nets.merge(two, "add")


def test_film_changes_nothing_at_first_and_something_once_it_has_learned():
    rng = np.random.default_rng(0)
    two = inputs(photo=MAP, caption=WIDE)
    model = keras.Model(two, plait.nets.merge(two, "film"))
    photo, caption = rng.normal(size=(3, *MAP)).astype("float32"), rng.normal(size=(3, *WIDE)).astype("float32")
    given = {"photo": photo, "caption": caption}
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(given)), photo, atol=1e-6)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    changed = keras.ops.convert_to_numpy(model(given))
    scale = (changed[0, 0, 0] - changed[0, 1, 1]) / (photo[0, 0, 0] - photo[0, 1, 1])  # one scale and shift a channel, wherever it is
    np.testing.assert_allclose((changed[0] - changed[0, 0, 0]), scale * (photo[0] - photo[0, 0, 0]), rtol=1e-2, atol=1e-3)


def test_attention_passes_over_what_the_mask_leaves_out():
    two, mask = inputs(asks=(4, 8), told=(6, 8)), keras.Input((6,), dtype="bool", name="mask")
    model = keras.Model([*two.values(), mask], plait.nets.merge(two, "attention", on="asks", masks={"told": mask}))
    rng = np.random.default_rng(0)
    asks, told = rng.normal(size=(2, 4, 8)).astype("float32"), rng.normal(size=(2, 6, 8)).astype("float32")
    there = np.arange(6) < np.array([[6], [3]])
    first = keras.ops.convert_to_numpy(model([asks, told, there]))
    told[:, 3:] += 100
    second = keras.ops.convert_to_numpy(model([asks, told, there]))
    assert np.abs(first[0] - second[0]).max() > 0.01
    np.testing.assert_allclose(first[1], second[1], atol=1e-6)
