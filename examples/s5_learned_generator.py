"""S5. Joint data from a generator that is trained here, in Keras: an autoregressive network, and a GAN told the class.

The data are scikit-learn's wines: thirteen measures of 178 bottles; asked are the grower (three of them) and the alcohol, which go
together. A model trained on nothing but generated bottles is tested on real ones that neither it nor the generator has seen.
"""

import keras
import numpy as np
from sklearn.datasets import load_wine

import plait

MEASURES = ("flavanoids", "color_intensity", "proline", "hue", "malic_acid")


def main(epochs: int = 200) -> None:
    keras.utils.set_random_seed(0)
    wine = load_wine()
    bottles = dict(zip(wine.feature_names, wine.data.T, strict=True)) | {"grower": wine.target}
    source = plait.Arrays(bottles)
    data = plait.Dataset(
        inputs={name: source[name] for name in MEASURES}, targets={"grower": source["grower"], "alcohol": source["alcohol"]}
    )
    train, test = data.split(0.7, seed=0, stratify="grower")
    kinds = {"grower": "category"}

    net = plait.Autoregressive.fit(train, kinds=kinds, epochs=epochs)
    gan = plait.GAN.fit(train, kinds=kinds, condition=["grower"], epochs=4 * epochs, units=64, batch_size=32)
    net.save("wine.plait")
    gan.generator.save("wine.keras")
    assert plait.load("wine.plait").sample(1, seed=0)["grower"].values() in (0, 1, 2)
    third = gan.sample(500, seed=0, given={"grower": 2})
    real = bottles["color_intensity"][wine.target == 2].mean()
    print(f"color of the third grower's wine: {third['color_intensity'].values().mean():.1f}, in truth {real:.1f}")

    for name, generated in ("real", train), ("Autoregressive", net.sample(1000, seed=1)), ("GAN", gan.sample(1000, seed=1)):
        right, error = trained_on(generated, test)
        print(f"trained on {name:14}: {right:.0%} of growers right, alcohol within {error:.2f} on average")
        assert right > 0.6 and error < np.abs(test["alcohol"].values() - train["alcohol"].values().mean()).mean()


def trained_on(train: plait.Dataset, test: plait.Dataset) -> tuple[float, float]:
    """Share of growers found, and mean absolute error of the alcohol, on the test part."""
    for name in MEASURES:
        scale = plait.Standardize.fit(train[name])
        train, test = (part.map(scale, on=name) for part in (train, test))
    inputs = [keras.Input((1,), name=name) for name in MEASURES]
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()(inputs))
    mean = keras.initializers.Constant(train["alcohol"].values().mean())
    grower = keras.layers.Dense(3, activation="softmax", name="grower")(hidden)
    model = keras.Model(inputs, [grower, keras.layers.Dense(1, bias_initializer=mean, name="alcohol")(hidden)])
    model.compile(keras.optimizers.Adam(0.01), loss={"grower": "sparse_categorical_crossentropy", "alcohol": "mse"})
    model.fit(plait.Loader(train, 32, steps=32), epochs=15, verbose=0)
    chances, alcohol = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    right = np.mean(chances.argmax(axis=1) == test["grower"].values())
    return float(right), float(np.abs(alcohol[:, 0] - test["alcohol"].values()).mean())


if __name__ == "__main__":
    main()
