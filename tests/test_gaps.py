"""What a data set says where streams lack keys or values: what was found, and lines that help when they are written."""

from __future__ import annotations

import re

import numpy as np
import pytest

import plait

IDS = [f"p{n:03d}" for n in range(100)]


def column(name, rows, values=None):
    rows = list(rows)
    return plait.Arrays({name: np.arange(len(rows)) if values is None else values}, key=[IDS[row] for row in rows])


FULL = column("full", range(100))
SHORT = column("short", range(93))  # p093 to p099 are lacking
LATE = column("late", range(5, 100))  # p000 to p004 are lacking
NAN = column("nan", range(100), [np.nan if n % 10 == 0 else 1.0 for n in range(100)])
NULL = column("null", range(100), [None if n % 25 == 0 else n for n in range(100)])
WORDS = column("words", range(100), [None if n == 7 else "a" for n in range(100)])

SHORT_TARGET = (
    "Arrays(full) has 100 samples and Arrays(short) has 93; 7 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
)
HALF_NAN = (
    "Arrays(nan)['nan'] has no value (empty, null or NaN) for 10 of its 100 samples, such as ['p000', 'p010', 'p020', 'p030', 'p040']. "
)
FEW_NULL = "Arrays(null)['null'] has no value (empty, null or NaN) for 4 of its 100 samples, such as ['p000', 'p025', 'p050', 'p075']. "

MESSAGES = {
    "a target lacks keys": (
        {"x": FULL},
        {"y": SHORT},
        "raise",
        SHORT_TARGET + 'Pass missing="drop" to keep the 93 both hold, or missing="mask" to keep all and give absent targets no weight.',
    ),
    "an input lacks keys": (
        {"x": SHORT},
        {"y": FULL},
        "raise",
        "Arrays(short) has 93 samples and Arrays(full) has 100; 7 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        'Pass missing="drop" to keep the 93 both hold. Only targets can be masked.',
    ),
    "an input lacks keys and targets are masked": (
        {"x": SHORT},
        {"y": FULL},
        "mask",
        "Arrays(short) has 93 samples and Arrays(full) has 100; 7 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        'Pass missing="drop" to keep the 93 both hold. Only targets can be masked.',
    ),
    "both lack keys": (
        {"x": LATE},
        {"y": SHORT},
        "raise",
        "Arrays(late) has 95 samples and Arrays(short) has 93; 12 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        "Pass missing=\"drop\" to keep the 88 both hold, or missing={'x': 'drop', 'y': 'mask'} to mask the targets only.",
    ),
    "both lack keys and targets are masked": (
        {"x": LATE},
        {"y": SHORT},
        "mask",
        "Arrays(late) has 95 samples and Arrays(short) has 93; 12 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        "Pass missing={'y': 'mask', 'x': 'drop'} to keep 95 samples. Only targets can be masked.",
    ),
    "one of three lacks keys": (
        {"x": FULL, "z": LATE},
        {"y": SHORT},
        {"z": "drop"},
        "Arrays(full) has 100 samples, Arrays(late) has 95 and Arrays(short) has 93; 7 keys are in some only, such as "
        "['p093', 'p094', 'p095', 'p096', 'p097'] ('y' lacks ['p093', 'p094', 'p095']). Pass missing={'z': 'drop', 'y': 'drop'} to keep "
        "88 samples, or missing={'z': 'drop', 'y': 'mask'} to keep all and give absent targets no weight.",
    ),
    "an input holds NaN": (
        {"x": NAN},
        {"y": FULL},
        "raise",
        HALF_NAN + 'Pass missing="drop" to keep the 90 that lack nothing, or missing="keep" to hand on NaN. Only targets can be masked.',
    ),
    "a target holds NaN": (
        {"x": FULL},
        {"y": NAN},
        "raise",
        HALF_NAN + 'Pass missing="drop" to keep the 90 that lack nothing, or missing="mask" to keep all and give absent targets no weight, '
        'or missing="keep" to hand on NaN.',
    ),
    "a target of integers holds null": (
        {"x": FULL},
        {"y": NULL},
        "raise",
        FEW_NULL + 'Pass missing="drop" to keep the 96 that lack nothing, or missing="mask" to keep all and give absent targets no weight.',
    ),
    "null among integers cannot be kept": (
        {"x": NULL},
        {},
        "keep",
        FEW_NULL + 'Pass missing="drop" to keep the 96 that lack nothing. Only targets can be masked.',
    ),
    "null among text cannot be kept": (
        {"x": WORDS},
        {},
        {"x": "keep"},
        "Arrays(words)['words'] has no value (empty, null or NaN) for 1 of its 100 samples, such as ['p007']. "
        'Pass missing="drop" to keep the 99 that lack nothing. Only targets can be masked.',
    ),
    "a lacking key cannot be kept": (
        {"x": FULL},
        {"y": column("nan", range(93), np.ones(93))},
        "keep",
        "Arrays(full) has 100 samples and Arrays(nan) has 93; 7 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        'Pass missing="drop" to keep the 93 both hold, or missing="mask" to keep all and give absent targets no weight.',
    ),
    "a target lacks keys and holds null": (
        {"x": FULL},
        {"y": column("part", range(93), [None if n == 0 else n for n in range(93)])},
        "raise",
        "Arrays(full) has 100 samples and Arrays(part) has 93; 7 keys are in one only, such as ['p093', 'p094', 'p095', 'p096', 'p097']. "
        "Arrays(part)['part'] also has no value (empty, null or NaN) for 1 of its 93 samples, such as ['p000']. "
        'Pass missing="drop" to keep the 92 that lack nothing, or missing="mask" to keep all and give absent targets no weight.',
    ),
    "no sample lacks nothing": (
        {"x": column("one", range(2), [np.nan, 1.0]), "z": column("two", range(2), [1, None])},
        {},
        "raise",
        "Arrays(one)['one'] has no value (empty, null or NaN) for 1 of its 2 samples, such as ['p000']. Fill 'x' in, or leave it out. "
        "Only targets can be masked.",
    ),
}


