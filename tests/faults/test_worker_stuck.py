"""A worker that hangs is ended and its batch tried once more; then, and on a thread at once, an error names the samples."""

from __future__ import annotations

import time

import pytest
from feeding import content, fed, feeder, harmful, making

import plait


def test_a_process_that_hangs_once_is_replaced(tmp_path):
    made = making(harmful("hang", once=tmp_path / "hung"))
    begin = time.monotonic()
    assert [content(b) for b in fed(made, by=feeder(2, timeout=1.0))] == [content(b) for b in fed(made)]
    assert (tmp_path / "hung").exists()
    assert 1 <= time.monotonic() - begin < 15


def test_a_sample_that_always_hangs_is_named_with_the_place_where(tmp_path):
    begin = time.monotonic()
    with pytest.raises(plait.WorkerError) as caught:
        list(fed(making(harmful("hang"), shuffle=False), by=feeder(2, timeout=0.7)))
    assert time.monotonic() - begin < 20
    assert str(caught.value).startswith(
        "Worker processes hang on sample 'p050' of batch 6: 2 of them, one after the other, hung there, and one that made this sample "
        "alone took longer than half of timeout=0.7 s, with the streams 'v' (Harmful), 'w' (Harmful). Mend the sample"
    )
    assert "in harm" in "".join(caught.value.__notes__)


def test_a_batch_that_is_only_slow_is_not_blamed_on_a_sample():
    def slow(v):
        time.sleep(0.12 * len(v))
        return v

    made = making(harmful("raise", row=None).map(slow, on="v"), shuffle=False)
    with pytest.raises(plait.WorkerError, match=r"longer than timeout=0.8 s for batch 0, 2 times, and none of its samples takes so long"):
        next(fed(made, by=feeder(1, timeout=0.8)))


def test_a_thread_that_hangs_is_left_behind_with_its_samples_named():
    source = harmful("hang")
    made = making(source, shuffle=False)
    source.origin("v").source.at_home = -1  # harm this process too
    source.origin("v").source.how = "nap"
    begin = time.monotonic()
    results = fed(made.__class__(source.map(nap, on="v"), made.order, made.emission, 0), by=feeder(2, False, timeout=0.5))
    for _ in range(2):
        with pytest.raises(plait.WorkerError) as caught:
            list(results)
        text = str(caught.value)
        assert text.startswith("Batch 6 took longer than timeout=0.5 s on a thread, which cannot be ended. It reads 'v' (Harmful")
        assert "of the samples 'p048', 'p049', 'p050'," in text
        break
    assert time.monotonic() - begin < 5


def nap(v):
    if 50 in v:
        time.sleep(3)
    return v
