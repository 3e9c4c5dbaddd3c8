"""A run that was killed and started again ends with the weights of one that was not, on the backend of this process."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from disks import small_disk
from keras.src.backend.common import global_state

import plait
from plait.pairs import read_pair
from plait.randomness import random_states, restore_random_states

SCRIPT = Path(__file__).parent.parent / "support" / "killed_run.py"
KILLS = int(os.environ.get("PLAIT_KILLS", "0"))  # so many kill points a kind and number of workers, for a long run
BACKEND = os.environ["KERAS_BACKEND"]


@pytest.fixture(scope="module")
def server():
    """A process that has imported Keras and forks for every run."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def run(server, state: Path, kind: str, workers: int, *, processes=False, every=1, **kill):
    """One run of the same training, from wherever the state says: how it ended."""
    state.parent.mkdir(exist_ok=True)
    asked = {"kind": kind, "workers": workers, "processes": processes, "state": str(state), "every": every, **kill}
    server.stdin.write(json.dumps(asked) + "\n")
    server.stdin.flush()
    for line in server.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError("the server ended")


def same(found, expected):
    return {k: v for k, v in found.items() if k != "seconds"} == {k: v for k, v in expected.items() if k != "seconds"}


@pytest.mark.parametrize(
    ("kind", "workers", "kills"),
    [
        ("plain", 2, [{"event": 14}, {"batch": 5, "how": "SIGTERM"}]),
        *([("bucket", 0, [{"event": 33}]), ("shards", 2, [{"share": 0.3}])] if BACKEND == "torch" else []),  # the quickest
    ],
)
def test_killed_runs_end_with_the_same_weights_audit_and_bad_samples(server, tmp_path, kind, workers, kills):
    expected = run(server, tmp_path / "whole" / "run.json", kind, workers, every=2)
    assert expected["status"] == 0 and "1 of 48 left out" in expected["errors"]
    for kill in kills:
        moment = {"after": kill["share"] * expected["seconds"]} if "share" in kill else kill
        assert run(server, tmp_path / "killed" / "run.json", kind, workers, **moment)["status"] == -getattr(
            signal, kill.get("how", "SIGKILL")
        )
    assert same(run(server, tmp_path / "killed" / "run.json", kind, workers), expected)


@pytest.mark.skipif(not KILLS, reason="PLAIT_KILLS=2 runs that many kills of every kind, 20 in all, for minutes")
@pytest.mark.parametrize(
    ("kind", "workers", "processes"),
    [
        *[(kind, workers, False) for kind in ("plain", "bucket", "balance", "shards") for workers in (0, 2)],
        ("plain", 2, True),
        ("bucket", 2, True),
    ],
)
def test_many_kills(server, tmp_path, kind, workers, processes):
    rng = np.random.default_rng([20260115, workers, processes, *kind.encode()])
    expected = run(server, tmp_path / "whole" / "run.json", kind, workers, every=3)
    kills = chain = 0
    while kills < KILLS:
        chain += 1
        state, status = tmp_path / f"killed{chain}" / "run.json", -1
        for _ in range(int(rng.integers(1, 4))):  # kills of one run, which then goes on to its end
            how = ["event", "after", "batch"][int(rng.integers(3))]
            after = rng.random() * expected["seconds"]
            moment = {"event": int(rng.integers(1, 150)), "after": after, "batch": int(rng.integers(1, 9))}[how]
            signals = "SIGTERM" if rng.random() < 0.2 else "SIGKILL"
            status = run(server, state, kind, workers, processes=processes, **{how: moment}, how=signals)["status"]
            assert status in (0, -signal.SIGKILL, -signal.SIGTERM)
            kills += status != 0
            if status == 0:
                break
        else:
            found = run(server, state, kind, workers, processes=processes)
            assert same(found, expected), (chain, found, expected)
    print(f"{kills} kills of {kind} with {workers} {'processes' if processes else 'threads'}")


