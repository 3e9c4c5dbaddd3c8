"""Who else reads photos, masks and token lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from frame import Candidate, Epochs
from w2 import BATCH, DALI, FIRST, LATER, MASKS, TF, TF_CACHE, TORCH, Data

__all__ = ["candidates", "cv", "stacked"]

Sample = dict[str, np.ndarray]
Decode = Callable[[Data, int, int], Sample]  # data, row, size


def candidates(group: str) -> dict[str, Candidate]:
    from w2_streams import streams

    made = {"keras": _keras, "torch": _torch, "tensorflow": _tensorflow, "grain": _grain, "streams": streams, "dali": _dali}
    return made[group]()


def pil(data: Data, row: int, size: int) -> Sample:
    """As most users write it."""
    from PIL import Image

    with Image.open(data.path("photos", row)) as photo:
        found = {"photo": np.asarray(photo.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))}
    for name in MASKS:
        with Image.open(data.path(name, row)) as mask:
            found[name] = np.asarray(mask.resize((size, size), Image.Resampling.NEAREST))[..., None]
    found["tokens"] = data.padded([row])[0]
    return found


def cv(data: Data, row: int, size: int) -> Sample:
    """As those write it who have looked for the quickest decoders."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    photo = simplejpeg.decode_jpeg(Path(data.path("photos", row)).read_bytes())
    found = {"photo": cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)}
    for name in MASKS:
        mask = cv2.imread(data.path(name, row), cv2.IMREAD_GRAYSCALE)
        found[name] = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)[..., None]
    found["tokens"] = data.padded([row])[0]
    return found


def stacked(samples: list[Sample]) -> Sample:
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def _keras() -> dict[str, Candidate]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
    from w1_peers import until_left

    class Batches(keras.utils.PyDataset):
        def __init__(self, data: Data, size: int, decode: Decode, **options: Any) -> None:
            super().__init__(**options)
            self.data, self.size, self.decode = data, size, decode
            self.on_epoch_end()

        def on_epoch_end(self) -> None:
            self.order = np.random.permutation(self.data.rows)

        def __len__(self) -> int:
            return (self.data.rows + BATCH - 1) // BATCH

        def __getitem__(self, index: int) -> Any:
            return stacked([self.decode(self.data, row, self.size) for row in self.order[index * BATCH : (index + 1) * BATCH]])

    def opened(decode: Decode, **options: Any) -> Any:
        def open(data: Data, size: int) -> Epochs:
            adapter = PyDatasetAdapter(Batches(data, size, decode, **options), shuffle=False)
            return lambda: until_left(adapter)

        return open

    def generator(decode: Decode) -> Any:
        def open(data: Data, size: int) -> Epochs:
            def epoch() -> Iterator[Sample]:
                order = np.random.permutation(data.rows)
                for start in range(0, data.rows, BATCH):
                    yield stacked([decode(data, row, size) for row in order[start : start + BATCH]])

            return epoch

        return open

    return {
        "generator, PIL": Candidate(generator(pil), cases=FIRST),
        "generator, cv": Candidate(generator(cv), cases=FIRST),
        "Keras PyDataset, PIL": Candidate(opened(pil), cases=FIRST),
        "Keras PyDataset, cv, 2 threads": Candidate(opened(cv, workers=2), cases=FIRST, alone=True),
        "Keras PyDataset, cv, 2 processes": Candidate(opened(cv, workers=2, use_multiprocessing=True), cases=FIRST, alone=True),
    }


