"""What each loss of Keras expects of labels, by the name of its function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "kind_of"]


@dataclass(frozen=True)
class Kind:
    """What a loss compares.

    Args:
        labels: "codes": integers 0 to outputs - 1, one less axis than the output; "one-hot": sums to 1 over the last axis;
            "probability": 0 to 1; "sign": -1 and 1, or 0 and 1; "positive": 0 and up; "number": any; "own": the loss is not Keras's.
        probabilities: Whether it takes probabilities unless `from_logits=True`.
    """

    labels: Literal["codes", "one-hot", "probability", "sign", "positive", "number", "own"]
    probabilities: bool = False


def kind_of(name: str) -> Kind:
    """By the name of the loss function; a loss that is not in the table may compare what it likes."""
    return _KINDS.get(name, Kind("own"))


_KINDS = {
    "sparse_categorical_crossentropy": Kind("codes", True),
    "categorical_generalized_cross_entropy": Kind("codes"),
    "categorical_crossentropy": Kind("one-hot", True),
    "categorical_focal_crossentropy": Kind("one-hot", True),
    "categorical_hinge": Kind("one-hot"),
    "kl_divergence": Kind("one-hot"),
    "binary_crossentropy": Kind("probability", True),
    "binary_focal_crossentropy": Kind("probability", True),
    "dice": Kind("probability"),
    "tversky": Kind("probability"),
    "hinge": Kind("sign"),
    "squared_hinge": Kind("sign"),
    "poisson": Kind("positive"),
    "mean_squared_logarithmic_error": Kind("positive"),
    "mean_squared_error": Kind("number"),
    "mean_absolute_error": Kind("number"),
    "mean_absolute_percentage_error": Kind("number"),
    "huber": Kind("number"),
    "log_cosh": Kind("number"),
    "cosine_similarity": Kind("number"),
}
