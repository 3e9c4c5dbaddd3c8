"""S1. Step feeds step: five numbers, whether a visitor is engaged, and how long the visit lasts.

The data are declared: `engaged` is a coin with the mean of the five numbers as its probability, `duration` is normal around 10 minutes for
the engaged and 2 for the rest. The model learns both heads from samples; since the truth is known it is held against that, too.
"""

import keras
import numpy as np

import plait

sessions = plait.Graph(
    {
        "x": lambda rng, n: rng.random((n, 5)),
        "engaged": lambda rng, x: rng.random(len(x)) < x.mean(axis=1),
        "duration": lambda rng, engaged: rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)),
    },
    inputs=["x"],
    targets=["engaged", "duration"],
)


def main(epochs: int = 6) -> None:
    print(sessions)
    train, test = sessions.sample(20_000, seed=0), sessions.sample(5000, seed=1)

    keras.utils.set_random_seed(0)
    x = keras.Input((5,), name="x")
    hidden = keras.layers.Dense(16, activation="relu")(x)
    heads = [keras.layers.Dense(1, activation="sigmoid", name="engaged")(hidden), keras.layers.Dense(1, name="duration")(hidden)]
    model = keras.Model(x, heads)
    model.compile(keras.optimizers.Adam(0.01), loss={"engaged": "binary_crossentropy", "duration": "mse"})
    assert plait.check(train, model)
    model.fit(plait.Loader(train, 128, seed=0), epochs=epochs, verbose=0)

    predicted = model.predict(plait.Loader(test, 256, shuffle=False), verbose=0)
    truth = {name: test[name].values() for name in ("x", "engaged", "duration")}
    share, duration = (np.asarray(part)[:, 0] for part in predicted)
    expected = truth["x"].mean(axis=1)
    print(
        f"engaged : off the true probability by {np.abs(share - expected).mean():.3f}; without a model {np.abs(0.5 - expected).mean():.3f}"
    )
    off, plain = np.std(duration - (2 + 8 * expected)), np.std(8 * expected)
    print(f"duration: off the true mean by {off:.2f} minutes; without a model {plain:.2f}")
    assert np.abs(share - expected).mean() < 0.5 * np.abs(0.5 - expected).mean() and off < 0.5 * plain

    engaged = sessions.sample(5000, seed=1, given={"engaged": True})
    print(
        f"were all engaged, a visit would last {engaged['duration'].values().mean():.1f} instead of {truth['duration'].mean():.1f} minutes"
    )
    assert (engaged["x"].values() == truth["x"]).all()  # what comes before is not touched by an intervention


if __name__ == "__main__":
    main()