def _torch() -> dict[str, Candidate]:
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)

    class Samples(Dataset):
        def __init__(self, data: Data, size: int, decode: Decode) -> None:
            self.data, self.size, self.decode = data, size, decode

        def __len__(self) -> int:
            return self.data.rows

        def __getitem__(self, row: int) -> Sample:
            return self.decode(self.data, row, self.size)

    def opened(decode: Decode, workers: int) -> Any:
        def open(data: Data, size: int) -> Epochs:
            samples = Samples(data, size, decode)
            loader = DataLoader(samples, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
            return lambda: iter(loader)

        return open

    return {
        TORCH[0]: Candidate(opened(cv, 0), cases=FIRST),
        TORCH[1]: Candidate(opened(cv, 2), cases=FIRST, alone=True),
        TORCH[2]: Candidate(opened(pil, 2), cases=FIRST, alone=True),
    }


def _tensorflow() -> dict[str, Candidate]:
    import tensorflow as tf

    def samples(data: Data, size: int, ratio: int = 1) -> Any:
        def sample(photo: Any, bright: Any, inner: Any, words: Any) -> Any:
            pixels = tf.io.decode_jpeg(tf.io.read_file(photo), channels=3, ratio=ratio)
            found = {"photo": tf.saturate_cast(tf.image.resize(pixels, (size, size)) + 0.5, tf.uint8), "tokens": words}
            for name, path in (("bright", bright), ("inner", inner)):
                mask = tf.io.decode_png(tf.io.read_file(path), channels=1)
                found[name] = tf.image.resize(mask, (size, size), method="nearest")
            return found

        each = range(data.rows)
        paths = [[data.path(kind, row) for row in each] for kind in ("photos", *MASKS)]
        made = tf.data.Dataset.from_tensor_slices((*paths, data.padded(each)))
        return made, sample

    def best(made: Any) -> Any:
        options = tf.data.Options()
        options.deterministic = False
        return lambda: iter(made.batch(BATCH).prefetch(tf.data.AUTOTUNE).with_options(options))

    def native(ratio: int) -> Any:
        def open(data: Data, size: int, draft: bool = False) -> Epochs:
            made, sample = samples(data, size, ratio)
            return best(made.shuffle(data.rows).map(sample, num_parallel_calls=tf.data.AUTOTUNE))

        return open

    def cached(data: Data, size: int, later: bool = True) -> Epochs:
        made, sample = samples(data, size)
        kept = made.map(sample, num_parallel_calls=tf.data.AUTOTUNE).cache()
        for _ in kept:
            pass
        return best(kept.shuffle(data.rows))

    return {
        TF: Candidate(native(1), cases=FIRST, alone=True),
        "tf.data, own decoders, ratio=4": Candidate(native(4), cases=("64 px, draft",), alone=True),
        TF_CACHE: Candidate(cached, cases=LATER, alone=True),
    }


def _grain() -> dict[str, Candidate]:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()

    def opened(processes: int) -> Any:
        def open(data: Data, size: int) -> Epochs:
            samples = grain.MapDataset.range(data.rows).shuffle(seed=0).map(lambda row: cv(data, int(row), size)).batch(BATCH)
            made = samples.to_iter_dataset(grain.ReadOptions(num_threads=0 if processes else 2, prefetch_buffer_size=8))
            if processes:
                made = made.mp_prefetch(grain.MultiprocessingOptions(num_workers=processes, per_worker_buffer_size=2))
            return lambda: iter(made)

        return open

    return {
        "Grain, cv, 2 threads": Candidate(opened(0), cases=FIRST, alone=True),
        "Grain, cv, 2 processes": Candidate(opened(2), cases=FIRST, alone=True),
    }


def _dali() -> dict[str, Candidate]:
    from nvidia.dali import fn, pipeline_def, types as dali

    def opened(data: Data, size: int) -> Epochs:
        each = range(data.rows)
        files = {kind: [data.path(kind, row) for row in each] for kind in ("photos", *MASKS)}
        words = data.padded(each)

        @pipeline_def(batch_size=BATCH, num_threads=2, device_id=None)
        def pipeline() -> Any:
            read = {
                kind: fn.readers.file(files=paths, labels=list(each), random_shuffle=True, seed=1, shuffle_after_epoch=False, name=kind)
                for kind, paths in files.items()
            }
            photo = fn.resize(fn.decoders.image(read["photos"][0], device="cpu"), size=(size, size), interp_type=dali.INTERP_LINEAR)
            grey = [fn.decoders.image(read[kind][0], device="cpu", output_type=dali.GRAY) for kind in MASKS]
            masks = [fn.resize(mask, size=(size, size), interp_type=dali.INTERP_NN) for mask in grey]
            return photo, *masks, read["photos"][1]

        built = pipeline(prefetch_queue_depth=2)
        built.build()

        def epoch() -> Iterator[Any]:
            for start in range(0, data.rows, BATCH):
                photo, bright, inner, row = (part.as_array() for part in built.run())
                real = min(BATCH, data.rows - start)
                found = {"photo": photo, "bright": bright, "inner": inner, "tokens": words[row[:, 0]]}
                yield {name: array[:real] for name, array in found.items()}

        return epoch

    return {DALI: Candidate(opened, cases=FIRST, alone=True)}
