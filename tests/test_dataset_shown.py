"""What print(data) says."""

from __future__ import annotations

import numpy as np

import plait

nan = np.nan


def test_samples_that_were_dropped_are_counted_once():
    arrays = plait.Arrays(
        a=np.array([0.0, nan, nan, 3, 4, 5]), b=np.array([0.0, 1, nan, nan, 4, 5]), y=np.array([nan, nan, nan, nan, nan, 5])
    )
    data = plait.Dataset(
        inputs={"a": arrays["a"], "b": arrays["b"]}, targets={"y": arrays["y"]}, missing={"a": "drop", "b": "drop", "y": "mask"}
    )
    assert len(data) == 3
    assert "dropped when joined: 3 samples without a or b; print(data.join) says which" in str(data)
    assert "2 missing, weight 0" in str(data)
    assert "dropped when joined: 3 samples" in str(data.take([0, 2]))


def test_nothing_is_said_where_nothing_was_dropped():
    arrays = plait.Arrays(a=np.arange(3.0), y=np.array([1, nan, 2]))
    assert "dropped" not in str(plait.Dataset(inputs={"a": arrays["a"]}, targets={"y": arrays["y"]}, missing="mask"))
