"""A network for the data at hand: two sensors in, an activity and a number of another scale out, and both heads are trained.

The data are BasicMotions (data/README.md): accelerometer and gyroscope of a watch, three channels each, at four activities. The first
half of each recording is shown; asked are the activity, and how strong the motion is in the second half, in thousandths of the
accelerometer's unit. The same network with equal weights on the two losses is trained beside it.
"""

from pathlib import Path

import keras
import numpy as np

import plait


def main(epochs: int = 40) -> None:
    train, test = recordings()
    model = plait.nets.fusion(train, width=32, optimizer=keras.optimizers.Adam(0.003))  # an encoder an input, a head a target
    report = plait.check(train, model)
    assert report, report
    model.summary()
    found = scores(model, train, test, epochs)
    alike = plait.nets.fusion(train, width=32)
    alike.compile(keras.optimizers.Adam(0.003), {"activity": "sparse_categorical_crossentropy", "strength": "mse"})
    equal = scores(alike, train, test, epochs)
    strength = test["strength"].values()
    plain = {"activity": 0.25, "strength": np.abs(strength - strength.mean()).mean()}
    for name, unit in (("activity", "right"), ("strength", "off, in the mean")):
        print(f"{name}: {found[name]:.3g} {unit}; with equal weights {equal[name]:.3g}; without a model {plain[name]:.3g}")
    assert found["activity"] > 0.7 and found["strength"] < 0.8 * plain["strength"]


def recordings() -> tuple[plait.Dataset, plait.Dataset]:
    recorded = np.load(Path(__file__).parent / "data" / "basic_motions.npz")
    first, second = recorded["motion"][:, :50], recorded["motion"][:, 50:]
    arrays = plait.Arrays(
        accelerometer=first[:, :, :3],
        gyroscope=first[:, :, 3:],
        activity=recorded["activity"],
        strength=1000 * np.linalg.norm(second[:, :, :3].std(axis=1), axis=1),
    )
    data = plait.Dataset(
        inputs={"accelerometer": arrays["accelerometer"], "gyroscope": arrays["gyroscope"]},
        targets={"activity": arrays["activity"], "strength": arrays["strength"]},
    )
    data = data.map(plait.Vocabulary.fit(data["activity"]), on="activity")
    return data.split(0.7, seed=0, stratify="activity")


def scores(model: keras.Model, train: plait.Dataset, test: plait.Dataset, epochs: int) -> dict[str, float]:
    model.fit(plait.Loader(train, 16, seed=0), epochs=epochs, verbose=0)
    answers = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    right = np.mean(answers["activity"].argmax(axis=1) == test["activity"].values())
    return {"activity": right, "strength": np.abs(answers["strength"][:, 0] - test["strength"].values()).mean()}


if __name__ == "__main__":
    main()
