"""S7. Is it as good as real data? Three synthetic tables beside the same real one, and what a report says about each.

The data are 569 tumours (scikit-learn's, Wolberg et al. 1995): from the means of six measurements, whether a tumour is benign, and how
large its worst area is. Independent columns have every column right and nothing else; training rows handed out again have everything right
and are no synthesis; fresh real rows are what a perfect synthesizer would give.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import plait


def main() -> None:
    train, fresh, test = tumours()
    tables = {
        "independent columns": plait.Independent.fit(train).sample(len(test), seed=1),
        "training rows again": train,
        "fresh real rows": fresh,
    }
    reports = {name: plait.compare(test, fake, train=train) for name, fake in tables.items()}
    for name, report in reports.items():
        found = {f.id: f for f in report}
        auc, near = (found[question].values["value"] for question in ("detection", "near"))
        dependence = found["dependence"].values["value"]
        print(
            f"{name:20}: told from real rows with AUC {auc:.2f}; dependence of the targets off by {dependence:.2f}; near {near:.2f}; ",
            end="",
        )
        print("passes" if report else f"fails in {', '.join(sorted({f.id for f in report.failures}))}")
        report.to_html(f"{name.replace(' ', '_')}.html")

    assert not reports["independent columns"]
    assert {f.id for f in reports["training rows again"].failures} >= {"near", "copies", "membership"}
    assert reports["fresh real rows"], reports["fresh real rows"]


def tumours() -> list[plait.Dataset]:
    """Three parts, by lot."""
    found = load_breast_cancer()
    values = {name: found.data[:, place] for place, name in enumerate(found.feature_names)}
    inputs = [f"mean {what}" for what in ("radius", "texture", "smoothness", "concavity", "symmetry", "fractal dimension")]
    source = plait.Arrays(**{name: values[name] for name in [*inputs, "worst area"]}, benign=found.target.astype(bool))
    data = plait.Dataset(
        inputs={name: source[name] for name in inputs}, targets={"benign": source["benign"], "worst area": source["worst area"]}
    )
    parts = np.array_split(np.random.default_rng(0).permutation(len(data)), 3)
    return [data.take(part) for part in parts]


if __name__ == "__main__":
    main()
