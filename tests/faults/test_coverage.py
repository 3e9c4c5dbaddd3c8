"""Every sample exactly once an epoch over all shards, and an audit that would notice if not; the same bytes wherever a sample is made."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import plait
from plait.audit import audit_report
from plait.emit import Emission
from plait.keys import Keys
from plait.ledger import Handed
from plait.making import Making
from plait.order import Balanced, Bucketed, Onward, Order, Pick, Uniform


def test_any_number_of_samples_on_any_number_of_hosts_comes_once_in_equal_steps():
    """Hosts 1..8, samples 1..200: all 1,600 pairs."""
    batch = 8
    for hosts in range(1, 9):
        for samples in range(1, 201):
            shuffle = samples % 5 == 0  # which samples fall to whom is decided before they are shuffled
            orders = [Uniform(samples, batch, "pad", (index, hosts), 7, shuffle) for index in range(hosts)]
            steps = -(-samples // (batch * hosts))
            assert {order.per_pass for order in orders} == {steps}
            picks = [order.together(range(steps, 2 * steps)) for order in orders]  # the second pass
            seen = []
            for pick in picks:
                assert len(pick.rows) == steps * batch and len(pick.real) == steps
                seen += [row for start, real in zip(pick.cuts, pick.real, strict=False) for row in pick.rows[start : start + real]]
            assert sorted(seen) == list(range(samples)), (hosts, samples)
            if samples % 29 == 0:
                handed = Handed()
                handed.begin(0)[1] += 2 * steps
                assert audit_report(orders[0], Keys.range(samples), handed, 0)


@pytest.mark.parametrize("hosts", [1, 3, 8])
@pytest.mark.parametrize("samples", [1, 7, 50])
def test_padding_has_weight_0_and_is_finite(hosts, samples):
    arrays = plait.Arrays(x=np.random.default_rng(0).random((samples, 2)), row=np.arange(samples))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"row": arrays["row"]})
    seen = []
    for index in range(hosts):
        order = Uniform(samples, 4, "pad", (index, hosts), 1, True)
        for batch in Making(data, order, Emission(data, None, padded=True), 1)(range(order.per_pass)):
            assert len(batch.inputs["x"]) == 4 and np.isfinite(batch.inputs["x"]).all()
            seen += batch.targets["row"][batch.weights["row"] > 0].tolist()
    assert sorted(seen) == list(range(samples))


def test_orders_of_every_kind_are_audited():
    lengths = np.random.default_rng(0).integers(1, 9, 50)
    bucketed = Bucketed(lengths, [3, 9], 4, "pad", (1, 3), 0, True)
    assert audit_report(bucketed, None, Handed(), 0)
    balanced = audit_report(Balanced(np.arange(50) % 7 // 6, 4, "keep", (0, 1), 0), None, Handed(), 0)
    assert balanced and "so a sample comes 0 to" in balanced.warnings[0].message
    handed = Handed()
    handed.begin(0)[1] += 7
    assert "batches 0 to 6 were handed out, each once, and it goes on" in str(audit_report(Onward(4, (0, 2)), None, handed, 0))


class Faulty(Order):
    """Loses the sample of the last place and brings the first twice."""

    samples = 20
    per_pass = 5

    def picks(self, steps):
        return [Pick(np.arange(step % 5 * 4, step % 5 * 4 + 4) % 19, 4, 0) for step in steps]


def test_an_audit_names_the_samples_that_are_missing_or_repeated():
    report = audit_report(Faulty(4, "keep", (0, 1)), Keys.of([f"k{i}" for i in range(20)]), Handed(), 0)
    assert not report and [f.id for f in report.failures] == ["missing", "repeated"]
    assert "1 of 20 samples never come: ['k19']" in str(report) and "1 of 20 samples come several times: ['k0']" in str(report)


def test_an_audit_names_batches_that_were_left_out_or_given_twice():
    order, handed = Uniform(20, 4, "keep", (0, 1), 0, False), Handed()
    handed.begin(0)[1] += 3
    handed.begin(4)[1] += 3
    handed.begin(6)[1] += 2
    report = audit_report(order, Keys.of([f"k{i}" for i in range(20)]), handed, 3)
    assert "epoch 0: 1 batches were never handed out: [3]; samples ['k12', 'k13', 'k14', 'k15'] of batch 3" in str(report)
    assert "epoch 1: 1 batches were handed out more than once: [6]; samples ['k4', 'k5', 'k6', 'k7'] of batch 6" in str(report)
    assert report.warnings[0].message == "3 samples could not be used; loader.errors lists them"


def test_what_was_handed_out_is_kept_in_a_few_integers():
    handed = Handed()
    for epoch in range(1000):
        handed.begin(epoch * 10)[1] += 10
    for _ in range(1000):
        handed.begin(10_000)[1] += 1
    assert handed.before(10_001) == [[0, 10_000, 1], [10_000, 10_001, 1000]] and len(handed.before(55)) == 1
    assert handed.times(9_998, 10_002).tolist() == [1, 1, 1000, 0]
    again = Handed()
    again.restore(handed.before(10_001))
    again.drop()
    assert again.runs() == [(0, 10_000, 1), (10_000, 10_001, 1000)]


# the same bytes


def noisy() -> plait.Dataset:
    keys = [f"patient {i}" for i in range(40)]
    arrays = plait.Arrays(x=np.linspace(-1, 1, 40 * 3, dtype=np.float32).reshape(40, 3), row=np.arange(40), key=keys)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"row": arrays["row"]})
    data = data.augment(lambda x, rng: x + rng.normal(0, 1, x.shape).astype(np.float32), on="x")
    return data.augment(lambda x, rng: x * rng.integers(1, 5, (len(x), 1)), on="x")


def made(data: plait.Dataset, epochs: int, **order) -> dict[tuple[int, int], bytes]:
    """(epoch, row) -> the sample's bytes as they are fed."""
    out = {}
    batch, shards = order.get("batch", 7), order.get("shards", 1)
    for index in range(shards):
        plan = Uniform(40, batch, "pad", (index, shards), 5, order.get("shuffle", True))
        make = Making(data, plan, Emission(data, None, padded=True), 5)
        for step in range(epochs * plan.per_pass):
            fed = make(range(step, step + 1))[0]
            for row, x, weight in zip(fed.targets["row"], fed.inputs["x"], fed.weights["row"], strict=True):
                if weight:
                    out[step // plan.per_pass, int(row)] = x.tobytes()
    return out


def test_the_bytes_of_a_sample_do_not_depend_on_its_batch_shard_or_neighbours_and_never_change():
    data = noisy()
    expected = made(data, 2)
    for order in ({"batch": 40}, {"batch": 3, "shards": 3}, {"batch": 1, "shuffle": False}):
        assert made(data, 2, **order) == expected
    assert all(expected[0, row] != expected[1, row] for row in range(40))
    content = b"".join(expected[key] for key in sorted(expected))
    # a change here is a change of what a seed draws: raise plait.order.ORDER_VERSION, so that no saved run goes on in another
    assert hashlib.sha256(content).hexdigest() == "7a4589a1eec8070f5bb54fa00781a65744459201a5fd60528cf9aeeae4685b26"
