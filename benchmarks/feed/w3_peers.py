"""Who else reads a .npy and a .json file a sample, or packs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from frame import Candidate, Epochs
from photos import PLACES, SERIES
from w3 import BATCH, FILES, KERAS, MDS, PACKED, TF, TORCH, Data

__all__ = ["candidates"]

Sample = dict[str, Any]


def candidates(group: str) -> dict[str, Candidate]:
    return {"keras": _keras, "tensorflow": _tensorflow, "torch": _torch, "grain": _grain, "streams": _streams}[group]()


def sample(data: Data, row: int, held: tuple[np.ndarray, np.ndarray] | None) -> Sample:
    place, time = data.about(row) if held is None else (held[0][row], held[1][row])
    return {"series": np.load(data.path(row)).astype(np.float32), "place": np.int32(place), "time": np.float32(time)}


def stacked(samples: list[Sample]) -> Sample:
    return {name: np.stack([one[name] for one in samples]) for name in samples[0]}


def _keras() -> dict[str, Candidate]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
    from w1_peers import until_left

    class Batches(keras.utils.PyDataset):
        def __init__(self, data: Data, **options: Any) -> None:
            super().__init__(**options)
            self.data, self.held = data, data.documents()
            self.on_epoch_end()

        def on_epoch_end(self) -> None:
            self.order = np.random.permutation(self.data.rows)

        def __len__(self) -> int:
            return (self.data.rows + BATCH - 1) // BATCH

        def __getitem__(self, index: int) -> Any:
            return stacked([sample(self.data, row, self.held) for row in self.order[index * BATCH : (index + 1) * BATCH]])

    def opened(**options: Any) -> Any:
        def open(data: Data) -> Epochs:
            adapter = PyDatasetAdapter(Batches(data, **options), shuffle=False)
            return lambda: until_left(adapter)

        return open

    def generator(documents: bool) -> Any:
        def open(data: Data) -> Epochs:
            held = data.documents() if documents else None

            def epoch() -> Iterator[Sample]:
                order = np.random.permutation(data.rows)
                for start in range(0, data.rows, BATCH):
                    yield stacked([sample(data, row, held) for row in order[start : start + BATCH]])

            return epoch

        return open

    return {
        "generator, np.load": Candidate(generator(True), cases=FILES),
        "generator, np.load and json.load every time": Candidate(generator(False), cases=FILES),
        KERAS[0]: Candidate(opened(), cases=FILES),
        KERAS[1]: Candidate(opened(workers=2), cases=FILES, alone=True),
        "Keras PyDataset, 2 processes": Candidate(opened(workers=2, use_multiprocessing=True), cases=FILES, alone=True),
    }


def _torch() -> dict[str, Candidate]:
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)

    class Samples(Dataset):
        def __init__(self, data: Data) -> None:
            self.data, self.held = data, data.documents()

        def __len__(self) -> int:
            return self.data.rows

        def __getitem__(self, row: int) -> Sample:
            return sample(self.data, row, self.held)

    def opened(workers: int) -> Any:
        def open(data: Data) -> Epochs:
            loader = DataLoader(Samples(data), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
            return lambda: iter(loader)

        return open

    return {TORCH[0]: Candidate(opened(0), cases=FILES), TORCH[1]: Candidate(opened(2), cases=FILES, alone=True)}


def _tensorflow() -> dict[str, Candidate]:
    import tensorflow as tf

    def native(data: Data) -> Epochs:
        places, times = data.documents()

        def one(path: Any, place: Any, time: Any) -> Any:
            raw = tf.strings.substr(tf.io.read_file(path), 128, -1)
            return {"series": tf.cast(tf.reshape(tf.io.decode_raw(raw, tf.float64), SERIES), tf.float32), "place": place, "time": time}

        options = tf.data.Options()
        options.deterministic = False
        made = tf.data.Dataset.from_tensor_slices(([data.path(row) for row in range(data.rows)], places, times)).shuffle(data.rows)
        made = made.map(one, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE).with_options(options)
        return lambda: iter(made)

    return {TF: Candidate(native, cases=FILES, alone=True)}


def _grain() -> dict[str, Candidate]:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()

    def opened(data: Data) -> Epochs:
        held = data.documents()
        samples = grain.MapDataset.range(data.rows).shuffle(seed=0).map(lambda row: sample(data, int(row), held)).batch(BATCH)
        made = samples.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=8))
        return lambda: iter(made)

    return {"Grain, 2 threads": Candidate(opened, cases=FILES, alone=True)}


def _streams() -> dict[str, Candidate]:
    def shards(data: Data, packed: bool) -> Epochs:
        import webdataset as wds

        folder = _written(f"{data.folder}-wds", lambda partial: _write_tar(data, partial))
        tars = sorted(map(str, folder.glob("*.tar")))

        def decoded(found: dict[str, Any]) -> Sample:
            about = json.loads(found["json"])
            series = np.frombuffer(found["npy"], np.float64, offset=128).reshape(SERIES).astype(np.float32)
            return {"series": series, "place": np.int32(PLACES.index(about["location"])), "time": np.float32(about["time"])}

        made = wds.WebDataset(tars, shardshuffle=len(tars), empty_check=False, verbose=False).shuffle(1000)
        made = made.map(decoded).batched(BATCH, collation_fn=stacked, partial=True)
        return lambda: iter(made)

    def mds(data: Data, packed: bool) -> Epochs:
        from torch.utils.data import DataLoader
        from w2_streams import streaming

        module = streaming()
        folder = _written(f"{data.folder}-mds", lambda partial: _write_mds(module, data, partial))
        module.base.util.clean_stale_shared_memory()
        made = module.StreamingDataset(local=str(folder), shuffle=True, batch_size=BATCH)
        loader = DataLoader(made, BATCH, collate_fn=stacked)
        return lambda: iter(loader)

    def spdl(data: Data) -> Epochs:
        from spdl.pipeline import PipelineBuilder

        held = data.documents()

        def epoch() -> Iterator[Sample]:
            builder = PipelineBuilder().add_source(np.random.permutation(data.rows))
            made = builder.pipe(lambda row: sample(data, int(row), held), concurrency=2).aggregate(BATCH).pipe(stacked).add_sink(3)
            with (pipeline := made.build(num_threads=2)).auto_stop():
                yield from pipeline.get_iterator(timeout=60)

        return epoch

    return {
        "SPDL, 2 threads": Candidate(spdl, cases=FILES, alone=True),
        "webdataset": Candidate(shards, cases=PACKED, alone=True),
        MDS: Candidate(mds, cases=PACKED, alone=True),
    }


def _written(name: str, write: Any) -> Path:
    folder, partial = Path(name), Path(f"{name}.partial")
    if not folder.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        write(partial)
        partial.rename(folder)
    return folder


def _write_tar(data: Data, partial: Path) -> None:
    import webdataset as wds

    with wds.ShardWriter(f"{partial}/%04d.tar", maxcount=1000, verbose=0) as sink:
        for row in range(data.rows):
            files = {ending: Path(data.path(row, ending)).read_bytes() for ending in ("npy", "json")}
            sink.write({"__key__": f"{row:05}", **files})


def _write_mds(module: Any, data: Data, partial: Path) -> None:
    places, times = data.documents()
    columns = {"series": f"ndarray:float32:{','.join(map(str, SERIES))}", "place": "int32", "time": "float32"}
    with module.MDSWriter(out=str(partial), columns=columns, exist_ok=True) as sink:
        for row in range(data.rows):
            series = np.load(data.path(row)).astype(np.float32)
            sink.write({"series": series, "place": places[row], "time": times[row]})
