"""N3. Five numbers and a category of ten to five numbers: new rows for old ones, to train on more data than there are.

The data are scikit-learn's digits: told are which digit it is and the ink in the five upper parts of the picture, drawn is the ink in
the five lower ones. `plait.Flow` makes rows here, as all streams are columns. It is scored on digits that it has never seen by the energy
score (the mean distance to the truth, less half the mean distance between draws), beside the mean row, and the row of the likest numbers.
"""

import numpy as np
from sklearn.datasets import load_digits

import plait


def main(epochs: int = 300, draws: int = 8) -> None:
    train, test = rows().split(0.8, seed=0, stratify="digit")

    flow = trained(train, epochs)
    given = {name: np.repeat(test[name].values(), draws, axis=0) for name in test.inputs}
    drawn = flow.sample(len(test) * draws, seed=0, given=given)["lower"].values().reshape(len(test), draws, 5)

    known, truth = train["lower"].values(), test["lower"].values()
    mean = np.repeat(known.mean(axis=0)[None, None], len(truth), axis=0)
    guesses = {"drawn by the flow": drawn, "the row of the likest numbers": known[likest(train, test)][:, None], "the mean row": mean}
    scores = {name: energy(guess, truth) for name, guess in guesses.items()}
    for name, score in scores.items():
        print(f"{name:30}: energy score {score:.2f}")
    assert scores["drawn by the flow"] < scores["the mean row"]
    assert epochs < 40 or scores["drawn by the flow"] < scores["the row of the likest numbers"]


def rows() -> plait.Dataset:
    """Which digit, and the ink in five parts of its upper half and of its lower one."""
    digits = load_digits()
    ink = digits.images.reshape(-1, 2, 4, 8)
    parts = np.stack([ink[..., :2].sum((2, 3)), *(ink[..., k : k + 2].sum((2, 3)) for k in (2, 3, 4)), ink[..., 6:].sum((2, 3))], axis=2)
    arrays = plait.Arrays(digit=digits.target, upper=parts[:, 0], lower=parts[:, 1])
    return plait.Dataset(inputs={name: arrays[name] for name in ("digit", "upper")}, targets={"lower": arrays["lower"]})


def trained(train: plait.Dataset, epochs: int, seed: int = 0) -> plait.Flow:
    return plait.Flow.fit(train, kinds={"digit": "category"}, epochs=epochs, blocks=5, batch_size=64, seed=seed)


def likest(train: plait.Dataset, test: plait.Dataset) -> list[int]:
    """The rows of the training part with the same digit and the nearest numbers."""
    ours, theirs = (np.column_stack([100 * np.eye(10)[part["digit"].values()], part["upper"].values()]) for part in (test, train))
    return [int(np.square(theirs - row).sum(axis=1).argmin()) for row in ours]


def energy(draws: np.ndarray, truth: np.ndarray) -> float:
    """The energy score (Gneiting and Raftery 2007) of (samples, draws, numbers), less is better."""
    n, off = draws.shape[1], np.linalg.norm(draws - truth[:, None], axis=2).mean()
    apart = np.linalg.norm(draws[:, :, None] - draws[:, None], axis=3).sum(axis=(1, 2)).mean() / max(1, n * (n - 1))
    return float(off - apart / 2)


if __name__ == "__main__":
    main()
