"""N1. An image of 64 x 64 x 3 and a sentence, told as an embedding of 100 numbers, to such an image: a photograph changed as it asks.

The data are crops of the two photographs that come with scikit-learn, and a wish, such as "please make it darker and bluer". How much is
not said, so that several answers are right: the target is one of them, made by a rule (`changed`), and `plait.Flow` draws others. It is
trained on the left parts of the photographs and scored on the right parts by the energy score (the mean distance to the truth, less half
the mean distance between draws; in grey values a pixel), beside the mean image, the answer to the likest crop with the same wish, and the
crop as it was. The generator's noise is an input of its own, (64, 64, 3).
"""

import numpy as np
from sklearn.datasets import load_sample_images

import plait

COLOURS = ("redder", "greener", "bluer")
LIGHT, TINT = ("darker", "brighter"), (*COLOURS, "greyer", "negative")
SIDE, EDGE = 64, 420  # of a crop, and where the part begins that is held out


def main(epochs: int = 10, rows: int = 3200, draws: int = 4) -> None:
    train, test = pairs(rows, held_out=False), pairs(rows // 32, held_out=True)
    wishes = test["wish"].values(), train["wish"].values()
    train, test = embedded(train, test)
    print(train)

    flow = trained(train, epochs)
    given = {name: np.repeat(test[name].values(), draws, axis=0) for name in test.inputs}
    drawn = flow.sample(len(test) * draws, seed=0, given=given)["image"].values().reshape(len(test), draws, -1)

    truth, known, crop = (flat(values) for values in (test["image"].values(), train["image"].values(), test["photo"].values()))
    likest = likest_crop(train["photo"].values(), wishes[1], test["photo"].values(), wishes[0])
    guesses = {
        "drawn by the flow": drawn.astype(np.float32),
        "the answer to the likest crop": known[likest][:, None],
        "the crop as it was": crop[:, None],
        "the mean image": np.repeat(known.mean(axis=0)[None, None], len(truth), axis=0),
    }
    scores = {name: energy(guess, truth) for name, guess in guesses.items()}
    for name, score in scores.items():
        print(f"{name:30}: energy score {score:.1f} of 255")
    ours = scores.pop("drawn by the flow")
    assert drawn.shape == (len(test), draws, SIDE * SIDE * 3)
    assert epochs < 10 or ours < min(scores.values())


def embedded(train: plait.Dataset, test: plait.Dataset) -> tuple[plait.Dataset, plait.Dataset]:
    """Each wish as 100 numbers: the sum of a random vector for each of its words."""
    words = plait.Tokenize.fit(train["wish"], size=50)
    vectors = np.random.default_rng(0).normal(size=(len(words), 100)).astype(np.float32)
    vectors[words.padding] = 0
    for step in (words, plait.Pad(8), lambda ids: vectors[ids].sum(axis=1)):
        train, test = train.map(step, on="wish"), test.map(step, on="wish")
    return train, test


def trained(train: plait.Dataset, epochs: int, seed: int = 0) -> plait.Flow:
    return plait.Flow.fit(train, epochs=epochs, units=16, batch_size=16, learning_rate=0.002, steps=6, seed=seed)


def likest_crop(crops: np.ndarray, wishes: np.ndarray, own: np.ndarray, asked: np.ndarray) -> list[int]:
    """For each crop of `own` the row of the likest one of `crops` whose wish is the same."""
    known = flat(crops)
    return [
        int(np.argmin(np.square(known - crop).sum(axis=1) + 1e12 * (wishes != wish))) for crop, wish in zip(flat(own), asked, strict=True)
    ]


def pairs(rows: int, *, held_out: bool, seed: int = 0) -> plait.Dataset:
    """Crops, wishes, and the crops changed as wished."""
    rng = np.random.default_rng([seed, int(held_out)])
    photos = [photo[:, EDGE:] if held_out else photo[:, :EDGE] for photo in load_sample_images().images]
    crops, wishes, images = [], [], []
    for _ in range(rows):
        photo = photos[rng.integers(len(photos))]
        top, left = rng.integers(photo.shape[0] - SIDE + 1), rng.integers(photo.shape[1] - SIDE + 1)
        crops.append(photo[top : top + SIDE, left : left + SIDE])
        asked = [str(rng.choice(words)) for words in (LIGHT, TINT) if rng.random() < 0.7] or ["negative"]
        wishes.append("please make it " + " and ".join(asked))
        image = crops[-1] / 255
        for word in asked:
            image = changed(image, word, rng.uniform(0.5, 1))
        images.append(np.round(image * 255).astype(np.uint8))
    arrays = plait.Arrays(photo=np.stack(crops), wish=wishes, image=np.stack(images))
    return plait.Dataset(inputs={"photo": arrays["photo"], "wish": arrays["wish"]}, targets={"image": arrays["image"]})


def changed(image: np.ndarray, word: str, much: float) -> np.ndarray:
    """The image, between 0 and 1, changed as one word asks."""
    if word == "darker":
        return image * (1 - 0.6 * much)
    if word == "brighter":
        return 1 - (1 - image) * (1 - 0.6 * much)
    if word == "greyer":
        return image + much * (image.mean(axis=2, keepdims=True) - image)
    if word == "negative":
        return 1 - image * (0.5 + 0.5 * much)
    return image * (1 - 0.6 * much * (np.arange(3) != COLOURS.index(word)))


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)


def energy(draws: np.ndarray, truth: np.ndarray) -> float:
    """The energy score (Gneiting and Raftery 2007) of (samples, draws, numbers), a number, less is better."""
    n, off = draws.shape[1], np.linalg.norm(draws - truth[:, None], axis=2).mean()
    apart = sum(np.linalg.norm(draws - np.roll(draws, k, axis=1), axis=2).mean() for k in range(1, n)) / max(1, n - 1)
    return float(off - apart / 2) / truth.shape[1] ** 0.5


if __name__ == "__main__":
    main()
