"""What compare finds in data whose faults are known. Every figure has a fixed seed; failure rates were counted on other seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compared import columns, dataset, real, shuffled

import plait
from plait.errors import ArgumentError, SpecError

ROWS = 400


def levels(report: plait.Report, *ids: str) -> list[str]:
    return [f.level for f in report if f.id in ids]


def only(report: plait.Report, id: str) -> plait.Finding:
    found = [f for f in report if f.id == id]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def independent():
    return plait.compare(real(ROWS, 0), shuffled(ROWS, 1), train=real(ROWS, 2))


@pytest.fixture(scope="module")
def fresh():
    return plait.compare(real(ROWS, 0), real(ROWS, 1), train=real(ROWS, 2))


@pytest.fixture(scope="module")
def copied():
    train = real(ROWS, 2)
    return plait.compare(real(ROWS, 0), train, train=train)


def test_independent_columns_are_told_from_real_rows(independent):
    found = only(independent, "detection")
    assert found.level == "fail"
    assert found.values["low"] > 0.9 and abs(found.values["place"]) < 0.1
    assert not independent


def test_independent_columns_fail_where_the_targets_should_belong_together(independent):
    assert "fail" in levels(independent, "dependence") and "fail" in levels(independent, "utility-chain")


def test_column_scores_are_blind_to_what_is_wrong_with_independent_columns(independent):
    """Every column passes, by the very table that the trees tell from real rows."""
    assert "fail" not in levels(independent, "marginals")
    assert "fail" not in levels(independent, "rare", "tails")


def test_pairs_are_blind_to_what_three_columns_say_together():
    """z is x times y in sign: each column and each pair is as if independent. The trees see it, the pairs don't."""

    def parity(rows, seed, broken):
        rng = np.random.default_rng(seed)
        x, y, size = rng.normal(size=rows), rng.normal(size=rows), np.abs(rng.normal(size=rows))
        source = plait.Arrays(x=x, y=y, z=size * np.sign(rng.normal(size=rows) if broken else x * y))
        return plait.Dataset(inputs={"x": source["x"], "y": source["y"]}, targets={"z": source["z"]})

    report = plait.compare(parity(ROWS, 0, False), parity(ROWS, 1, True), train=parity(ROWS, 2, False))
    assert set(levels(report, "pairs", "pair", "marginals")) <= {"pass", "warn"}
    assert only(report, "detection").level == "fail"


def test_targets_drawn_one_by_one_fail_however_well_the_inputs_tell_each():
    """Noise of the targets in an order of its own, within like inputs: utility of each target stays, dependence between them goes."""
    rows = 1000

    def pair(seed, apart):
        rng = np.random.default_rng(seed)
        x, shared, own = rng.normal(size=rows), rng.normal(size=rows), rng.normal(size=rows)
        source = plait.Arrays(x=x, a=2 * x + shared, b=x**2 + (own if apart else 0.9 * shared + 0.4 * own))
        return plait.Dataset(inputs={"x": source["x"]}, targets={"a": source["a"], "b": source["b"]})

    report = plait.compare(pair(0, False), pair(1, True), train=pair(2, False))
    assert levels(report, "dependence") == ["fail"] and levels(report, "dependence-form") != ["pass"]
    assert levels(report, "utility")[0] == "pass"
    assert levels(report, "utility-chain") != ["pass"]
    found = only(report, "dependence")
    assert found.values["real"] == pytest.approx(0.9 / np.hypot(0.9, 0.4), abs=0.08)
    assert found.values["synthetic"] == pytest.approx(0, abs=0.08)


def test_fresh_real_rows_pass(fresh):
    """None of 40 other triples of seeds had a report that fails, of some 26 figures each."""
    assert fresh, fresh
    assert only(fresh, "detection").level == "pass"


def test_training_rows_handed_out_again_fail_privacy_and_nothing_else(copied):
    assert levels(copied, "near", "copies", "membership") == ["fail"] * 3
    assert {f.id for f in copied.failures} == {"near", "copies", "membership"}
    assert all("This is not a privacy guarantee." in f.message for f in copied if f.id in ("near", "copies", "membership"))