@pytest.mark.parametrize("kind", ["balance", "bucket", "pad"])
def test_a_run_that_an_exception_ended_goes_on_with_buckets_and_balance_and_threads(tmp_path, kind):
    def train(state, stop_after=0):
        keras.utils.set_random_seed(3)
        model, loader = special(kind)
        callbacks = [plait.Resume(loader, state, every=2), Stop(stop_after)]
        model.fit(loader, epochs=3, callbacks=callbacks, verbose=0)
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    expected = train(tmp_path / "whole.json")
    for stop_after in (5, 4):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "stopped.json", stop_after)
    assert train(tmp_path / "stopped.json").tobytes() == expected.tobytes()


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="one step a call there")
@pytest.mark.parametrize(("first", "then"), [(2, 3), (3, 1), (1, 4)])
def test_a_run_goes_on_with_another_steps_per_execution(tmp_path, first, then):
    def train(steps, stop_after=0):
        keras.utils.set_random_seed(3)
        model, loader = small(rows=40)  # 10 batches an epoch
        model.compile("adam", "mse", steps_per_execution=steps)
        callbacks = [plait.Resume(loader, tmp_path / "run.json", every=1), *([Stop(stop_after)] if stop_after else [])]
        model.fit(loader, epochs=3, callbacks=callbacks, verbose=0)
        return model.get_weights(), loader

    keras.utils.set_random_seed(3)
    model, loader = small(rows=40)
    model.fit(loader, epochs=3, verbose=0)
    expected = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        train(first, stop_after=-(-10 // first) + 2)  # in the second epoch
    weights, loader = train(then)
    assert loader.step == 30
    assert loader.audit()
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected, strict=True))


def test_a_finished_run_trains_no_further_and_a_longer_one_goes_on(tmp_path, capsys):
    model, loader = small()
    path = tmp_path / "run" / "loader.json"
    model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path)], verbose=0)
    weights = model.get_weights()
    again, loader = small()
    assert again.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path)], verbose=0).history == {}
    assert all(np.array_equal(a, b) for a, b in zip(weights, again.get_weights(), strict=True))
    assert "loader.json is finished: 6 batches, 2 epochs; more are trained with fit(epochs=3); delete it and" in capsys.readouterr().out
    longer, loader = small()
    assert len(longer.fit(loader, epochs=3, callbacks=[plait.Resume(loader, path)], verbose=0).history["loss"]) == 1
    names = ["loader.json", "loader.json.6.end.npz", "loader.json.9.end.npz", "loader.json.previous"]
    assert sorted(os.listdir(path.parent)) == names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 5}, "batch_size was 4 and is 5"),
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"rows": 11}, "samples was 10 and is 11"),
        ({"keys": [f"k{i}" for i in range(10)]}, "keys was"),
        ({"step": np.negative}, "data_steps was .* and is .*negative on x"),
        ({"dtype": np.float64}, r"inputs was {'x': '\(3,\) float32'} and is {'x': '\(3,\) float64'}"),
        ({"units": 3}, "saved by another model.*first different at"),
    ],
)
def test_another_order_or_model_is_refused_with_the_difference(tmp_path, changes, message):
    model, loader = small()
    model.fit(loader, epochs=1, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)
    model, loader = small(**changes)
    with pytest.raises(plait.ResumeError, match=message):
        model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)


def other_values(x=lambda x: x, y=1.0, noise=0.1):
    values = np.random.default_rng(0).random((40, 3)).astype(np.float32)
    target = (y * values.sum(axis=1)).astype(np.float32)
    data = plait.Dataset(inputs={"x": plait.Arrays(x=values)}, targets={"y": plait.Arrays(y=target)})
    data = data.map(x, on="x").augment(lambda x, rng: x + (noise * rng.normal(0, 1, x.shape)).astype(np.float32), on="x")
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(1, name="y")])
    model.compile("sgd", "mse")
    return model, plait.Loader(data, 8, seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": lambda x: 2 * x}, "the values of 'x' were of mean [0-9.]+ and spread [0-9.]+ and are of mean"),
        ({"y": 3.0}, "the values of 'y' were of mean"),
        ({"noise": 0.5}, "the values of 'x' were of mean"),
    ],
)
def test_other_values_under_the_same_names_are_refused(tmp_path, changes, message):
    for given, refused in (({}, False), ({"x": lambda x: x * np.float32(1 + 1e-6)}, False), (changes, True)):
        model, loader = other_values(**given)
        resume = plait.Resume(loader, tmp_path / "loader.json")
        with pytest.raises(plait.ResumeError, match=message) if refused else contextlib.nullcontext():
            model.fit(loader, epochs=2, callbacks=[resume], verbose=0)


