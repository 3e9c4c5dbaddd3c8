"""I6. Users of tf.data and of PyDataset go on as they are: what they have goes in, what their loops take comes out.

The data are scikit-learn's handwritten digits: the upper and the lower half of each as two inputs, which digit it is and how much ink it
took as two targets. A PyDataset that yields them becomes a plait.Dataset, with all that this brings: splits, a check, an exact order.
Where TensorFlow is the backend, a tf.data.Dataset goes the same way, and comes out again as one.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait


class Halves(keras.utils.PyDataset):
    """As a user has it: batches of ((upper, lower), {"digit": ..., "ink": ...}) by number."""

    def __init__(self, images: np.ndarray, label: np.ndarray) -> None:
        super().__init__()
        self.images, self.label = images, label

    def __len__(self) -> int:
        return -(-len(self.images) // 32)

    def __getitem__(self, index: int):
        rows = slice(index * 32, index * 32 + 32)
        images = self.images[rows]
        return (images[:, :4], images[:, 4:]), {"digit": self.label[rows], "ink": images.mean(axis=(1, 2))}


def main(epochs: int = 10) -> None:
    digits = load_digits()
    images, label = (digits.images / 16).astype("float32"), digits.target
    data = plait.Dataset.of(Halves(images, label), inputs=["upper", "lower"])  # the parts of a tuple need names
    print(data)
    train, test = prepared(data)
    model = network()
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 32, seed=0), epochs=epochs, verbose=0)
    score(model, test)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        parts = {"upper": images[:, :4], "lower": images[:, 4:]}, {"digit": label, "ink": images.mean(axis=(1, 2))}
        mine = tf.data.Dataset.from_tensor_slices(parts).batch(32)
        train, test = prepared(plait.Dataset.of(mine))
        ready = plait.Loader(train, 32, seed=0).to_tf()  # a tf.data.Dataset again, shuffled anew in every epoch
        noisy = ready.map(lambda x, y: ({name: half + tf.random.normal(tf.shape(half), stddev=0.05) for name, half in x.items()}, y))
        model = network()
        model.fit(noisy, epochs=epochs, verbose=0)
        score(model, test)


def prepared(data: plait.Dataset) -> tuple[plait.Dataset, plait.Dataset]:
    train, test = data.split(0.8, seed=0, stratify="digit")
    scale = plait.Standardize.fit(train["ink"])
    return train.map(scale, on="ink"), test.map(scale, on="ink")


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    halves = [keras.Input((4, 8), name=name) for name in ("upper", "lower")]
    flat = keras.layers.Concatenate()([keras.layers.Flatten()(half) for half in halves])
    shared = keras.layers.Dense(64, activation="relu")(flat)
    heads = {"digit": keras.layers.Dense(10, activation="softmax")(shared), "ink": keras.layers.Dense(1)(shared)}
    model = keras.Model(halves, heads)
    model.compile(keras.optimizers.Adam(0.003), {"digit": "sparse_categorical_crossentropy", "ink": "mse"})
    return model


def score(model: keras.Model, test: plait.Dataset) -> None:
    predicted = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    digit, ink = test["digit"].values(), test["ink"].values()
    right, majority = np.mean(predicted["digit"].argmax(axis=1) == digit), np.bincount(digit).max() / len(digit)
    error, spread = np.abs(predicted["ink"][:, 0] - ink).mean(), np.abs(ink - ink.mean()).mean()
    print(f"digit: {right:.0%} right (the most frequent one: {majority:.0%}); ink: off by {error:.2f} (the mean: {spread:.2f})")
    assert right > 0.8 and error < 0.5 * spread


if __name__ == "__main__":
    main()
