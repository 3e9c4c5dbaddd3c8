"""W2: photos, two masks and token lists, read and decoded for every batch; and read once and kept."""

from __future__ import annotations

import os
import timeit
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Epochs, Goal
from photos import CLASSES, MOST_TOKENS, photos, tokens

TITLE = "W2: photos, masks and token lists"
ABOUT = """{rows:,} JPEG photos of 256x256 to 480x640 (quality 90, 4:2:0; crops of real ones), two PNG masks each, and lists of 5 to 20
tokens, padded; to 64x64 and to 224x224, batches of 32, the files in the page cache. The limit is reading the three files, simplejpeg's
whole decoding, isal's inflating, and the quicker of OpenCV's and plait's compiled area resize, one after another without an engine; for
later epochs, when what was decoded is kept, it is `np.take` of each batch. "PIL" decodes and resizes as most users write it, "cv" with
simplejpeg and OpenCV; DALI and tf.data use their own decoders. PIL's resize is bilinear with antialias, tf.data's and DALI's without:
cheaper than areas. With "draft" a JPEG file may be decoded at a part of its size."""
SIZES = {"check": {"rows": 70}, "tiny": {"rows": 200}, "small": {"rows": 600}, "full": {"rows": 2000}}
GROUPS = {
    "plait": {"KERAS_BACKEND": "jax"},
    "keras": {"KERAS_BACKEND": "jax"},
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "torch": {"KERAS_BACKEND": "torch"},
    "grain": {"KERAS_BACKEND": "jax"},
    "streams": {"KERAS_BACKEND": "torch"},
    "dali": {"KERAS_BACKEND": "jax"},
}
BATCH = 32