@pytest.mark.parametrize(("inputs", "targets", "missing", "message"), MESSAGES.values(), ids=MESSAGES)
def test_what_is_missing_is_told_with_the_lines_to_write(inputs, targets, missing, message):
    with pytest.raises(plait.AlignmentError) as caught:
        plait.Dataset(inputs=inputs, targets=targets, missing=missing)
    assert str(caught.value) == message


@pytest.mark.parametrize(("inputs", "targets", "missing", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_lines_that_messages_name_do_what_they_say(inputs, targets, missing, message):
    """Each `missing=` in the message is passed, and as many samples are left as it says."""
    lines = re.findall(r"missing=(\"\w+\"|\{.*?\})(?: to keep (?:the )?(\d+|all))?", message)
    for line, count in lines:
        policy = line.strip('"') if line.startswith('"') else dict(re.findall(r"'(\w+)': '(\w+)'", line))
        data = plait.Dataset(inputs=inputs, targets=targets, missing=policy)
        keys = 100 if count == "all" and "drop" not in line else 95 if count == "all" else int(count or len(data))
        assert len(data) == keys
        assert len(data.read(list(data.spec), np.arange(len(data)))) == len(data.spec)


def test_the_weight_of_a_target_may_be_dropped_but_not_masked_or_kept():
    inputs, targets, weights = {"x": FULL}, {"y": FULL}, {"y": NAN}
    message = HALF_NAN + 'Pass missing="drop" to keep the 90 that lack nothing. Only targets can be masked.'
    with pytest.raises(plait.AlignmentError, match=re.escape(message) + "$"):
        plait.Dataset(inputs=inputs, targets=targets, weights=weights)
    assert len(plait.Dataset(inputs=inputs, targets=targets, weights=weights, missing={"y.weight": "drop"})) == 90


NOTHING = [
    (
        {"x": FULL, "y": plait.Arrays(y=np.arange(50))},
        "raise",
        "No key is in all of the sources: Arrays(full) has keys such as ['p000', 'p001', 'p002']; Arrays(y) has keys such as [0, 1, 2]. "
        "Keys are compared as text, '007' is not 7. Arrays without key= are numbered by row: pass key=ids to name their rows.",
    ),
    (
        {"x": plait.Arrays(a=[1, 2], key=["007", "008"]), "y": plait.Arrays(b=[1, 2], key=[7, 8])},
        "drop",
        "No key is in all of the sources: Arrays(a) has keys such as ['007', '008']; Arrays(b) has keys such as [7, 8]. "
        "Keys are compared as text, '007' is not 7.",
    ),
    (
        {"x": plait.Arrays(a=[1, 2], key=["a", "b"]), "y": plait.Arrays(b=[1, 2], key=["A", "B"])},
        {"x": "drop", "y": "mask"},
        "No key is in all of the sources: Arrays(a) has keys such as ['a', 'b']; Arrays(b) has keys such as ['A', 'B']. "
        "Keys are compared as text, '007' is not 7.",
    ),
    (
        {"x": FULL, "y": plait.Arrays(y=np.zeros(0), key=[])},
        "mask",
        "No key is in all of the sources: Arrays(full) has keys such as ['p000', 'p001', 'p002']; Arrays(y) has no samples. "
        "Keys are compared as text, '007' is not 7.",
    ),
    (
        {"x": plait.Arrays(a=[np.nan, 1.0]), "y": plait.Arrays(b=[1, None])},
        "drop",
        "No sample is left of 2: 'x' has no value for 1, 'y' has no value for 1, and missing= drops them all. "
        "Mask a target that is often missing, or leave such an input out.",
    ),
]


@pytest.mark.parametrize(("streams", "missing", "message"), NOTHING)
def test_a_data_set_of_nothing_is_refused_whatever_the_policy(streams, missing, message):
    with pytest.raises(plait.AlignmentError) as caught:
        plait.Dataset(inputs={"x": streams["x"]}, targets={"y": streams["y"]}, missing=missing)
    assert str(caught.value) == message
