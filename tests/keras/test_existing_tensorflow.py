"""A `tf.data.Dataset` that a user already has becomes a data set."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import plait
from plait.ragged import Ragged

X, Y = np.arange(20, dtype=np.float32).reshape(10, 2), (np.arange(10) % 2).astype(np.float32)


@pytest.mark.parametrize("batched", [True, False])
def test_a_tf_data_set_is_read_whether_batched_or_not(batched):
    made = tf.data.Dataset.from_tensor_slices(({"x": X}, {"y": Y}))
    data = plait.Dataset.of(made.batch(4) if batched else made)
    np.testing.assert_array_equal(data["x"].values(), X)
    np.testing.assert_array_equal(data["y"].values(), Y)


def test_batches_whose_size_is_static_have_to_be_called_batches():
    made = tf.data.Dataset.from_tensor_slices((X, X + 1)).batch(5, drop_remainder=True)
    with pytest.raises(plait.ArgumentError, match=r"every part begins with an axis of 5. Say what that is: batched=True for batches of 5"):
        plait.Dataset.of(made)
    np.testing.assert_array_equal(plait.Dataset.of(made, batched=True)["target"].values(), X + 1)


def test_samples_that_look_like_batches_have_to_be_called_samples():
    image, mask = np.ones((3, 8, 8, 3), np.float32), np.zeros((3, 8, 8, 1), np.float32)
    made = tf.data.Dataset.from_tensor_slices((image, mask))
    with pytest.raises(plait.ArgumentError, match="every part begins with an axis of 8"):
        plait.Dataset.of(made)
    assert plait.Dataset.of(made, batched=False).inputs["input"].shape == (8, 8, 3)


def test_a_shuffled_tf_data_set_is_one_pass_with_pairs_kept():
    data = plait.Dataset.of(tf.data.Dataset.from_tensor_slices((np.arange(10.0), np.arange(10.0) * 2)).shuffle(10, seed=1).batch(4))
    x, y = data["input"].values(), data["target"].values()
    assert sorted(x) == list(range(10)) and list(x) != sorted(x)
    np.testing.assert_array_equal(y, x * 2)


def test_text_and_ragged_tensors_keep_their_meaning():
    words = tf.ragged.constant([[1, 2, 3], [4], [5, 6]])
    made = tf.data.Dataset.from_tensor_slices(({"words": words, "name": ["a", "é", "c"]}, [0, 1, 0])).batch(2)
    data = plait.Dataset.of(made)
    column = data["words"].values()
    assert isinstance(column, Ragged) and [list(row) for row in column] == [[1, 2, 3], [4], [5, 6]]
    assert list(data["name"].values()) == ["a", "é", "c"]


def test_samples_of_unequal_length_from_a_tf_generator_become_ragged():
    signature = (tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.float32))
    made = tf.data.Dataset.from_generator(lambda: ((np.arange(n), n) for n in (3, 1, 2)), output_signature=signature)
    assert list(plait.Dataset.of(made)["input"].values().lengths) == [3, 1, 2]


def test_padded_batches_of_tf_data_become_ragged():
    made = tf.data.Dataset.from_generator(lambda: (np.ones(n) for n in (3, 1, 2)), output_signature=tf.TensorSpec((None,), tf.float32))
    column = plait.Dataset.of(made.padded_batch(2))["input"].values()
    assert list(column.lengths) == [3, 3, 2]


def test_doubly_ragged_and_sparse_tensors_are_refused():
    deep = tf.ragged.constant([[[1], [2, 3]], [[4]]])
    with pytest.raises(plait.SpecError, match="'input' of element 0 is ragged in more than one axis"):
        plait.Dataset.of(tf.data.Dataset.from_tensor_slices((deep, [0, 1])).batch(2))
    sparse = tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(X), Y)).batch(2)
    with pytest.raises(plait.SpecError, match="'input' of element 0 is a SparseTensor; numbers, text or arrays of them are needed"):
        plait.Dataset.of(sparse)


def test_bytes_that_are_no_text_are_refused():
    made = tf.data.Dataset.from_tensor_slices(([b"\xff\xd8\xff"], [1.0])).batch(1)
    with pytest.raises(plait.SpecError, match="holds bytes that are no UTF-8 text; decode them before"):
        plait.Dataset.of(made)


def test_a_repeated_tf_data_set_needs_a_number_of_samples():
    made = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).repeat()
    with pytest.raises(plait.ArgumentError, match=r"tf.data.Dataset has no end. Say how many samples to read: samples="):
        plait.Dataset.of(made)
    assert len(plait.Dataset.of(made, samples=13)) == 13


def test_an_empty_tf_data_set_is_refused():
    with pytest.raises(plait.ArgumentError, match=r"tf.data.Dataset holds no samples"):
        plait.Dataset.of(tf.data.Dataset.from_tensor_slices((X[:0], Y[:0])).batch(4))
