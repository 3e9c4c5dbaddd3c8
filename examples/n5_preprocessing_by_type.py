"""N5. Each kind of input is prepared in its own way, fitted on the training part alone: images resized, text tokenised, numbers scaled.

The data are 1000 of scikit-learn's handwritten digits as PNG files of 8 x 8, the ink of each as a number, and a note (text, made up by a
rule: how dark the page is). Asked is which digit it is. What was fitted is saved as JSON beside the model, and the two together predict
from raw samples: a file name, a sentence, a number.
"""

from pathlib import Path

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import plait


def main(epochs: int = 10, folder: str = "n5_data") -> None:
    keras.utils.set_random_seed(0)
    write_files(Path(folder))
    images = plait.Images(f"{folder}/digit_{{id}}.png", size=(16, 16), mode="grey")  # resized as they are read
    table = plait.Csv(f"{folder}/scans.csv", key="id")
    data = plait.Dataset(inputs={"image": images, "note": table["note"], "ink": table["ink"]}, targets={"digit": table["digit"]})
    train, test = data.split(0.8, seed=0, stratify="digit")
    words = plait.Tokenize.fit(train["note"], size=50)
    steps = [  # of which stream, and what is done to it
        ("image", plait.MinMax(0, 255)),
        ("note", words),
        ("note", plait.Pad(12, cut=True)),
        ("ink", plait.Standardize.fit(train["ink"])),
        ("digit", plait.Vocabulary.fit(train["digit"])),
    ]
    for name, step in steps:
        train, test = train.map(step, on=name), test.map(step, on=name)
    print(train)

    image, ink = keras.Input((16, 16, 1), name="image"), keras.Input((1,), name="ink")
    note = keras.Input((12,), dtype="int32", name="note")
    seen = keras.layers.Flatten()(keras.layers.Conv2D(16, 5, strides=2, activation="relu")(image))
    read = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(len(words), 8)(note))
    shared = keras.layers.Dense(64, activation="relu")(keras.layers.Concatenate()([seen, read, ink]))
    model = keras.Model([image, note, ink], keras.layers.Dense(10, activation="softmax", name="digit")(shared))
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    digit = test["digit"].values()
    right = np.mean(model.predict(plait.Loader(test, 64, shuffle=False), verbose=0).argmax(axis=1) == digit)
    print(f"digit: {right:.0%} right; the most frequent one would be right in {np.bincount(digit).max() / len(digit):.0%}")
    assert right > 0.8

    model.save(f"{folder}/model.keras")
    plait.Preprocessing(train).save(f"{folder}/prep.json")
    model, prep = keras.models.load_model(f"{folder}/model.keras"), plait.Preprocessing.load(f"{folder}/prep.json")
    raw = {"image": [f"{folder}/digit_0007.png"], "note": ["a bright page"], "ink": [4.2]}
    answer = prep.decode(model.predict(prep(raw), verbose=0))
    print(f"digit_0007.png: {answer}")


def write_files(folder: Path) -> None:
    digits = load_digits()
    folder.mkdir(exist_ok=True)
    ids = [f"{number:04d}" for number in range(1000)]
    for name, image in zip(ids, digits.images[:1000], strict=True):
        Image.fromarray((image * 15.9).astype("uint8")).save(folder / f"digit_{name}.png")
    ink = digits.images[:1000].mean(axis=(1, 2))
    notes = [f"scanned from a {'dark' if dark > 5 else 'bright'} page, quality {'good' if dark < 6 else 'fair'}" for dark in ink]
    plait.Csv.write(plait.Arrays(note=notes, ink=ink, digit=digits.target[:1000], key={"id": ids}), folder / "scans.csv")


if __name__ == "__main__":
    main()