class Fifth(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 4:
            raise InterruptedError


@pytest.mark.parametrize("first", [True, False])
def test_what_other_callbacks_counted_goes_on_too(tmp_path, first):
    def fit(path, *more):
        keras.utils.set_random_seed(3)
        model, loader = other_values()
        resume = plait.Resume(loader, path)
        others = [
            keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10, cooldown=1),
            keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=5, restore_best_weights=True),
        ]
        history = model.fit(loader, epochs=9, callbacks=[*more, *([resume, *others] if first else [*others, resume])], verbose=0)
        return model, others, len(history.epoch)

    whole, (slower, early), epochs = fit(tmp_path / "whole.json")
    with pytest.raises(InterruptedError):
        fit(tmp_path / "loader.json", Fifth())
    again, (slower_again, early_again), rest = fit(tmp_path / "loader.json")
    assert 4 + rest == epochs < 9, "early stop was to end it"
    assert float(whole.optimizer.learning_rate) == float(again.optimizer.learning_rate) < 0.01
    for name in ("wait", "best", "cooldown_counter"):
        assert getattr(slower, name) == getattr(slower_again, name)
    assert (early.wait, early.best, early.best_epoch, early.stopped_epoch) == (
        early_again.wait,
        early_again.best,
        early_again.best_epoch,
        early_again.stopped_epoch,
    )
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights(), strict=True))


def test_what_other_callbacks_counted_is_not_put_into_others(tmp_path):
    model, loader = small()
    path = tmp_path / "loader.json"
    model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path), keras.callbacks.EarlyStopping(monitor="loss")], verbose=0)
    model, loader = small()
    with pytest.warns(UserWarning, match=r"what the callbacks \['EarlyStopping'\] counted is not put back, since they are \[\] now"):
        model.fit(loader, epochs=3, callbacks=[plait.Resume(loader, path)], verbose=0)


@pytest.mark.parametrize(
    ("content", "message"), [("{}", "is no run that plait saved"), ('{"format": 1, "arrays": "a", "plait": "0"}', "in format 1 by plait 0")]
)
def test_a_file_that_is_no_saved_run_is_refused(tmp_path, content, message):
    (tmp_path / "loader.json").write_text(content)
    before = signal.getsignal(signal.SIGTERM)
    model, loader = small()
    with pytest.raises(plait.ResumeError, match=message):
        model.fit(loader, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)
    assert signal.getsignal(signal.SIGTERM) is before


# damage


def saved(folder, **more):
    """A run of two pairs: (path, step of the last, step of the one before)."""
    model, loader = small()
    model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, folder / "loader.json", **more)], verbose=0)
    return folder / "loader.json"


def goes_on(path):
    """Where a run of that path goes on, and what it says."""
    model, loader = small()
    resume = plait.Resume(loader, path)
    resume.set_model(model)
    resume.on_train_begin()
    resume.on_train_end()
    return loader.step


@pytest.mark.parametrize("which", ["loader.json", "loader.json.6.end.npz"])
def test_any_flipped_bit_or_cut_of_a_pair_is_noticed_and_the_pair_before_it_is_used(tmp_path, which, capsys):
    whole = saved(tmp_path / "whole")
    content = (whole.parent / which).read_bytes()
    rng = np.random.default_rng(0)
    before = 0
    for number in range(60):
        shutil.copytree(whole.parent, tmp_path / str(number))
        damaged = bytearray(content[: rng.integers(len(content))] if number % 4 == 0 else content)
        if number % 4:
            damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        (tmp_path / str(number) / which).write_bytes(damaged)
        found = read_pair(str(tmp_path / str(number) / "loader.json"))
        assert found is not None
        if found[0]["step"] == 3:
            assert "is not whole" in found[2] or "is damaged" in found[2] or "was saved in format" in found[2] or "no run" in found[2]
            before += 1
        else:  # a bit that means nothing, of a date say
            sound = read_pair(str(whole))
            assert sound is not None and found[0] == sound[0] and all(found[1][n].tobytes() == sound[1][n].tobytes() for n in sound[1])
    assert before > 40
    assert goes_on(tmp_path / "0" / "loader.json") == 3 and goes_on(tmp_path / "0" / "loader.json") == 3
    assert goes_on(whole) == 6 and "goes on after 6 batches, in epoch 3; delete it" in capsys.readouterr().out


def test_a_run_goes_on_from_the_pair_before_a_damaged_one_and_says_so(tmp_path, capsys):
    path = saved(tmp_path / "run")
    os.truncate(tmp_path / "run" / "loader.json.6.end.npz", 100)
    assert goes_on(path) == 3
    assert (
        "loader.json' names 'loader.json.6.end.npz', which is damaged: BadZipFile" in capsys.readouterr().out and goes_on(path) == 3
    )  # it has taken its place


def test_a_run_that_an_exception_ended_can_be_ended_by_sigterm(tmp_path):
    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
    try:
        model, loader = small()
        with pytest.raises(KeyboardInterrupt):
            model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, tmp_path / "run.json"), Stop(2)], verbose=0)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [signal.SIGTERM, signal.SIGTERM]


