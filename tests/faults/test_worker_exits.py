"""A worker that leaves, runs out of memory or raises: the first two are replaced, the last raises here, at its place, for ever."""

from __future__ import annotations

import pytest
from feeding import content, fed, feeder, harmful, making

import plait


@pytest.mark.parametrize(("how", "said"), [("exit", "status 3"), ("leave", "status 0"), ("memory", "ran out of memory (MemoryError)")])
def test_one_that_leaves_is_replaced_and_one_that_always_leaves_is_explained(tmp_path, how, said):
    made = making(harmful(how, once=tmp_path / "left"))
    assert [content(b) for b in fed(made, by=feeder(1))] == [content(b) for b in fed(made)]
    assert (tmp_path / "left").exists()
    if how == "leave":
        return  # the others show what is said
    with pytest.raises(plait.WorkerError, match="die on sample 'p050' of batch") as caught:
        list(fed(making(harmful(how)), by=feeder(1)))
    assert said in str(caught.value)


@pytest.mark.parametrize(("workers", "processes"), [(2, True), (2, False), (0, False)])
def test_an_exception_comes_at_its_place_with_the_stack_of_the_worker_and_does_not_go_away(workers, processes):
    def odd(v):
        if 50 in v:
            raise ValueError("no such luck")
        return v

    made = making(harmful("raise", row=None).map(odd, on="v"), shuffle=False)
    results = made_by = feeder(workers, processes).run(made, (range(n, n + 1) for n in range(13)), batches=13)
    assert [next(results)[0].inputs["v"][0] for _ in range(6)] == [0, 8, 16, 24, 32, 40]
    for _ in range(3):  # a normal end here would be samples lost without a word
        with pytest.raises(plait.TransformError, match="Step odd on 'v', sample 'p050' raised ValueError: no such luck") as caught:
            next(made_by)
    notes = "\n".join(caught.value.__notes__)
    assert "in batch 6 of the Loader" in notes
    assert ("in worker process" in notes) == processes
    assert ("in odd" in notes) == processes, "the stack of the worker"
