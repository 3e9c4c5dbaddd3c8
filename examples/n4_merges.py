"""N4. Merges: concatenation, addition, product, FiLM, gate and cross-attention, on branches whose shapes are checked before they meet.

The data are scikit-learn's handwritten digits, of which only the upper half is shown, and beside each a note (text, made up by a rule:
whether the digit is odd or even). Asked is which digit it is: half of the answer is in the picture and half in the note. What a branch of
the wrong shape is told stands first.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait

MERGES = ("concatenate", "add", "multiply", "film", "gated", "attention")


def main(epochs: int = 6, merges: tuple[str, ...] = MERGES) -> None:
    refused()
    train, test = halves()
    digit = test["digit"].values()
    print(f"the most frequent digit would be right in {np.bincount(digit).max() / len(digit):.0%}")
    for merge in merges:
        model = plait.nets.fusion(train, merge=merge, width=32, optimizer=keras.optimizers.Adam(0.005))
        report = plait.check(train, model)
        assert report, report
        model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)
        answer = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)["digit"]
        right = np.mean(answer.argmax(axis=1) == digit)
        print(f"{merge:11}: {right:.0%} right")
        assert right > 0.5


def refused() -> None:
    """Keras would add these two without a word, each channel of the map plus one number of the note."""
    photo, note = keras.Input((8, 8, 4), name="photo"), keras.Input((4,), name="note")
    print(f"keras.layers.Add: {keras.layers.Add()([photo, note]).shape}")
    try:
        plait.nets.merge({"photo": photo, "note": note}, "add")
    except plait.ArgumentError as error:
        print(f"plait.nets.merge: {error}")
    print(f"as it says: {plait.nets.merge({'photo': photo, 'note': note}, 'film').shape}")


def halves() -> tuple[plait.Dataset, plait.Dataset]:
    digits = load_digits()
    upper = np.where(np.arange(8)[:, None, None] < 4, digits.images[..., None], 0).astype("float32") / 16
    notes = [f"whoever wrote this had an {'odd' if digit % 2 else 'even'} number in mind" for digit in digits.target]
    arrays = plait.Arrays(photo=upper, note=notes, digit=digits.target)
    data = plait.Dataset(inputs={"photo": arrays["photo"], "note": arrays["note"]}, targets={"digit": arrays["digit"]})
    train, test = data.split(0.8, seed=0, stratify="digit")
    words, classes = plait.Tokenize.fit(train["note"], size=50), plait.Vocabulary.fit(train["digit"])
    train, test = (part.map(words, on="note").map(plait.Pad(12), on="note").map(classes, on="digit") for part in (train, test))
    return train, test


if __name__ == "__main__":
    main()
