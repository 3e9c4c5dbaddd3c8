"""B1. Two heads on ten numbers: a yes or no and a size, from 1000 samples in batches of 32, the last batch of 8 kept.

The data are 1250 handwritten digits (scikit-learn's, UCI "Optical Recognition of Handwritten Digits"), each summed up in ten numbers: the
ink in its eight rows, its left and its right half. Asked are whether the digit has a closed loop (0, 6, 8, 9), which is known from its
label, and how many of its 64 cells the pen touched.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait


def main(epochs: int = 20) -> None:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    images, label = digits.images[:1250], digits.target[:1250]
    halves = [images[:, :, :4].sum((1, 2)), images[:, :, 4:].sum((1, 2))]
    arrays = plait.Arrays(
        x=np.column_stack([images.sum(axis=2), *halves]),  # (1250, 10)
        loop=np.isin(label, [0, 6, 8, 9]).astype("int32"),
        cells=(images > 0).sum(axis=(1, 2)),
    )
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"loop": arrays["loop"], "cells": arrays["cells"]})
    train, test = data.split(0.8, seed=0, stratify="loop")
    scale, size = plait.Standardize.fit(train["x"]), plait.Standardize.fit(train["cells"])
    train, test = (part.map(scale, on="x").map(size, on="cells") for part in (train, test))

    x = keras.Input((10,), name="x")
    shared = keras.layers.Dense(32, activation="relu")(x)
    model = keras.Model(
        x, {"loop": keras.layers.Dense(1, activation="sigmoid")(shared), "cells": keras.layers.Dense(1)(shared)}, name="loop_and_cells"
    )
    model.compile(keras.optimizers.Adam(0.01), {"loop": "binary_crossentropy", "cells": "mse"})
    report = plait.check(train, model)
    print(report)
    assert report

    loader = plait.Loader(train, 32, seed=0)  # every epoch in an order of its own, every sample once
    assert [len(y["loop"]) for _, y, _ in loader] == [32] * 31 + [8]
    model.fit(loader, epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    loop, cells = test["loop"].values(), size.inverse(test["cells"].values())
    accuracy, majority = np.mean((predicted["loop"][:, 0] > 0.5) == loop), max(loop.mean(), 1 - loop.mean())
    error, spread = np.abs(size.inverse(predicted["cells"][:, 0]) - cells).mean(), np.abs(cells - cells.mean()).mean()
    print(f"loop:  {accuracy:.0%} right; the more frequent answer would be right in {majority:.0%}")
    print(f"cells: off by {error:.1f}; the mean would be off by {spread:.1f}")
    assert accuracy > majority + 0.05 and error < 0.7 * spread


if __name__ == "__main__":
    main()
