"""A worker process that is killed is replaced and its batch made again: nothing lost, nothing repeated, the same bytes in the same order.

PLAIT_KILL_SCHEDULES says how many random schedules are tried; some of the seeds are printed with what was counted.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from feeding import content, fed, feeder, harmful, making, table

import plait

SCHEDULES = int(os.environ.get("PLAIT_KILL_SCHEDULES", "4"))


def test_kills_at_random_moments_lose_and_repeat_nothing(capsys):
    made = making(table())
    expected = [content(batch) for batch in fed(made)]
    totals = dict.fromkeys(("kills", "replaced", "lost", "repeated", "wrong"), 0)
    slowest = 0.0
    for seed in range(SCHEDULES):
        rng = random.Random(seed)
        by = feeder(rng.choice((1, 2, 4)))
        moments = {rng.randrange(len(expected)) for _ in range(rng.randint(1, 5))}
        pool = by.pool(made)
        by.park(pool)
        got = []
        for number, batch in enumerate(fed(made, by=by)):
            got.append(content(batch))
            if number in moments:
                time.sleep(rng.random() * 0.006)
                os.kill(rng.choice(pool.pids), signal.SIGKILL)
                totals["kills"] += 1
                begin = time.monotonic()
            elif number - 1 in moments:
                slowest = max(slowest, time.monotonic() - begin)
        totals["replaced"] += pool.replaced
        totals["lost"] += sum(batch not in got for batch in expected)
        totals["repeated"] += len(got) - len({str(batch) for batch in got})
        totals["wrong"] += sum(a != b for a, b in zip(got, expected, strict=True))
        pool.close()
    with capsys.disabled():
        print(f"\n{SCHEDULES} schedules: {totals}; slowest batch after a kill {slowest:.2f} s")
    assert totals["lost"] == totals["repeated"] == totals["wrong"] == 0
    assert 0 < totals["replaced"] <= totals["kills"]


def test_all_workers_killed_at_once_and_while_they_start():
    made = making(table())
    by = feeder(3)
    pool = by.pool(made)
    for pid in pool.pids:  # none has begun
        os.kill(pid, signal.SIGKILL)
    by.park(pool)
    results = fed(made, by=by)
    got = [content(next(results)) for _ in range(3)]
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
    got += [content(batch) for batch in results]
    assert got == [content(batch) for batch in fed(made)]
    assert pool.replaced >= 4
    pool.close()


@pytest.mark.parametrize(("how", "said"), [("kill", "SIGKILL, as where memory runs out"), ("crash", "SIGSEGV, a crash in native code")])
def test_a_sample_that_ends_every_worker_is_named_and_never_a_normal_end(how, said):
    made = making(harmful(how), shuffle=False)
    results = fed(made, by=feeder(2))
    assert [next(results).inputs["v"][0] for _ in range(6)] == [0, 8, 16, 24, 32, 40]
    with pytest.raises(plait.WorkerError) as caught:
        next(results)
    text = str(caught.value)
    assert text.startswith(
        "Worker processes die on sample 'p050' of batch 6: 3 of them, one after the other, died there, and one that made "
    )
    assert said in text
    assert "in 'v' (Harmful). Mend the sample or what reads it, or leave it out: data.take(" in text
    if how == "crash":
        assert "feeding.py" in "".join(caught.value.__notes__), "the stack of the crash"


def test_a_sample_that_kills_one_worker_is_made_by_the_next(tmp_path):
    made = making(harmful("kill", once=tmp_path / "dead"))
    assert [content(b) for b in fed(made, by=feeder(2))] == [content(b) for b in fed(made)]
    assert (tmp_path / "dead").exists()
