"""Rules that every sample of a learned synthesizer obeys: `GaussianCopula.fit(data, constraints=[constraints.Bounds("age", 0, 120)])`."""

from plait.tabular.constraints import Bounds, Combination, Formula, Increasing, Sum, Unique

__all__ = ["Bounds", "Combination", "Formula", "Increasing", "Sum", "Unique"]
