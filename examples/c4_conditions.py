"""C4. An image from a condition vector, a preprocessed image, and a map of noise: three conditions of three kinds, told to one GAN.

The data are scikit-learn's digits (8 x 8). The vector says which digit it is, one number for each; the preprocessed image is the digit
brought down to 2 x 2 and scaled, by steps of the data set; the map of noise decides what the two leave open: it is drawn along with the
data, and drawn anew for each further answer. The GAN is scored on digits that it has never seen by the energy score (the mean distance to
the truth, less half the mean distance between draws; in grey values a pixel), beside the digit with the likest conditions, and the mean
image. To draw from the two digits with the likest conditions is better still, on digits this small and alike: that score is printed too.
"""

import numpy as np
from sklearn.datasets import load_digits

import plait

TOLD = ("which", "small", "speckle")


def main(epochs: int = 60, rows: int = 1797, draws: int = 8) -> None:
    digits, rng = load_digits(), np.random.default_rng(0)
    image = np.round(digits.images[:rows, ..., None] * 255 / 16).astype(np.uint8)
    arrays = plait.Arrays(
        which=np.eye(10, dtype=np.float32)[digits.target[:rows]],
        small=image,
        speckle=rng.normal(size=image.shape).astype(np.float32),
        image=image,
        digit=digits.target[:rows],
    )
    data = plait.Dataset(inputs={name: arrays[name] for name in TOLD}, targets={"image": arrays["image"]})
    data = data.map(plait.Resize((2, 2)), on="small").map(plait.MinMax(0, 255), on="small")
    train, test = data.split(0.8, seed=0, stratify=arrays["digit"])
    print(train)

    gan = plait.GAN.fit(train, epochs=epochs, units=32, noise=8, batch_size=32, sheets="c4_conditions")
    given = {name: np.repeat(test[name].values(), draws, axis=0) for name in TOLD}
    given["speckle"] = rng.normal(size=given["speckle"].shape).astype(np.float32)
    made = flat(gan.sample(len(test) * draws, seed=0, given=given)["image"].values()).reshape(len(test), draws, -1)

    truth, known = (flat(part["image"].values()) for part in (test, train))
    ours, theirs = (np.concatenate([10 * part["which"].values(), flat(part["small"].values())], axis=1) for part in (test, train))
    near = np.array([np.square(theirs - row).sum(axis=1).argsort()[:2] for row in ours])
    guesses = {
        "made by the GAN": made,
        "the digit of the likest conditions": known[near[:, :1]],
        "those of the two likest": known[near],
        "the mean image": np.repeat(known.mean(axis=0)[None, None], len(truth), axis=0),
    }
    scores = {name: energy(guess, truth) for name, guess in guesses.items()}
    for name, score in scores.items():
        print(f"{name:35}: energy score {score:.1f} of 255")
    assert made.shape == (len(test), draws, 64)
    assert epochs < 20 or scores["made by the GAN"] < min(scores["the digit of the likest conditions"], scores["the mean image"])


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)


def energy(draws: np.ndarray, truth: np.ndarray) -> float:
    """The energy score (Gneiting and Raftery 2007) of (samples, draws, numbers), a number, less is better."""
    n, off = draws.shape[1], np.linalg.norm(draws - truth[:, None], axis=2).mean()
    apart = np.linalg.norm(draws[:, :, None] - draws[:, None], axis=3).sum(axis=(1, 2)).mean() / max(1, n * (n - 1))
    return float(off - apart / 2) / truth.shape[1] ** 0.5


if __name__ == "__main__":
    main()
