"""S4. A joint distribution inferred from data by a copula, Gaussian beside vine, and judged on people that neither has seen.

The data are 442 people with diabetes (scikit-learn's, Efron et al. 2004): age, sex, body mass, blood pressure and values of the serum, and
two targets: how far the disease went within a year, and the blood sugar. Each copula learns from 331 of them and draws 3000. The same
model is trained on the real people and on each copula's; all are asked about the 111 others, where the mean is the baseline.
"""

import keras
import numpy as np
from sklearn.datasets import load_diabetes

import plait
from plait import constraints


def main(epochs: int = 60) -> None:
    people = load_diabetes(scaled=False)
    columns = dict(zip(people.feature_names, people.data.T, strict=True))
    columns["sex"] = np.where(columns["sex"] == 1, "first", "second")  # the data don't say which is which
    sugar = columns.pop("s6")
    arrays = plait.Arrays(columns, progress=people.target, sugar=sugar)
    data = plait.Dataset(inputs={name: arrays[name] for name in columns}, targets={name: arrays[name] for name in ("progress", "sugar")})
    train, test = data.split(0.75, seed=0)

    rules = [constraints.Bounds("age", 18, 90), constraints.Bounds("bmi", low=10)]
    gaussian = plait.GaussianCopula.fit(train, constraints=rules)
    vine = plait.VineCopula.fit(train, constraints=rules)
    ill = [vine.sample(1000, seed=0, given={"progress": worse})["bmi"].values().mean() for worse in (80.0, 280.0)]
    print(f"the vine's body mass given a progress of 80: {ill[0]:.1f}, given 280: {ill[1]:.1f}")  # any stream can be given
    assert ill[1] > ill[0] + 2

    tables = {"real": train, "Gaussian": gaussian.sample(3000, seed=1), "vine": vine.sample(3000, seed=1)}
    for name, table in tables.items():
        for target, error in errors(table, train, test, epochs).items():
            print(f"trained on {name:8} rows, {target:8}: {error:.2f} of the mean's squared error")
            assert error < 0.9

    report = plait.compare(test, tables["Gaussian"].take(slice(0, len(test))), train=train)
    report.to_html("diabetes.html")
    print(*(finding for finding in report if finding.id == "detection"))


def errors(table: plait.Dataset, train: plait.Dataset, test: plait.Dataset, epochs: int) -> dict[str, float]:
    """Of each target, for a model trained on this table: the squared error on the test part, as a share of the mean's."""
    for name in train.spec:
        step = plait.OneHot.fit(train[name]) if name == "sex" else plait.Standardize.fit(train[name])
        table, test = table.map(step, on=name), test.map(step, on=name)
    keras.utils.set_random_seed(0)
    parts = {name: keras.Input(spec.shape or (1,), name=name) for name, spec in table.inputs.items()}
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()(list(parts.values())))
    model = keras.Model(parts, {name: keras.layers.Dense(1, name=name)(hidden) for name in table.targets})
    model.compile(keras.optimizers.Adam(0.003), dict.fromkeys(table.targets, "mse"))
    report = plait.check(table, model)
    assert report, report
    model.fit(plait.Loader(table, 32, seed=0, steps=11), epochs=epochs, verbose=0)  # as many steps, whatever the table holds
    guess = model.predict(plait.Loader(test, 64, shuffle=False), verbose=0)
    truth = {name: test[name].values() for name in test.targets}
    return {name: float(np.square(guess[name][:, 0] - y).mean() / np.var(y)) for name, y in truth.items()}


if __name__ == "__main__":
    main()
