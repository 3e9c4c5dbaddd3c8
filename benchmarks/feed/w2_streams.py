"""Who reads photos, masks and token lists from a format of its own, one after another; and SPDL, which reads the files."""

from __future__ import annotations

import importlib
import io
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from frame import Candidate, Epochs
from photos import MOST_TOKENS
from w2 import BATCH, FIRST, MASKS, Data
from w2_peers import Sample, cv, stacked

__all__ = ["streaming", "streams"]

_ABSENT = ("azure", "boto3", "botocore", "google", "matplotlib", "oci", "paramiko", "torchvision", "transformers")


def streams() -> dict[str, Candidate]:
    """Those that read their own format, in which the same files lie one after another; and SPDL, which reads the files."""

    def shards(data: Data, size: int) -> Epochs:
        import webdataset as wds

        folder = Path(f"{data.folder}-wds")
        if not folder.exists():
            partial = Path(f"{folder}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            with wds.ShardWriter(f"{partial}/%04d.tar", maxcount=200, verbose=0) as sink:
                for row in range(data.rows):
                    files = {name: Path(data.path(kind, row)).read_bytes() for name, kind in _PARTS.items()}
                    sink.write({"__key__": f"{row:05}", **files, "tokens.npy": data.padded([row])[0]})
            partial.rename(folder)
        tars = sorted(map(str, folder.glob("*.tar")))

        def decoded(sample: dict[str, Any]) -> Sample:
            return {**_from_bytes({name: sample[name] for name in _PARTS}, size), "tokens": np.load(io.BytesIO(sample["tokens.npy"]))}

        made = wds.WebDataset(tars, shardshuffle=len(tars), empty_check=False, verbose=False).shuffle(200)
        made = made.map(decoded).batched(BATCH, collation_fn=stacked, partial=True)
        return lambda: iter(made)

    def mds(data: Data, size: int) -> Epochs:
        module = streaming()
        folder = Path(f"{data.folder}-mds")
        if not folder.exists():
            partial = f"{folder}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            columns = {**dict.fromkeys(_PARTS, "bytes"), "tokens": f"ndarray:int32:{MOST_TOKENS}"}
            with module.MDSWriter(out=partial, columns=columns) as sink:
                for row in range(data.rows):
                    sink.write(
                        {
                            **{name: Path(data.path(kind, row)).read_bytes() for name, kind in _PARTS.items()},
                            "tokens": data.padded([row])[0],
                        }
                    )
            Path(partial).rename(folder)

        class Samples(module.StreamingDataset):
            def __getitem__(self, at: int) -> Sample:
                raw = super().__getitem__(at)
                return {**_from_bytes({name: raw[name] for name in _PARTS}, size), "tokens": raw["tokens"]}

        from torch.utils.data import DataLoader

        module.base.util.clean_stale_shared_memory()
        made = Samples(local=str(folder), shuffle=True, batch_size=BATCH)
        loader = DataLoader(made, BATCH, collate_fn=stacked)
        return lambda: iter(loader)

    def spdl(data: Data, size: int) -> Epochs:
        from spdl.pipeline import PipelineBuilder

        def epoch() -> Iterator[Sample]:
            builder = PipelineBuilder().add_source(np.random.permutation(data.rows))
            made = builder.pipe(lambda row: cv(data, int(row), size), concurrency=2).aggregate(BATCH).pipe(stacked).add_sink(3)
            with (pipeline := made.build(num_threads=2)).auto_stop():
                yield from pipeline.get_iterator(timeout=60)

        return epoch

    return {
        "webdataset, cv": Candidate(shards, cases=FIRST, alone=True),
        "mosaicml-streaming, cv": Candidate(mds, cases=FIRST, alone=True),
        "SPDL, cv, 2 threads": Candidate(spdl, cases=FIRST, alone=True),
    }


_PARTS = {"photo.jpg": "photos", "bright.png": "bright", "inner.png": "inner"}


def _from_bytes(raw: dict[str, bytes], size: int) -> Sample:
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    found = {"photo": cv2.resize(simplejpeg.decode_jpeg(raw["photo.jpg"]), (size, size), interpolation=cv2.INTER_AREA)}
    for name in MASKS:
        mask = cv2.imdecode(np.frombuffer(raw[f"{name}.png"], np.uint8), cv2.IMREAD_GRAYSCALE)
        found[name] = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)[..., None]
    return found


def streaming() -> Any:
    """mosaicml-streaming without the packages that its clouds and its example data sets need, none of which is used here."""

    class Absent(types.ModuleType):
        __path__: ClassVar[list[str]] = []

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    class Finder:
        @staticmethod
        def find_spec(name: str, path: Any, target: Any = None) -> Any:
            if name.partition(".")[0] in (
                "boto3",
                "botocore",
                "transformers",
                "torchvision",
                "google",
                "oci",
                "azure",
                "paramiko",
                "matplotlib",
            ):
                return importlib.machinery.ModuleSpec(name, Finder, is_package=True)
            return None

        create_module = staticmethod(lambda spec: Absent(spec.name))
        exec_module = staticmethod(lambda module: None)

    sys.meta_path.append(Finder)  # type: ignore[arg-type]
    return importlib.import_module("streaming")
