"""N6. A loss for each head, and a weight for each loss: what one asks for most is learned best.

The data are Wisconsin's breast tumours (scikit-learn's, UCI): from the means of ten measures of the nuclei, whether the tumour is
malignant (crossentropy), the largest radius (squared error) and the largest texture (absolute error). The three share a single
unit, so that they compete for it. The model is trained twice, once with all losses alike, once with a twentyfold weight on texture.
Within a head, samples have weights too: a malignant tumour that is missed counts three times.
"""

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer

import plait


def main(epochs: int = 40) -> None:
    tumours = load_breast_cancer()
    malignant = 1 - tumours.target
    arrays = plait.Arrays(
        mean=tumours.data[:, :10],
        malignant=malignant,
        radius=tumours.data[:, 20],
        texture=tumours.data[:, 21],
        count=np.where(malignant == 1, 3.0, 1.0),
    )
    data = plait.Dataset(
        inputs={"mean": arrays["mean"]},
        targets={name: arrays[name] for name in ("malignant", "radius", "texture")},
        weights={"malignant": arrays["count"]},
    )
    train, test = data.split(0.75, seed=0, stratify="malignant")
    for name in ("mean", "radius", "texture"):
        scale = plait.Standardize.fit(train[name])
        train, test = (part.map(scale, on=name) for part in (train, test))

    alike = errors(trained(train, epochs, texture=1), test)
    weighted = errors(trained(train, epochs, texture=20), test)
    truth = {name: test[name].values() for name in test.targets}
    plain = {name: np.abs(truth[name] - truth[name].mean()).mean() for name in ("radius", "texture")}
    plain["malignant"] = min(truth["malignant"].mean(), 1 - truth["malignant"].mean())
    for name in alike:
        print(f"{name:9}: error {alike[name]:.2f}; with more weight on texture {weighted[name]:.2f}; without a model {plain[name]:.2f}")
    assert alike["malignant"] < 0.5 * plain["malignant"] and alike["radius"] < 0.7 * plain["radius"]
    assert weighted["texture"] < 0.7 * plain["texture"] and weighted["texture"] < 0.8 * alike["texture"]


def trained(train: plait.Dataset, epochs: int, texture: float) -> keras.Model:
    keras.utils.set_random_seed(0)
    mean = keras.Input((10,), name="mean")
    shared = keras.layers.Dense(1, activation="tanh")(mean)
    heads = {name: keras.layers.Dense(1, name=name)(shared) for name in ("radius", "texture")}
    model = keras.Model(mean, {"malignant": keras.layers.Dense(1, activation="sigmoid")(shared), **heads})
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={"malignant": "binary_crossentropy", "radius": "mse", "texture": "mae"},
        loss_weights={"malignant": 1, "radius": 1, "texture": texture},
    )
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)
    return model


def errors(model: keras.Model, test: plait.Dataset) -> dict[str, float]:
    """The share of wrong answers, and mean absolute errors in standard deviations."""
    predicted = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    off = {name: np.abs(predicted[name][:, 0] - test[name].values()).mean() for name in ("radius", "texture")}
    return {"malignant": np.mean((predicted["malignant"][:, 0] > 0.5) != test["malignant"].values()), **off}


if __name__ == "__main__":
    main()
