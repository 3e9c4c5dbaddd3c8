"""I3. Many files a sample: sensor_i.npy (100 x 5, float64) and a text file with a literal dict beside it; location to id, Conv1D.

The data are the 80 recordings of BasicMotions (see data/README.md), five channels of a smart watch over 10 seconds. The metadata are made
up: the file says {'location': ..., 'time': ...} as Python prints it, which is parsed and never evaluated. Badminton is played in the
hall; for the rest, location and hour tell nothing. Asked is what the wearer is doing.
"""

from pathlib import Path

import keras
import numpy as np

import plait


def main(epochs: int = 40, folder: str = "i3_data") -> None:
    keras.utils.set_random_seed(0)
    write_files(Path(folder))
    motion = plait.Npy(f"{folder}/sensor_{{id}}.npy")
    meta = plait.Json(f"{folder}/meta_{{id}}.txt")
    answers = plait.Json(f"{folder}/answers.json", key="id")
    data = plait.Dataset(
        inputs={"motion": motion, "location": meta["location"], "time": meta["time"]}, targets={"activity": answers["activity"]}
    )
    train, test = data.split(0.5, seed=0, stratify="activity")
    steps = {
        "motion": plait.Standardize.fit(train["motion"]),
        "location": plait.Vocabulary.fit(train["location"], unknown="reserve"),
        "time": plait.Standardize.fit(train["time"]),
        "activity": plait.Vocabulary.fit(train["activity"]),
    }
    for name, step in steps.items():
        train, test = train.map(step, on=name), test.map(step, on=name)
    print(train)

    motion, location, time = (
        keras.Input((100, 5), name="motion"),
        keras.Input((), dtype="int32", name="location"),
        keras.Input((1,), name="time"),
    )
    moved = keras.layers.Conv1D(16, 5, strides=2, activation="relu")(motion)
    moved = keras.layers.GlobalAveragePooling1D()(keras.layers.Conv1D(16, 5, activation="relu")(moved))
    place = keras.layers.Embedding(len(steps["location"]), 4)(location)
    activity = keras.layers.Dense(4, activation="softmax", name="activity")(keras.layers.Concatenate()([moved, place, time]))
    model = keras.Model([motion, location, time], activity)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    report = plait.check(train, model)
    assert report, report
    model.fit(plait.Loader(train, 8, seed=0), epochs=epochs, verbose=0)

    truth = test["activity"].values()
    right = np.mean(model.predict(plait.Loader(test, 8, shuffle=False), verbose=0).argmax(axis=1) == truth)
    print(f"activity: {right:.0%} right; the most frequent one would be right in {np.bincount(truth).max() / len(truth):.0%}")
    assert right > 0.5


def write_files(folder: Path) -> None:
    recorded = np.load(Path(__file__).parent / "data" / "basic_motions.npz")
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for number, (motion, activity) in enumerate(zip(recorded["motion"], recorded["activity"], strict=True)):
        place = "hall" if activity == "badminton" else str(rng.choice(["hall", "park", "street"]))
        np.save(folder / f"sensor_{number}.npy", motion[:, :5].astype("float64"))
        (folder / f"meta_{number}.txt").write_text(str({"location": place, "time": round(float(rng.uniform(8, 20)), 1)}))
    plait.Json.write(plait.Arrays(activity=recorded["activity"], key={"id": [str(n) for n in range(80)]}), folder / "answers.json")


if __name__ == "__main__":
    main()
