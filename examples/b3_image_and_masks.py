"""B3. An image and two masks of it, flipped together: 1000 crops of 64 x 64 and two heads that draw.

The data are crops of two photographs (scikit-learn's "china" and "flower"), written as PNG files. The masks follow a rule that the image
tells: "bright" is where its grey value is above 0.6, "warm" where there is more red than blue. Crops to test on come from the right part
of the photographs, so that no pixel is on both sides.
"""

from pathlib import Path

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

import plait


def main(epochs: int = 3, folder: str = "b3_data") -> None:
    keras.utils.set_random_seed(0)
    write_crops(Path(folder))
    photos = plait.Images(f"{folder}/photo/{{part}}_{{id}}.png")
    masks = {name: plait.Masks(f"{folder}/{name}/{{part}}_{{id}}.png", classes={0: "no", 255: "yes"}) for name in ("bright", "warm")}
    data = plait.Dataset(inputs={"photo": photos}, targets=masks)
    part = np.array([part for part, _ in data.keys])
    train, test = data.take(part == "train"), data.take(part == "test")
    train = train.augment(flip, on=["photo", "bright", "warm"])  # one draw a sample for all three; other ones every epoch

    photo = keras.Input((64, 64, 3), name="photo")
    x = keras.layers.Rescaling(1 / 255)(photo)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    model = keras.Model(photo, {name: keras.layers.Conv2D(1, 1, activation="sigmoid", name=name)(x) for name in masks}, name="two_masks")
    model.compile(keras.optimizers.Adam(0.01), dict.fromkeys(masks, "binary_crossentropy"))
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(test, 32, shuffle=False), verbose=0)
    for name in masks:
        truth = test[name].values() == 1
        right, majority = np.mean((predicted[name] > 0.5) == truth), max(truth.mean(), 1 - truth.mean())
        print(f"{name}: {right:.1%} of the pixels right; one answer for all of them would be right in {majority:.1%}")
        assert right > majority + 0.1


def flip(photo, bright, warm, rng):
    """Half of the samples from left to right, each with both of its masks."""
    turned = rng.random(len(photo)) < 0.5
    return tuple(np.where(turned[:, None, None, None], array[:, :, ::-1], array) for array in (photo, bright, warm))


def write_crops(folder: Path) -> None:
    rng, photographs = np.random.default_rng(0), load_sample_images().images
    for part, count, left, right in (("train", 1000, 0, 448), ("test", 100, 448, 640)):
        for number in range(count):
            top, at = rng.integers(0, 427 - 64), rng.integers(left, right - 64)
            crop = photographs[number % 2][top : top + 64, at : at + 64]
            bright, warm = crop.mean(axis=2) > 0.6 * 255, crop[:, :, 0] > crop[:, :, 2]
            for name, pixels in (("photo", crop), ("bright", bright * np.uint8(255)), ("warm", warm * np.uint8(255))):
                path = folder / name / f"{part}_{number:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path, compress_level=1)


if __name__ == "__main__":
    main()
