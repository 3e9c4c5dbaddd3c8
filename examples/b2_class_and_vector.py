"""B2. Two heads on twenty numbers: one of five classes and a vector of three.

The data are 1250 handwritten digits (scikit-learn's), each as twenty numbers: the ink in its eight rows, eight columns and four quarters.
Asked are which pair it belongs to (0-1, 2-3, 4-5, 6-7, 8-9), and where it lies and how it leans: the row and the column of its centre of
ink, and its slant (how many columns the ink moves to the right from one row to the next).
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait


def main(epochs: int = 30) -> None:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    images, label = digits.images[:1250], digits.target[:1250]
    quarters = [images[:, rows, columns].sum((1, 2)) for rows in (slice(4), slice(4, 8)) for columns in (slice(4), slice(4, 8))]
    arrays = plait.Arrays(
        x=np.column_stack([images.sum(axis=2), images.sum(axis=1), *quarters]),  # (1250, 20)
        pair=label // 2,
        place=centre_and_slant(images),  # (1250, 3)
    )
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"pair": arrays["pair"], "place": arrays["place"]})
    train, test = data.split(0.8, seed=0, stratify="pair")
    scale, place = plait.Standardize.fit(train["x"]), plait.Standardize.fit(train["place"])
    train, test = (part.map(scale, on="x").map(place, on="place") for part in (train, test))

    x = keras.Input((20,), name="x")
    shared = keras.layers.Dense(64, activation="relu")(x)
    heads = {"pair": keras.layers.Dense(5, activation="softmax")(shared), "place": keras.layers.Dense(3)(shared)}
    model = keras.Model(x, heads, name="pair_and_place")
    model.compile(keras.optimizers.Adam(0.01), {"pair": "sparse_categorical_crossentropy", "place": "mse"})
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    pair, truth = test["pair"].values(), place.inverse(test["place"].values())
    accuracy, majority = np.mean(predicted["pair"].argmax(axis=1) == pair), np.bincount(pair).max() / len(pair)
    error, spread = (np.abs(guess - truth).mean(axis=0) for guess in (place.inverse(predicted["place"]), truth.mean(axis=0)))
    print(f"pair:  {accuracy:.0%} right; the most frequent one would be right in {majority:.0%}")
    for name, ours, mean in zip(("row", "column", "slant"), error, spread, strict=True):
        print(f"place: {name} off by {ours:.2f}; the mean would be off by {mean:.2f}")
    assert accuracy > 2 * majority and (error < spread).all()


def centre_and_slant(images: np.ndarray) -> np.ndarray:
    """(samples, 3): row and column of the centre of ink, and columns per row along its main direction."""
    row, column = np.mgrid[:8, :8]
    ink = images / images.sum(axis=(1, 2), keepdims=True)
    middle = (ink * row).sum((1, 2)), (ink * column).sum((1, 2))
    down, right = row - middle[0][:, None, None], column - middle[1][:, None, None]
    return np.column_stack([*middle, (ink * down * right).sum((1, 2)) / (ink * down**2).sum((1, 2))])


if __name__ == "__main__":
    main()
