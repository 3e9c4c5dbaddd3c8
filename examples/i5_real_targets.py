"""I5. Targets are data. What a generator draws at random cannot be learned, however the loss of training falls.

The data are 442 people with diabetes (scikit-learn's, Efron et al. 2004): from age, sex, body mass, blood pressure and four values of
the serum, how far the disease went within a year, and the blood sugar. The same model is trained on these, and on numbers that
`__getitem__` draws with the same mean and spread; both are asked about people they never saw.
"""

import keras
import numpy as np
from sklearn.datasets import load_diabetes

import plait


class DrawsItsTargets(keras.utils.PyDataset):
    """What not to do: targets that have nothing to do with the inputs, and other ones for the same person in every epoch."""

    def __init__(self, x: np.ndarray) -> None:
        super().__init__()
        self.x, self.rng = x, np.random.default_rng(0)

    def __len__(self) -> int:
        return -(-len(self.x) // 32)

    def __getitem__(self, index: int):
        x = self.x[index * 32 : index * 32 + 32]
        return x, {name: self.rng.normal(size=len(x)).astype("float32") for name in ("progress", "sugar")}


def main(epochs: int = 40) -> None:
    people = load_diabetes(scaled=False)
    arrays = plait.Arrays(person=people.data[:, :9], progress=people.target, sugar=people.data[:, 9])
    data = plait.Dataset(inputs={"person": arrays["person"]}, targets={"progress": arrays["progress"], "sugar": arrays["sugar"]})
    train, test = data.split(0.75, seed=0)
    for name in data.spec:
        scale = plait.Standardize.fit(train[name])
        train, test = (part.map(scale, on=name) for part in (train, test))

    real, drawn = network(), network()
    report = plait.check(train, real)
    assert report, report
    real.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)
    drawn.fit(DrawsItsTargets(train["person"].values()), epochs=epochs, verbose=0)

    for name, truth in ((name, test[name].values()) for name in test.targets):
        errors = [np.square(model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)[name][:, 0] - truth) for model in (real, drawn)]
        ours, random, mean = (float(error.mean()) for error in (*errors, np.square(truth - truth.mean())))
        print(f"{name:8}: squared error {ours:.2f}; trained on drawn targets {random:.2f}; the mean has {mean:.2f}")
        assert ours < 0.85 * mean and random > 0.85 * mean


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    person = keras.Input((9,), name="person")
    shared = keras.layers.Dense(16, activation="relu")(person)
    model = keras.Model(person, {name: keras.layers.Dense(1, name=name)(shared) for name in ("progress", "sugar")})
    model.compile(keras.optimizers.Adam(0.005), {"progress": "mse", "sugar": "mse"})
    return model


if __name__ == "__main__":
    main()