def test_sigterm_in_validation_ends_the_run_after_it_with_the_epoch_saved(tmp_path):
    class Terminate(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            signal.raise_signal(signal.SIGTERM)

    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
    try:
        model, loader = small()
        resume = plait.Resume(loader, tmp_path / "run.json")
        model.fit(loader, epochs=1, validation_data=small()[1], callbacks=[resume, Terminate()], verbose=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [signal.SIGTERM] and goes_on(tmp_path / "run.json") == 3


def test_a_full_disk_leaves_the_last_save_and_training_goes_on_from_it_when_there_is_room(tmp_path):
    class Fill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                (path.parent / "full").write_bytes(bytes(shutil.disk_usage(path.parent).free - 8192))

    def run(path, *more):
        keras.utils.set_random_seed(1)
        model, loader = small()
        model.fit(loader, epochs=4, callbacks=[plait.Resume(loader, path), *more], verbose=0)
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    expected = run(tmp_path / "whole.json")
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "run" / "loader.json"
        with pytest.raises(
            plait.ResumeError,
            match=r"cannot be saved as '.*loader.json': No space left on device after \d+ bytes, and '.*run' has \d+ bytes free. What was "
            r"saved before is whole. Make room there, or name another path, and start the run again: it goes on from the last save",
        ):
            run(path, Fill())
        pairs = ["loader.json", "loader.json.3.end.npz", "loader.json.6.end.npz", "loader.json.previous"]
        assert sorted(os.listdir(path.parent)) == ["full", *pairs] and goes_on(path) == 6
        os.remove(path.parent / "full")
        assert run(path).tobytes() == expected.tobytes()


def test_a_folder_where_nothing_can_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(plait.ResumeError, match=r"cannot be saved as '.*loader.json': File exists. Nothing was saved before"):
        saved(tmp_path / "file")


def test_where_no_pair_is_whole_it_is_refused(tmp_path):
    path = saved(tmp_path / "run")
    for name in ("loader.json.6.end.npz", "loader.json.3.end.npz"):
        os.remove(tmp_path / "run" / name)
    with pytest.raises(
        plait.ResumeError,
        match=r"loader.json' names .*6.end.npz', which is damaged: FileNotFound.*previous' names .*3.end.npz'.*delete them to begin anew",
    ):
        goes_on(path)


def test_a_save_leaves_two_pairs_and_nothing_of_what_was_cut_short(tmp_path):
    path = saved(tmp_path / "run")
    for name in (".loader.json.12345678.part", "loader.json.4.npz", "loader.json.mine.npz", "loader.json2.4.npz"):
        (tmp_path / "run" / name).write_bytes(b"")
    model, loader = small()
    model.fit(loader, epochs=3, callbacks=[plait.Resume(loader, path)], verbose=0)
    assert sorted(os.listdir(tmp_path / "run")) == [
        "loader.json",
        "loader.json.6.end.npz",
        "loader.json.9.end.npz",
        "loader.json.mine.npz",
        "loader.json.previous",
        "loader.json2.4.npz",
    ]


# other numbers of hosts, other versions


def test_an_elastic_run_goes_on_with_other_shards_in_the_same_global_order(tmp_path):
    class Once(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    def loaders(count, batch):
        return [small(batch=batch, shard=(index, count), rows=37) for index in range(count)]

    def seen(loader, step):
        return loader.data.keys.take(loader.rows(step)).columns[0].tolist()

    for model, loader in loaders(2, 6):
        model.fit(loader, epochs=3, callbacks=[plait.Resume(loader, tmp_path / "run.json", elastic=True), Once()], verbose=0)
    assert sorted(os.listdir(tmp_path)) == ["run.json", "run.json.4.end.npz"]  # the first shard writes
    whole = loaders(1, 12)[0][1]
    for count, batch in ((1, 12), (3, 4), (4, 3), (12, 1)):
        parts = []
        for model, loader in loaders(count, batch):
            resume = plait.Resume(loader, tmp_path / "run.json", elastic=True)
            resume.set_model(model)
            resume.on_train_begin()
            resume.on_train_end()
            assert loader.step == 4
            parts.append(loader)
        for step in range(4, 12):
            assert sorted(row for part in parts for row in seen(part, step)) == sorted(seen(whole, step))
    model, loader = loaders(2, 5)[0]
    with pytest.raises(plait.ResumeError, match="global_batch was 12 and is 10"):
        model.fit(loader, epochs=3, callbacks=[plait.Resume(loader, tmp_path / "run.json", elastic=True)], verbose=0)
    model, loader = loaders(3, 4)[0]
    with pytest.raises(
        plait.ResumeError, match=r"batch_size was 6 and is 4; shard was \[0, 2\] and is \[0, 3\].*elastic=True\) goes on with another"
    ):
        model.fit(loader, epochs=3, callbacks=[plait.Resume(loader, tmp_path / "run.json")], verbose=0)


def test_a_version_that_gives_another_order_is_refused_and_another_version_of_plait_or_keras_is_not(tmp_path, monkeypatch):
    path = saved(tmp_path / "run")
    monkeypatch.setattr(plait, "__version__", "9.9")
    monkeypatch.setattr(keras, "__version__", "9.9")
    assert goes_on(path) == 6
    monkeypatch.setattr("plait.resume.ORDER_VERSION", 99)
    with pytest.raises(plait.ResumeError, match=r"\(plait .*, keras .*\) with another order of samples: order_version was 2 and is 99"):
        goes_on(path)


def test_looking_at_random_states_changes_none_and_a_generator_that_was_not_there_is_not_there_again():
    global_state.set_global_attribute("global_seed_generator", None)
    random.seed(5)
    states = random_states()
    assert "keras" not in states and random.random() == random.Random(5).random()
    expected = drawn()  # makes Keras's generator, of a number of Python's
    restore_random_states(states)
    random.random()
    assert drawn() == expected
    states = random_states()
    expected = drawn()
    global_state.set_global_attribute("global_seed_generator", None)  # as in a new process, where it is not made yet
    restore_random_states(states)
    assert drawn() == expected


def drawn():
    return np.asarray(keras.ops.convert_to_numpy(keras.random.uniform((2,)))).tolist(), random.random()


def test_arguments_of_resume_are_checked(tmp_path):
    with pytest.raises(plait.ArgumentError, match=r"Resume takes the plait.Loader"):
        plait.Resume(np.zeros(3), tmp_path / "x.json")  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match="every=0"):
        plait.Resume(small()[1], tmp_path / "x.json", every=0)


def small(batch=4, seed=0, rows=10, units=2, keys=None, shard=(0, 1), step=None, dtype=np.float32):
    x = np.random.default_rng(0).random((rows, 3)).astype(dtype)
    arrays = plait.Arrays(x=x, y=x.sum(1), key=keys)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    loader = plait.Loader(data if step is None else data.map(step, on="x"), batch, seed=seed, shard=shard)
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(units)(inputs)))
    model.compile("adam", "mse")
    return model, loader


