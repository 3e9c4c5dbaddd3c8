"""plait: named streams of data, aligned by key, checked, and fed to Keras models with several inputs and outputs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name -> the module that defines it. A name is imported on first use, so that `import plait` loads no Keras.
_HOME = {
    "Arrays": "plait.sources.arrays",
    "Images": "plait.sources.images",
    "Masks": "plait.sources.images",
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
    "check": "plait.checks",
    "Report": "plait.report",
    "Finding": "plait.report",
    "show": "plait.preview",
    **dict.fromkeys(
        [
            "AlignmentError",
            "ArgumentError",
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
        ],
        "plait.errors",
    ),
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - the names above


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'plait' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
