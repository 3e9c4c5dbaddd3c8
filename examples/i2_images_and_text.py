"""I2. Images and text of unequal length as inputs: 1000 images of 64 x 64 x 3, lists of 5 to 20 tokens padded behind to 20, CNN and LSTM.

The data are scikit-learn's handwritten digits, brought to 64 x 64 x 3 as they are read, and beside each digit a request of 5 to 20 words
that asks to add so and so much to it. The target is the sum, a number: half of it is in the picture and half in the text.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def main(epochs: int = 8) -> None:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    added = np.random.default_rng(0).integers(0, 10, 1250)
    arrays = plait.Arrays(
        image=np.repeat(digits.images[:1250, :, :, None].astype("float32") / 16, 3, axis=3),
        request=[request(number, at) for at, number in enumerate(added)],
        total=(digits.target[:1250] + added).astype("float32"),
    )
    inputs = {"image": arrays["image"], "request": arrays["request"]}
    data = plait.Dataset(inputs=inputs, targets={"total": arrays["total"]}).map(plait.Resize((64, 64)), on="image")
    train, test = data.split(0.8, seed=0)  # 1000 and 250
    words = plait.Tokenize.fit(train["request"], size=100)
    train, test = (part.map(words, on="request") for part in (train, test))
    lengths = train["request"].values().lengths
    print(f"requests of {lengths.min()} to {lengths.max()} tokens: {train.inputs['request']}")
    scale = plait.Standardize.fit(train["total"])
    train, test = (part.map(plait.Pad(20), on="request").map(scale, on="total") for part in (train, test))

    image, text = keras.Input((64, 64, 3), name="image"), keras.Input((20,), dtype="int32", name="request")
    seen = keras.layers.Conv2D(16, 8, strides=8, activation="relu")(image)
    seen = keras.layers.Flatten()(keras.layers.Conv2D(32, 3, activation="relu")(seen))
    read = keras.layers.LSTM(32)(keras.layers.Embedding(len(words), 16, mask_zero=True)(text))
    both = keras.layers.Dense(64, activation="relu")(keras.layers.Concatenate()([seen, read]))
    model = keras.Model([image, text], keras.layers.Dense(1, name="total")(both))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    total = scale.inverse(test["total"].values())
    predicted = scale.inverse(model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)[:, 0])
    error, spread = np.abs(predicted - total).mean(), np.abs(total - total.mean()).mean()
    print(f"total: off by {error:.2f}; the mean would be off by {spread:.2f}")
    assert error < 0.8 * spread


def request(number: int, at: int) -> str:
    """5 to 20 words that name the number once."""
    polite = ["please", "be", "so", "kind", "and", "take", "a", "good", "long", "look", "at", "the", "picture", "here", "and", "then"]
    return " ".join([*polite[16 - at % 16 :], "add", NUMBERS[number], "to", "the", "digit"])


if __name__ == "__main__":
    main()