class Stop(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def special(kind):
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(x=[rng.integers(1, 9, n) for n in rng.integers(1, 12, 50)], y=(rng.random(50) > 0.8).astype(int))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    more = {"balance": {"balance": "y", "workers": 4}, "bucket": {"bucket": {"x": [4, 12]}}, "pad": {"remainder": "pad", "workers": 1}}
    data = data if kind == "bucket" else data.map(plait.Pad(12), on="x")
    loader = plait.Loader(data, 16, seed=3, **more[kind])
    x = keras.Input((None,), dtype="int32", name="x")
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4)(x))))
    model.compile("adam", "mse")
    return model, loader


def test_a_loader_that_does_not_feed_the_fit_is_refused(tmp_path):
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.ones((8, 2), np.float32))}, targets={"y": plait.Arrays(y=np.ones(8, np.float32))})
    x = keras.Input((2,), name="x")
    model = keras.Model({"x": x}, {"y": keras.layers.Dense(1, name="y")(x)})
    model.compile("sgd", "mse")
    other = plait.Resume(plait.Loader(data, 4), tmp_path / "run.json")
    with pytest.raises(plait.ArgumentError, match=r"Resume was given a Loader that does not feed this fit.*model.fit\(loader, callbacks="):
        model.fit(plait.Loader(data, 4), callbacks=[other], verbose=0)
    assert not (tmp_path / "run.json").exists()


def test_elastic_is_for_another_number_of_shards_and_no_other_difference(tmp_path):
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.ones((9, 2), np.float32))}, targets={"y": plait.Arrays(y=np.ones(9, np.float32))})
    x = keras.Input((2,), name="x")
    model = keras.Model({"x": x}, {"y": keras.layers.Dense(1, name="y")(x)})
    model.compile("sgd", "mse")

    def run(**how):
        loader = plait.Loader(data, 4, **how)
        model.fit(loader, callbacks=[plait.Resume(loader, tmp_path / "run.json", elastic="remainder" in how)], verbose=0)

    run()
    with pytest.raises(plait.ResumeError, match=r"remainder was 'keep' and is 'pad'.*begin anew\.$"):
        run(remainder="pad")
