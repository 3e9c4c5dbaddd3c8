"""N2. Two sensors, (100, 1) and (100, 2), to a series of 100: where a pen was up and down, from where it was left and right, and its speed.

The data are the demo's handwriting: the paths of 3 580 characters, drawn by a hundred hands (Omniglot; Lake et al. 2015), at 100 times
each; the second sensor says how far the pen went, and when it was lifted. Neither says up or down, so that several answers are right:
`plait.Flow` draws them, with a recurrent branch for each sensor before convolutions over time (`recurrent=False`: convolutions alone).
It is scored on hands that it has never seen: by the energy score (the mean distance to the truth, less half the mean distance between
draws), by what tells its series, with their sensors, from real ones (an AUC, 0.5 for a coin), and by the error of a forecast of the next
value that was learned from its series (Yoon et al. 2019), tested on real ones. Beside it stand the series of the likest known sensors,
those of the two likest, which are drawn from, and the mean series.
"""

import tempfile
from pathlib import Path

import numpy as np

import plait
from plait.demo.handwriting import unpack

TOLD = ("across", "speed")


def main(epochs: int = 60, rows: int = 3580, draws: int = 8, recurrent: bool = True) -> None:
    train, test = (only(part) for part in paths(rows).split(0.8, seed=0, by="hand"))
    flow = trained(train, epochs, recurrent)

    given = {name: np.repeat(test[name].values(), draws, axis=0) for name in TOLD}
    drawn = flow.sample(len(test) * draws, seed=0, given=given)["up"].values().reshape(len(test), draws, -1)
    truth, known = (part["up"].values().reshape(len(part), -1) for part in (test, train))
    near = likest(train, test)
    guesses = {
        "drawn by the flow": drawn,
        "of the likest sensors": known[near[:, :1]],
        "of the two likest sensors": known[near],
        "the mean series": np.repeat(known.mean(axis=0)[None, None], len(truth), axis=0),
    }
    scores = {name: energy(guess, truth) for name, guess in guesses.items()}
    print(f"{'':26}  energy score  told from real  forecast off by")
    for name, guess in guesses.items():
        print(f"{name:26}  {scores[name]:12.3f}  {told_apart(train, test, guess[:, 0]):14.2f}  {forecast(guess[:, 0], truth):15.4f}")
    print(f"{'learned from real series':26}  {'':12}  {'':14}  {forecast(truth, truth):15.4f}")
    ours = scores.pop("drawn by the flow")
    assert drawn.shape == (len(test), draws, 100)
    assert epochs < 20 or ours < min(scores.values())


def trained(train: plait.Dataset, epochs: int, recurrent: bool, seed: int = 0) -> plait.Flow:
    return plait.Flow.fit(train, epochs=epochs, units=32, learning_rate=0.003, recurrent=recurrent, seed=seed)


def paths(rows: int) -> plait.Dataset:
    """The pen at 100 times: across and up, as shares of the paper, less their mean; how far it went, and whether it was lifted."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        labels = plait.Csv(f"{folder}/labels.csv", key="id")
        pens = plait.Npy(f"{folder}/pens/{{id}}.npy", shape=(None, 3))
        ragged = plait.Dataset(inputs={"pen": pens, "hand": labels["hand"]}).take(slice(rows))
        values = ragged.read(["pen", "hand"], np.arange(len(ragged)))
    pen = np.stack([at_times(path) for path in values["pen"]])
    moved = np.linalg.norm(np.diff(pen[..., :2], axis=1, prepend=pen[:, :1, :2]), axis=2)
    lifted = np.diff(pen[..., 2], axis=1, prepend=pen[:, :1, 2]) > 0
    place = pen[..., :2] - pen[..., :2].mean(axis=1, keepdims=True)
    arrays = plait.Arrays(
        across=place[..., :1].astype(np.float32),
        speed=np.stack([moved, lifted], axis=2).astype(np.float32),
        up=place[..., 1:].astype(np.float32),
        hand=values["hand"],
    )
    return plait.Dataset(inputs={name: arrays[name] for name in (*TOLD, "hand")}, targets={"up": arrays["up"]})


def at_times(path: np.ndarray) -> np.ndarray:
    """(points, 3) as (100, 3): at times that are evenly spread; the number of the stroke stays whole."""
    old, new = np.linspace(0, 1, len(path)), np.linspace(0, 1, 100)
    stroke = path[np.searchsorted(old, new).clip(0, len(path) - 1), 2]
    return np.stack([np.interp(new, old, path[:, 0]), np.interp(new, old, path[:, 1]), stroke], axis=1)


def only(part: plait.Dataset) -> plait.Dataset:
    """Without the hand."""
    return plait.Dataset(inputs={name: part[name] for name in TOLD}, targets={"up": part["up"]})


def likest(train: plait.Dataset, test: plait.Dataset) -> np.ndarray:
    """(samples, 2) the rows of the training part whose sensors are nearest."""
    ours, theirs = (
        np.concatenate([part[n].values().reshape(len(part), -1) / train[n].values().std() for n in TOLD], axis=1) for part in (test, train)
    )
    return np.array([np.square(theirs - row).sum(axis=1).argsort()[:2] for row in ours])


def energy(draws: np.ndarray, truth: np.ndarray) -> float:
    """The energy score (Gneiting and Raftery 2007) of (samples, draws, numbers), less is better."""
    n, off = draws.shape[1], np.linalg.norm(draws - truth[:, None], axis=2).mean()
    apart = np.linalg.norm(draws[:, :, None] - draws[:, None], axis=3).sum(axis=(1, 2)).mean() / max(1, n * (n - 1))
    return float(off - apart / 2)


def told_apart(train: plait.Dataset, test: plait.Dataset, series: np.ndarray) -> float:
    """The AUC of trees that tell one half of the samples, with these series, from the other half, with the real ones."""
    arrays = plait.Arrays(**{name: test[name].values() for name in TOLD}, up=series.reshape(-1, 100, 1).astype(np.float32))
    made = plait.Dataset(inputs={name: arrays[name] for name in TOLD}, targets={"up": arrays["up"]})
    report = plait.compare(test.take(slice(0, None, 2)), made.take(slice(1, None, 2)), train=train)
    return next(finding.values["value"] for finding in report if finding.id == "detection")


def forecast(series: np.ndarray, truth: np.ndarray) -> float:
    """The root mean square error, on real series, of the next value as it follows in these from the five before, linearly."""
    before, after = (np.lib.stride_tricks.sliding_window_view(s, 6, axis=1).reshape(-1, 6) for s in (series, truth))
    weights = np.linalg.lstsq(before[:, :5], before[:, 5], rcond=None)[0]
    return float(np.square(after[:, :5] @ weights - after[:, 5]).mean() ** 0.5)


if __name__ == "__main__":
    main()
