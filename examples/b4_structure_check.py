"""B4. Do the targets fit the model? Their number, their shapes, their labels and their losses, before the first batch.

The data are scikit-learn's handwritten digits: which digit, (samples,), and where its centre of ink lies, (samples, 2). Four models that
look right are each explained, and the one that is right is trained. `fit` refuses them too, with or without a check.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait

Dense = keras.layers.Dense


def main(epochs: int = 15) -> None:
    keras.utils.set_random_seed(0)
    images, label = load_digits().images, load_digits().target
    row, column = np.mgrid[:8, :8]
    ink = images / images.sum(axis=(1, 2), keepdims=True)
    centre = np.column_stack([(ink * row).sum((1, 2)), (ink * column).sum((1, 2))])
    arrays = plait.Arrays(image=images / 16, digit=label, centre=centre)
    data = plait.Dataset(inputs={"image": arrays["image"]}, targets={"digit": arrays["digit"], "centre": arrays["centre"]})
    train, test = data.split(0.8, seed=0, stratify="digit")
    scale = plait.Standardize.fit(train["centre"])
    train, test = (part.map(scale, on="centre") for part in (train, test))

    losses = {"digit": "sparse_categorical_crossentropy", "centre": "mse"}
    explain("a head is missing", train, network({"digit": Dense(10, activation="softmax")}), losses)
    explain("a head has another name", train, network({"digit": Dense(10, activation="softmax"), "center": Dense(2)}), losses)
    explain("one output where two are asked for", train, network({"digit": Dense(10, activation="softmax"), "centre": Dense(1)}), losses)
    explain("nine outputs for ten digits", train, network({"digit": Dense(9, activation="softmax"), "centre": Dense(2)}), losses)

    model = network({"digit": Dense(10, activation="softmax"), "centre": Dense(2)})
    model.compile("adam", losses)
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0, model=model), epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    digit, truth = test["digit"].values(), scale.inverse(test["centre"].values())
    accuracy, majority = np.mean(predicted["digit"].argmax(axis=1) == digit), np.bincount(digit).max() / len(digit)
    error, spread = np.abs(scale.inverse(predicted["centre"]) - truth).mean(), np.abs(truth.mean(axis=0) - truth).mean()
    print(f"digit:  {accuracy:.0%} right; the most frequent one would be right in {majority:.0%}")
    print(f"centre: off by {error:.2f}; the mean would be off by {spread:.2f}")
    assert accuracy > 0.8 and error < 0.7 * spread


def network(heads: dict[str, keras.layers.Layer]) -> keras.Model:
    image = keras.Input((8, 8), name="image")
    shared = Dense(64, activation="relu")(keras.layers.Flatten()(image))
    return keras.Model(image, {name: head(shared) for name, head in heads.items()})


def explain(what: str, train: plait.Dataset, model: keras.Model, losses: dict[str, str]) -> None:
    model.compile("adam", {name: losses.get(name, "mse") for name in model.output})
    report = plait.check(train, model)
    assert not report
    print(f"{what}:\n  " + "\n  ".join(str(finding) for finding in report.failures))
    try:
        model.fit(plait.Loader(train, 32), verbose=0)
    except (plait.CheckError, plait.SpecError) as error:
        print(f"  fit: {type(error).__name__}\n")
    else:
        raise AssertionError(f"fit took a model in which {what}")


if __name__ == "__main__":
    main()