def test_every_figure_has_an_interval_and_stands_between_a_floor_and_a_ceiling(fresh):
    measured = [f for f in fresh if "place" in f.values]
    assert len(measured) >= 20
    for finding in measured:
        ends = [finding.values, finding.values["floor"], finding.values["ceiling"]]
        assert all(end["low"] <= end["value"] <= end["high"] for end in ends), finding
    assert not [f for f in fresh if "nan" in f.message.lower()]


def test_figures_of_one_question_have_labels_of_their_own(fresh):
    labels = [f.about for f in fresh if f.id in ("precision", "recall", "density", "coverage")]
    assert labels == ["coverage, precision", "coverage, recall", "coverage, density", "coverage"]


def test_the_same_seed_gives_the_same_report(fresh):
    again = plait.compare(real(ROWS, 0), real(ROWS, 1), train=real(ROWS, 2))
    assert again.to_json() == fresh.to_json() and again.to_html() == fresh.to_html()


def test_json_holds_numbers_only_where_numbers_are(fresh, tmp_path):
    text = fresh.to_json(tmp_path / "report.json")
    found = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    assert found["passed"] is True
    assert {"conditions", "detection", "dependence", "utility", "near", "pairs", "marginals"} <= {f["id"] for f in found["findings"]}


def test_what_gives_the_table_away_is_named_by_column_and_by_row():
    wrong = columns(ROWS, 1)
    wrong["dose"] = wrong["dose"] + 0.5
    found = only(plait.compare(real(ROWS, 0), dataset(wrong), train=real(ROWS, 2)), "detection")
    assert found.values["columns"][0]["name"] == "dose" and "dose gives most of it away" in found.message
    rows = found.values["giveaways"]["synthetic"]
    assert all(0 <= row["key"] < ROWS and row["suspicion"] > 0.9 for row in rows)


def test_without_training_rows_the_report_says_what_cannot_be_judged():
    report = plait.compare(real(150, 0), real(150, 0))
    found = only(report, "privacy")
    assert found.level == "warn"
    assert "100.00% of the synthetic rows are a row of `real` to the last digit" in found.message
    assert "nothing here tells learning from copying" in found.message
    assert found.remedy == "plait.compare(test, fake, train=train)"


def test_training_rows_given_as_unseen_ones_are_noticed():
    train = real(150, 0)
    report = plait.compare(train, real(150, 1), train=train)
    assert only(report, "privacy").level == "fail"
    assert "Privacy can't be judged: 100% of the real rows given as unseen are rows of `train`" in only(report, "privacy").message
    assert "the other half of real" in only(report, "conditions").message


def test_a_holdout_stands_for_fresh_real_data_and_for_unseen_rows():
    report = plait.compare(real(150, 0), real(150, 1), train=real(150, 2), holdout=real(150, 3))
    assert "Fresh real data: holdout." in only(report, "conditions").message
    assert only(report, "near").level == "warn"  # unlike, but too few rows to pass


def test_levels_that_are_lacking_and_levels_that_were_made_up_are_named():
    wrong = columns(ROWS, 1)
    wrong["site"] = np.where(wrong["site"] == "east", "mars", wrong["site"])
    found = only(plait.compare(real(ROWS, 0), dataset(wrong), train=real(ROWS, 2)), "rare")
    assert found.level == "fail"
    assert "lack site = east" in found.message and "have site = mars" in found.message


def test_sixty_rows_are_judged_with_wide_intervals_and_say_so():
    report = plait.compare(real(60, 0), real(60, 1), train=real(60, 2))
    assert report, report
    assert "only coarse faults can be seen" in only(report, "conditions").message
    assert "more rows would tell" in [f.remedy for f in report]


def test_one_target_or_none_has_no_dependence_between_targets():
    def few(seed, targets):
        rng = np.random.default_rng(seed)
        source = plait.Arrays(x=rng.normal(size=200), y=rng.normal(size=200))
        return plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]} if targets else {})

    one = only(plait.compare(few(0, True), few(1, True), train=few(2, True)), "dependence")
    assert (one.level, "not applicable, as one target is a column, 'y'." in one.message) == ("pass", True)
    none = plait.compare(few(0, False), few(1, False), train=few(2, False))
    assert "no target is a column" in only(none, "dependence").message and "no target is a column" in only(none, "utility").message


