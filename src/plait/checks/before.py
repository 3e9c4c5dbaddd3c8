"""What can be told in an instant when `fit` begins: names, shapes and compile arguments; no value is read."""

from __future__ import annotations

from typing import Any

from plait.checks.arguments import check_arguments
from plait.checks.compiled import arguments, ends
from plait.checks.shapes import check_shapes
from plait.checks.subject import Subject
from plait.contract import Contract
from plait.dataset import Dataset
from plait.errors import CheckError
from plait.report import Finding
from plait.structure import structure

__all__ = ["before_fit"]

# What Keras would answer with an error that names no stream, or with targets that meet the wrong head.
_STOPS = {"loss-argument", "loss-list", "metrics-argument", "metrics-flat", "metrics-unknown", "ordered-outputs",
          "input-missing", "input-unknown", "input-shape", "target-missing", "target-unknown", "target-shape"}  # fmt: skip


def before_fit(data: Dataset, model: Any, contract: Contract) -> list[Finding]:
    """The findings because of which `fit` or `evaluate` must not begin."""
    container = object if contract.container == "single" else type(ends(model)[1])
    try:
        subject, findings = check_arguments(Subject(data, model, contract, container, arguments(model)))
        findings += check_shapes(subject)
    except CheckError:
        raise
    except Exception:  # arguments that even `check` has no words for: Keras has the last one
        findings = list(structure(data, contract))
    return [f for f in findings if f.level == "fail" and f.id in _STOPS]
