"""S2. A variable that nobody sees moves both targets: whether a customer leaves, and what the customer buys.

`z` is drawn, used, and not handed to the model. So the two targets depend on each other, more than their common inputs explain: a model
that knows the purchase tells churn better than one that does not. Columns drawn one by one would have lost that.
"""

import keras
import numpy as np

import plait

customers = plait.Graph(
    {
        "x": lambda rng, n: rng.random((n, 3)),
        "z": lambda rng, n: rng.normal(size=n),
        "churn": lambda rng, x, z: rng.random(len(x)) < 1 / (1 + np.exp(-(0.5 * z + x.sum(axis=1) - 2))),
        "purchase": lambda x, z: np.maximum(0, 50 + 10 * z + 5 * x.sum(axis=1)),
    },
    inputs=["x"],
    targets=["churn", "purchase"],
)


def main(epochs: int = 5) -> None:
    print(customers)
    train, test = customers.sample(10_000, seed=0), customers.sample(5000, seed=1)
    scale = plait.Standardize.fit(train["purchase"])

    both = trained(train.map(scale, on="purchase"), ["churn", "purchase"], epochs)
    alone = trained(train, ["churn"], epochs)
    bought = plait.Dataset(inputs={"x": train["x"], "purchase": train["purchase"]}, targets={"churn": train["churn"]})
    knowing = trained(bought.map(scale, on="purchase"), ["churn"], epochs)

    purchase = scale.inverse(both.predict(plait.Loader(test, 256, shuffle=False), verbose=0)["purchase"][:, 0])
    error, plain = np.std(purchase - test["purchase"].values()), np.std(test["purchase"].values())
    print(f"purchase: error {error:.2f}; without a model {plain:.2f}; about 10 is what z moves, and no model can know that")
    losses = {"x alone": loss(alone, test), "x and purchase": loss(knowing, known(test, scale))}
    share = test["churn"].values().mean()
    print(
        f"churn   : crossentropy {losses['x alone']} from x, {losses['x and purchase']} from x and purchase; "
        f"without a model {-(share * np.log(share) + (1 - share) * np.log(1 - share)):.3f}"
    )
    assert error < 0.99 * plain and losses["x and purchase"] < losses["x alone"] - 0.01


def known(data: plait.Dataset, scale: plait.Standardize) -> plait.Dataset:
    return plait.Dataset(inputs={n: data[n] for n in ("x", "purchase")}, targets={"churn": data["churn"]}).map(scale, on="purchase")


def trained(data: plait.Dataset, targets: list[str], epochs: int) -> keras.Model:
    keras.utils.set_random_seed(0)
    data = plait.Dataset(inputs={name: data[name] for name in data.inputs}, targets={name: data[name] for name in targets})
    inputs = {name: keras.Input(spec.shape or (1,), name=name) for name, spec in data.inputs.items()}
    joined = keras.layers.Concatenate()(list(inputs.values())) if len(inputs) > 1 else inputs["x"]
    hidden = keras.layers.Dense(16, activation="relu")(joined)
    heads = {"churn": keras.layers.Dense(1, activation="sigmoid", name="churn"), "purchase": keras.layers.Dense(1, name="purchase")}
    model = keras.Model(inputs, {name: heads[name](hidden) for name in targets})
    losses = {"churn": "binary_crossentropy", "purchase": "mse"}
    model.compile(keras.optimizers.Adam(0.01), loss={name: losses[name] for name in targets})
    assert plait.check(data, model)
    model.fit(plait.Loader(data, 128, seed=0), epochs=epochs, verbose=0)
    return model


def loss(model: keras.Model, data: plait.Dataset) -> float:
    data = plait.Dataset(inputs={name: data[name] for name in data.inputs}, targets={"churn": data["churn"]})
    return round(model.evaluate(plait.Loader(data, 256, shuffle=False), verbose=0, return_dict=True)["loss"], 3)


if __name__ == "__main__":
    main()
