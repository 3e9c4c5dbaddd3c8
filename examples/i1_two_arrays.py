"""I1. Two arrays as inputs of one model, (samples, 10) and (samples, 20), matched by the ids that each of them brings.

The data are Wisconsin's breast tumours (scikit-learn's, UCI): of the nuclei in 569 samples of tissue, ten measures as their mean, and
twenty more, their spread and their largest values. The second table lists the patients in another order, and a few are in one table
only. Asked is whether the tumour is malignant.
"""

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer

import plait


def main(epochs: int = 15) -> None:
    keras.utils.set_random_seed(0)
    tumours = load_breast_cancer()
    ids = np.array([f"p{number:03d}" for number in range(569)])
    other = np.random.default_rng(0).permutation(569)[:560]
    means = plait.Arrays(mean=tumours.data[:, :10], malignant=1 - tumours.target, key=ids)
    more = plait.Arrays(more=tumours.data[other, 10:], key=ids[other])
    data = plait.Dataset(inputs={"mean": means["mean"], "more": more}, targets={"malignant": means["malignant"]}, missing="drop")
    print(data, data.join, sep="\n")

    train, test = data.split(0.8, seed=0, stratify="malignant")
    for name in ("mean", "more"):
        scale = plait.Standardize.fit(train[name])
        train, test = (part.map(scale, on=name) for part in (train, test))

    mean, more = keras.Input((10,), name="mean"), keras.Input((20,), name="more")
    branches = [keras.layers.Dense(16, activation="relu")(branch) for branch in (mean, more)]
    malignant = keras.layers.Dense(1, activation="sigmoid", name="malignant")(keras.layers.Concatenate()(branches))
    model = keras.Model([mean, more], malignant)
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)

    truth = test["malignant"].values()
    right = np.mean((model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)[:, 0] > 0.5) == truth)
    majority = max(truth.mean(), 1 - truth.mean())
    print(f"malignant: {right:.0%} right; the more frequent answer would be right in {majority:.0%}")
    assert right > majority + 0.2


if __name__ == "__main__":
    main()