def test_columns_without_spread_or_without_values_are_findings_not_errors():
    def odd(seed, empty=True):
        rng = np.random.default_rng(seed)
        values = columns(300, seed) | {"dose": np.full(300, np.nan if empty else 5.0), "pressure": np.zeros(300)}
        values["age"] = np.where(rng.random(300) < 0.4, np.nan, values["age"])
        return dataset(values)

    report = plait.compare(odd(0), odd(1), train=odd(2))
    said = {f.about: f for f in report if f.id == "marginals"}
    assert said["dose"].message == "has no value, in real and synthetic rows alike."
    assert "of the real ones" in said["age"].message
    assert "not applicable, as all real rows to test on have the value 0" in " ".join(f.message for f in report if f.id == "utility")
    lacking = plait.compare(odd(0, empty=False), odd(1), train=odd(2, empty=False))
    assert "can't be compared: no synthetic row has a value of it." in [f.message for f in lacking.failures]


def test_a_question_that_cannot_be_answered_is_a_failed_finding_which_says_why():
    few = plait.compare(real(12, 0), real(12, 1), train=real(12, 2))
    reasons = " ".join(f.message for f in few.failures)
    assert "Dependence between pressure and severity can't be measured: fewer than 30 rows hold both (real 12" in reasons
    assert "Utility for pressure can't be measured: fewer than 20 of the real rows to test on" in reasons
    assert "Privacy can't be measured: there are 12 unseen real rows and 12 training rows; 20 of each are needed." in reasons
    assert "Tails can't be measured" in reasons
    assert "Coverage can't be measured: 8 rows" in " ".join(f.message for f in plait.compare(real(16, 0), real(8, 1)).failures)


def test_data_sets_that_do_not_go_together_are_errors_that_name_the_streams():
    data, values = real(50, 0), columns(50, 1)
    source = plait.Arrays(**values)
    lacking = plait.Dataset(inputs={"age": source["age"], "site": source["site"]}, targets={n: source[n] for n in ("pressure",)})
    with pytest.raises(
        SpecError, match=r"the inputs of real are \['age', 'pulse', 'site', 'dose'\], and synthetic lacks \['pulse', 'dose'\]"
    ):
        plait.compare(data, lacking)
    swapped = plait.Dataset(
        inputs={n: source[n] for n in ("age", "pulse", "site", "dose", "severity")}, targets={"pressure": source["pressure"]}
    )
    with pytest.raises(SpecError, match=r"and train has \['severity'\] besides"):
        plait.compare(data, real(50, 2), train=swapped)
    words = dataset(values | {"dose": np.array(["low"] * 50)})
    with pytest.raises(SpecError, match=r"'dose' is \(\) float64 in real and \(\) text in synthetic. Both must have the same shape"):
        plait.compare(data, words)


def test_of_data_without_end_the_first_rows_are_taken():
    def draw(rng, x):
        return rng.normal(x, 1)

    graph = plait.Graph({"x": lambda rng, n: rng.normal(size=n), "a": draw, "b": draw}, inputs=["x"], targets=["a", "b"])
    report = plait.compare(graph.sample(150, seed=0), graph.stream(seed=1), train=graph.sample(150, seed=2), rows=120)
    assert report, report
    assert "150 real, 120 synthetic, 150 train samples; 120 of each" in only(report, "conditions").message


def test_arguments_that_cannot_be_meant_are_errors():
    data = real(50, 0)
    with pytest.raises(ArgumentError, match=r"compare\(synthetic=\.\.\.\) takes a plait.Dataset, not a dict"):
        plait.compare(data, columns(50, 1))
    with pytest.raises(ArgumentError, match=r"compare\(train=\.\.\.\) has 4 samples; 8 are the least that can be compared"):
        plait.compare(data, data, train=data.take(range(4)))
    with pytest.raises(ArgumentError, match=r"compare\(rows=3\): a whole number of at least 10 is needed"):
        plait.compare(data, data, rows=3)
    with pytest.raises(ArgumentError, match=r"compare\(seed=0.5\): a whole number of at least 0 is needed"):
        plait.compare(data, data, seed=0.5)
