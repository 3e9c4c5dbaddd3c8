"""S3. A joint distribution from domain knowledge: disease, severity and a scan, with what-ifs and evidence.

The graph is made up: the risk of a disease grows with age and smoking, severity is zero for the healthy, a biomarker follows severity and
a small scan shows it. A model reads disease and severity off scan and marker. Then the same graph answers two questions by itself: what
if nobody smoked (`given` sets a variable), and who smokes, given a high marker (`condition` observes it).
"""

import keras
import numpy as np

import plait
from plait.distributions import Bernoulli, Gamma, Normal, Uniform, ZeroInflated


def blob(severity: np.ndarray) -> np.ndarray:
    """(n, 16, 16, 1): a bright spot, the wider the graver."""
    y, x = np.mgrid[-1:1:16j, -1:1:16j].astype(np.float32)
    wide = 0.05 + 0.1 * severity[:, None, None]
    return np.where(severity[:, None, None] > 0, np.exp(-(x**2 + y**2) / wide), 0)[..., None].astype(np.float32)


trial = plait.Graph(
    {
        "age": Uniform(20, 80),
        "smokes": Bernoulli(0.3),
        "severity": ZeroInflated(lambda age, smokes: 1 / (1 + np.exp(0.06 * (age - 65) + 1.5 * smokes)), Gamma(4, 0.5)),
        "disease": lambda severity: severity > 0,
        "marker": Normal(lambda severity: 1 + 2 * severity, 0.8),
        "scan": lambda rng, severity: rng.normal(blob(severity), 0.3),
    },
    inputs=["age", "marker", "scan"],
    targets=["disease", "severity"],
)


def main(epochs: int = 4) -> None:
    print(trial)
    trial.draw().save("trial.svg")
    train, test = trial.sample(4000, seed=0), trial.sample(1000, seed=1)
    scale = plait.Standardize.fit(train["age"])
    train, test = train.map(scale, on="age"), test.map(scale, on="age")

    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input(spec.shape or (1,), name=name) for name, spec in train.inputs.items()}
    seen = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs["scan"]))
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()([seen, inputs["age"], inputs["marker"]]))
    heads = [keras.layers.Dense(1, activation="sigmoid", name="disease")(hidden), keras.layers.Dense(1, name="severity")(hidden)]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(0.003), loss={"disease": "binary_crossentropy", "severity": "mse"})
    assert plait.check(train, model)
    model.fit(plait.Loader(train, 64, seed=0), epochs=epochs, verbose=0)

    disease, severity = (np.asarray(part)[:, 0] for part in model.predict(plait.Loader(test, 256, shuffle=False), verbose=0))
    truth = {name: test[name].values() for name in test.targets}
    wrong, most = np.mean((disease > 0.5) != truth["disease"]), min(truth["disease"].mean(), 1 - truth["disease"].mean())
    error, plain = np.abs(severity - truth["severity"]).mean(), np.abs(truth["severity"] - np.median(truth["severity"])).mean()
    print(f"disease : {wrong:.3f} wrong; without a model {most:.3f}\nseverity: error {error:.2f}; without a model {plain:.2f}")
    assert wrong < 0.5 * most and error < 0.6 * plain

    rate = {smokes: trial.sample(20_000, seed=0, given={"smokes": smokes})["disease"].values().mean() for smokes in (False, True)}
    print(f"were nobody a smoker {rate[False]:.0%} would be ill, were all {rate[True]:.0%}")
    found = trial.condition({"marker": 6.0}, 20_000, seed=0)
    print(f"of those with a marker of 6 {found.mean('smokes'):.0%} smoke, of all 30% ({found})")
    assert rate[True] > rate[False] + 0.1 and found.mean("smokes") > 0.33


if __name__ == "__main__":
    main()
