"""I4. One sample from three places, files, a table and a database, joined by key; what is missing is said, and masked.

The data are Wisconsin's breast tumours (scikit-learn's, UCI), 569 patients: the spread of ten measures in a .npy file each, their means
in a CSV table, and in an SQLite database the diagnosis and the largest radius. The lab is not complete: some files are lost, some
patients were never diagnosed, for some the radius was never entered.
"""

import sqlite3
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer

import plait


def main(epochs: int = 25, folder: str = "i4_data") -> None:
    keras.utils.set_random_seed(0)
    write_lab(Path(folder))
    spread = plait.Npy(f"{folder}/spread_{{patient}}.npy")
    means = plait.Csv(f"{folder}/means.csv", key="patient")
    lab = plait.SQL(f"sqlite:///{folder}/lab.db", "select patient, diagnosis, largest from labels", key="patient")
    data = plait.Dataset(
        inputs={"spread": spread, "radius": means["radius"], "texture": means["texture"], "smoothness": means["smoothness"]},
        targets={"diagnosis": lab["diagnosis"], "largest": lab["largest"]},
        missing={"spread": "drop", "diagnosis": "mask", "largest": "mask"},  # no file: no sample; no label: no weight
    )
    print(data, data.join, sep="\n")
    train, test = data.split(0.75, seed=0, stratify="diagnosis")
    for name in data.inputs:
        scale = plait.Standardize.fit(train[name])
        train, test = (part.map(scale, on=name) for part in (train, test))
    codes, size = plait.Vocabulary.fit(train["diagnosis"]), plait.Standardize.fit(train["largest"])
    train, test = (part.map(codes, on="diagnosis").map(size, on="largest") for part in (train, test))

    inputs = [keras.Input(spec.shape or (1,), name=name) for name, spec in train.inputs.items()]
    shared = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()(inputs))
    heads = [keras.layers.Dense(2, activation="softmax", name="diagnosis")(shared), keras.layers.Dense(1, name="largest")(shared)]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(0.005), ["sparse_categorical_crossentropy", "mse"])
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    guesses = dict(zip(train.targets, model.predict(plait.Loader(test, 64, shuffle=False), verbose=0), strict=True))
    known = {name: guesses[name][test[name].present()] for name in test.targets}  # as `values` below: of samples that have a label
    diagnosis, largest = test["diagnosis"].values(), size.inverse(test["largest"].values())
    right = np.mean(known["diagnosis"].argmax(axis=1) == diagnosis)
    error = np.abs(size.inverse(known["largest"][:, 0]) - largest).mean()
    majority, mean = np.bincount(diagnosis).max() / len(diagnosis), np.abs(largest - largest.mean()).mean()
    print(f"diagnosis: {right:.0%} right of {len(diagnosis)} known; the more frequent one would be right in {majority:.0%}")
    print(f"largest:   off by {error:.2f} mm of {len(largest)} known; the mean would be off by {mean:.2f}")
    assert right > majority + 0.15 and error < 0.6 * mean


def write_lab(folder: Path) -> None:
    tumours, rng = load_breast_cancer(), np.random.default_rng(0)
    patients = [f"p{number:03d}" for number in range(569)]
    folder.mkdir(exist_ok=True)
    (folder / "lab.db").unlink(missing_ok=True)
    for patient, row, kept in zip(patients, tumours.data[:, 10:20], rng.random(569) < 0.95, strict=True):
        if kept:
            np.save(folder / f"spread_{patient}.npy", row)
    means = plait.Arrays(radius=tumours.data[:, 0], texture=tumours.data[:, 1], smoothness=tumours.data[:, 4], key={"patient": patients})
    plait.Csv.write(means, folder / "means.csv")
    labels = zip(patients, tumours.target_names[tumours.target].tolist(), tumours.data[:, 20].tolist(), strict=True)
    diagnosed, entered = rng.random(569) < 0.8, rng.random(569) < 0.7
    with sqlite3.connect(folder / "lab.db") as database:
        database.execute("create table labels (patient text primary key, diagnosis text, largest real)")
        rows = [(p, d if diagnosed[i] else None, r if entered[i] else None) for i, (p, d, r) in enumerate(labels)]
        database.executemany("insert into labels values (?, ?, ?)", rows)


if __name__ == "__main__":
    main()
