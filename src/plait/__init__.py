"""plait: named streams of data, aligned by key, checked, and fed to Keras models with several inputs and outputs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name -> the module that defines it. A name is imported on first use, so that `import plait` loads no Keras.
_HOME = {
    "Arrays": "plait.sources.arrays",
    "Images": "plait.sources.images",
    "Masks": "plait.sources.masks",
    "Npy": "plait.sources.npy",
    "Json": "plait.sources.json",
    "Text": "plait.sources.text",
    "Csv": "plait.sources.csv",
    "Parquet": "plait.sources.parquet",
    "SQL": "plait.sources.sql",
    "Frame": "plait.sources.frame",
    "HDF5": "plait.sources.hdf5",
    "Dataset": "plait.dataset",
    "Source": "plait.source",
    "Stream": "plait.source",
    "Spec": "plait.spec",
    "Ragged": "plait.ragged",
    "Keys": "plait.keys",
    "Standardize": "plait.transforms.standardize",
    "MinMax": "plait.transforms.minmax",
    "Quantile": "plait.transforms.quantile",
    "OneHot": "plait.transforms.onehot",
    "Vocabulary": "plait.transforms.vocabulary",
    "Tokenize": "plait.transforms.tokenize",
    "Pad": "plait.transforms.pad",
    "Window": "plait.transforms.window",
    "Resize": "plait.transforms.resize",
    "Cast": "plait.transforms.cast",
    "Preprocessing": "plait.preprocessing",
    "Loader": "plait.loader",
    "Resume": "plait.resume",
    "Profile": "plait.drift",
    "Feed": "plait.benching",
    "bench": "plait.benching",
    "check": "plait.checks",
    "compare": "plait.comparison",
    "Judge": "plait.metrics.judge",
    "Graph": "plait.synth.graph",
    "GaussianCopula": "plait.synth.gaussian_copula",
    "VineCopula": "plait.synth.vine_copula",
    "Sequential": "plait.synth.sequential",
    "Bootstrap": "plait.synth.bootstrap",
    "Independent": "plait.synth.independent",
    "Autoregressive": "plait.synth.autoregressive",
    "Flow": "plait.synth.flow",
    "GAN": "plait.synth.gan",
    "Pretrained": "plait.synth.pretrained",
    "Report": "plait.report",
    "Finding": "plait.report",
    "show": "plait.preview",
    "cache": "plait.packed",
    "open": "plait.packed",
    "pack": "plait.packed",
    "Synthesizer": "plait.synth.synthesizer",
    "load": "plait.synth.learned",
    **dict.fromkeys(
        [
            "AlignmentError",
            "ArgumentError",
            "BadSamplesError",
            "ChangedError",
            "CheckError",
            "DuplicateKeyError",
            "MissingExtraError",
            "NameUnknownError",
            "PlaitError",
            "ReadError",
            "ResumeError",
            "SpecError",
            "TransformError",
            "WorkerError",
        ],
        "plait.errors",
    ),
}

# Packages that are used by name: plait.distributions.Normal(0, 1), plait.nets.fusion(train).
_PACKAGES = ("constraints", "distributions", "nets")

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 # pyright: ignore[reportUnsupportedDunderAll] - the names above

if TYPE_CHECKING:  # for editors and type checkers: what _HOME says, once more
    import plait.constraints as constraints  # noqa: F401, PLR0402
    import plait.distributions as distributions  # noqa: F401, PLR0402
    import plait.nets as nets  # noqa: F401, PLR0402
    from plait.benching import Feed as Feed, bench as bench
    from plait.checks import check as check
    from plait.comparison import compare as compare
    from plait.dataset import Dataset as Dataset
    from plait.drift import Profile as Profile
    from plait.errors import (
        AlignmentError as AlignmentError,
        ArgumentError as ArgumentError,
        BadSamplesError as BadSamplesError,
        ChangedError as ChangedError,
        CheckError as CheckError,
        DuplicateKeyError as DuplicateKeyError,
        MissingExtraError as MissingExtraError,
        NameUnknownError as NameUnknownError,
        PlaitError as PlaitError,
        ReadError as ReadError,
        ResumeError as ResumeError,
        SpecError as SpecError,
        TransformError as TransformError,
        WorkerError as WorkerError,
    )
    from plait.keys import Keys as Keys
    from plait.loader import Loader as Loader
    from plait.metrics.judge import Judge as Judge
    from plait.packed import cache as cache, open as open, pack as pack
    from plait.preprocessing import Preprocessing as Preprocessing
    from plait.preview import show as show
    from plait.ragged import Ragged as Ragged
    from plait.report import Finding as Finding, Report as Report
    from plait.resume import Resume as Resume
    from plait.source import Source as Source, Stream as Stream
    from plait.sources.arrays import Arrays as Arrays
    from plait.sources.csv import Csv as Csv
    from plait.sources.frame import Frame as Frame
    from plait.sources.hdf5 import HDF5 as HDF5
    from plait.sources.images import Images as Images
    from plait.sources.json import Json as Json
    from plait.sources.masks import Masks as Masks
    from plait.sources.npy import Npy as Npy
    from plait.sources.parquet import Parquet as Parquet
    from plait.sources.sql import SQL as SQL
    from plait.sources.text import Text as Text
    from plait.spec import Spec as Spec
    from plait.synth.autoregressive import Autoregressive as Autoregressive
    from plait.synth.bootstrap import Bootstrap as Bootstrap
    from plait.synth.flow import Flow as Flow
    from plait.synth.gan import GAN as GAN
    from plait.synth.gaussian_copula import GaussianCopula as GaussianCopula
    from plait.synth.graph import Graph as Graph
    from plait.synth.independent import Independent as Independent
    from plait.synth.learned import load as load
    from plait.synth.pretrained import Pretrained as Pretrained
    from plait.synth.sequential import Sequential as Sequential
    from plait.synth.synthesizer import Synthesizer as Synthesizer
    from plait.synth.vine_copula import VineCopula as VineCopula
    from plait.transforms.cast import Cast as Cast
    from plait.transforms.minmax import MinMax as MinMax
    from plait.transforms.onehot import OneHot as OneHot
    from plait.transforms.pad import Pad as Pad
    from plait.transforms.quantile import Quantile as Quantile
    from plait.transforms.resize import Resize as Resize
    from plait.transforms.standardize import Standardize as Standardize
    from plait.transforms.tokenize import Tokenize as Tokenize
    from plait.transforms.vocabulary import Vocabulary as Vocabulary
    from plait.transforms.window import Window as Window

else:  # hidden from them, so that a name that does not exist is an error

    def __getattr__(name: str) -> object:
        if name in _PACKAGES:
            return importlib.import_module(f"plait.{name}")
        if name not in _HOME:
            raise AttributeError(f"module 'plait' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