def _batches(rows: int, **_: Any) -> int:
    return -(-rows // BATCH)


CASES = {
    "64 px": Case({"size": 64}, batches=_batches, least=0.8),
    "64 px, draft": Case({"size": 64, "draft": True}, batches=_batches, least=0.8),
    "224 px": Case({"size": 224}, batches=_batches, least=0.8),
    "64 px, later epochs": Case({"size": 64, "later": True}, batches=_batches),
    "224 px, later epochs": Case({"size": 224, "later": True}, batches=_batches),
}
FIRST, LATER = ("64 px", "224 px"), ("64 px, later epochs", "224 px, later epochs")
TF, TF_CACHE, DALI = "tf.data, own decoders", "tf.data, .cache()", "DALI on the CPU"
TORCH = ("torch DataLoader, cv", "torch DataLoader, cv, 2 workers", "torch DataLoader, PIL, 2 workers")
GOALS = (
    Goal("64 px", 1.4, (LIMIT,)),
    Goal("224 px", 1.15, (LIMIT,)),
    Goal("64 px", 1.9, (TF,), sooner=True),
    Goal("224 px", 1.7, (TF,), sooner=True),
    Goal("64 px", 2.1, (DALI,), sooner=True),
    Goal("64 px", 3, TORCH, sooner=True),
    Goal("64 px, later epochs", 1.5, (LIMIT,)),
    Goal("224 px, later epochs", 1.5, (LIMIT,)),
    Goal("64 px, later epochs", 5, (TF_CACHE,), sooner=True),
)
WHY = """The limit leaves out what undoing PNG's filters costs, and everything but the decoders. Of 224 px, decoding the photo takes
40 % of the time, bringing it to its size 22 %, inflating and unfiltering the masks 18 %. Later epochs are read in blocks of 4 MB,
which leave the nearest cache; smaller blocks cost more in Python than they save."""
MASKS = ("bright", "inner")


def EXPECTED(size: int, **_: Any) -> dict[str, tuple[tuple[int, ...], Any]]:
    masks = {name: ((size, size, 1), np.uint8) for name in MASKS}
    return {"photo": ((size, size, 3), np.uint8), "tokens": ((MOST_TOKENS,), np.int32), **masks}


def rows(batch: dict[str, np.ndarray]) -> np.ndarray:
    return batch["tokens"][:, 0].astype(np.int64) - 1


def prepare(rows: int) -> None:
    photos(rows)


class Data:
    """Paths by row, and the token lists, in memory."""

    def __init__(self, rows: int) -> None:
        self.folder, self.rows = photos(rows), rows
        self.values, self.offsets = tokens(rows)

    def path(self, kind: str, row: int) -> str:
        return f"{self.folder}/{kind}/{row:05}.{'jpg' if kind == 'photos' else 'png'}"

    def padded(self, chosen: Any) -> np.ndarray:
        """(rows, 20) int32."""
        out = np.zeros((len(chosen), MOST_TOKENS), np.int32)
        for i, row in enumerate(chosen):
            one = self.values[self.offsets[row] : self.offsets[row + 1]]
            out[i, : len(one)] = one
        return out

    @property
    def lists(self) -> list[np.ndarray]:
        return np.split(self.values, self.offsets[1:-1])

    @cache  # noqa: B019
    def decoded(self, size: int) -> dict[str, np.ndarray]:
        """Everything, as plait decodes it: what is gathered in later epochs."""
        import plait

        shown = plait.Loader(dataset(self, size), BATCH, shuffle=False)
        batches = [{**x, **y} for x, y, _ in shown]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


made = Data


def candidates(group: str) -> dict[str, Candidate]:
    import w2_peers

    return _plait() if group == "plait" else w2_peers.candidates(group)


def dataset(data: Data, size: int, *, draft: bool = False) -> Any:
    import plait

    folder = f"{data.folder}"
    wanted = {"draft": True} if draft else {}
    photo = plait.Images(f"{folder}/photos/{{id}}.jpg", size=(size, size), **wanted)
    masks = {name: plait.Masks(f"{folder}/{name}/{{id}}.png", size=(size, size), classes=CLASSES) for name in MASKS}
    words = plait.Arrays(tokens=data.lists, key=[f"{row:05}" for row in range(data.rows)])
    made = plait.Dataset(inputs={"photo": photo, "tokens": words["tokens"]}, targets=masks)
    return made.map(plait.Pad(MOST_TOKENS), on="tokens")


def read(path: str) -> bytes:
    number = os.open(path, os.O_RDONLY)
    try:
        return os.read(number, 1 << 24)
    finally:
        os.close(number)


def _plait() -> dict[str, Candidate]:
    import plait

    seeds = count()

    def loader(data: Data, size: int, draft: bool = False, later: bool = False) -> Epochs:
        made = _kept(data, size) if later else dataset(data, size, draft=draft)
        batches = plait.Loader(made, BATCH, seed=next(seeds))
        return lambda: iter(batches)

    def limit(data: Data, size: int, later: bool = False) -> Epochs:
        return _gather(data, size) if later else _kernels(data, size)

    return {LIMIT: Candidate(limit, cases=(*FIRST, *LATER)), OURS: Candidate(loader, cases=tuple(CASES), alone=True)}


def _kept(data: Data, size: int) -> Any:
    """Decoded once: in memory."""
    import plait

    return plait.cache(dataset(data, size), shown=False)


def _gather(data: Data, size: int) -> Epochs:
    columns = data.decoded(size)

    def epoch() -> Iterator[Any]:
        order = np.random.default_rng(0).permutation(data.rows)
        for start in range(0, data.rows, BATCH):
            chosen = order[start : start + BATCH]
            yield {name: np.take(column, chosen, axis=0, mode="clip") for name, column in columns.items()}

    return epoch


def _kernels(data: Data, size: int) -> Epochs:
    import cv2
    import simplejpeg
    from isal import isal_zlib

    cv2.setNumThreads(1)
    area = _area(size)

    def mask(path: str) -> np.ndarray:
        """Inflated, and every value that is needed copied: what unfiltering costs beyond that is not counted."""
        raw = read(path)
        width, height = int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
        at, packed = 8, []
        while at < len(raw):
            length = int.from_bytes(raw[at : at + 4], "big")
            if raw[at + 4 : at + 8] == b"IDAT":
                packed.append(raw[at + 8 : at + 8 + length])
            at += length + 12
        rows = np.frombuffer(isal_zlib.decompress(b"".join(packed)), np.uint8).reshape(height, -1)[:, 1:]
        return rows[:: max(1, height // size)][:size, : min(size, width)]

    def epoch() -> Iterator[Any]:
        order = np.random.default_rng(0).permutation(data.rows)
        for start in range(0, data.rows, BATCH):
            chosen = order[start : start + BATCH]
            out = {name: np.empty((len(chosen), *shape), dtype) for name, (shape, dtype) in EXPECTED(size).items()}
            for i, row in enumerate(chosen):
                area(simplejpeg.decode_jpeg(read(data.path("photos", row))), out["photo"][i])
                for name in MASKS:
                    found = mask(data.path(name, row))
                    out[name][i, : found.shape[0], : found.shape[1], 0] = found
            out["tokens"] = data.padded(chosen)
            yield out

    return epoch


def _area(size: int) -> Any:
    """(picture, out) -> None: OpenCV's area resize or plait's compiled one, whichever is quicker here."""
    import cv2

    from plait.formats.resizing import resized

    def by_opencv(picture: np.ndarray, out: np.ndarray) -> None:
        cv2.resize(picture, out.shape[1::-1], dst=out, interpolation=cv2.INTER_AREA)

    def by_plait(picture: np.ndarray, out: np.ndarray) -> None:
        resized(picture, (size, size), out)

    picture, out = np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8), np.empty((size, size, 3), np.uint8)
    return min((by_opencv, by_plait), key=lambda way: min(timeit.repeat(lambda: way(picture, out), number=5, repeat=4)))
