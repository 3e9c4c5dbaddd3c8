"""S6. A generator that was trained before and saved is the source of the data: 100 numbers of noise in, 7 columns out.

Columns 0 to 4 are the inputs, columns 5 and 6 the two targets. The generator of this example is made here, in place of one from a file
server: its weights are drawn once, so that both targets depend on the inputs and on something the inputs do not show. It is saved
as `.keras` and as legacy `.h5`, loaded from both, and a model with two outputs is trained on its endless data.
"""

import keras
import numpy as np

import plait


def main(epochs: int = 5) -> None:
    saved_generator().save("gan.keras")
    saved_generator().save("gan.h5")
    old, legacy = (plait.Pretrained(path, noise=100, inputs={"x": slice(0, 5)}, targets={"y1": 5, "y2": 6}) for path in PATHS)

    data = old.sample(2000, seed=0)
    print(data)
    same = legacy.sample(2000, seed=0)
    assert all(np.array_equal(data[name].values(), same[name].values()) for name in ("x", "y1", "y2"))
    again = old.sample(2000, seed=0)
    assert np.array_equal(data["x"].values(), again["x"].values())

    x = keras.Input((5,), name="x")
    hidden = keras.layers.Dense(64, activation="relu")(x)
    model = keras.Model(x, [keras.layers.Dense(1, name="y1")(hidden), keras.layers.Dense(1, name="y2")(hidden)])
    model.compile(keras.optimizers.Adam(0.003), loss={"y1": "mse", "y2": "mse"})
    endless = old.stream(seed=1)
    model.fit(plait.Loader(endless, 256, steps=40), epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(data, 500, shuffle=False), verbose=0)
    for name, values in zip(("y1", "y2"), predicted, strict=True):
        truth = data[name].values()
        explained = 1 - np.mean((truth - values[:, 0]) ** 2) / truth.var()
        print(f"{name}: {explained:.0%} of the variance explained")
        assert explained > 0.2


def saved_generator() -> keras.Model:
    """Noise (100,) to a row (7,), its weights drawn from a fixed seed."""
    noise = keras.Input((100,), name="noise")
    hidden = keras.layers.Dense(12, activation="tanh", kernel_initializer=keras.initializers.GlorotNormal(seed=1))(noise)
    row = keras.layers.Dense(7, kernel_initializer=keras.initializers.GlorotNormal(seed=2))(hidden)
    return keras.Model(noise, row, name="generator")


PATHS = ("gan.keras", "gan.h5")

if __name__ == "__main__":
    main()
