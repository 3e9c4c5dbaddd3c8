"""What a file of Keras holds, looked at before Keras opens it: no code, no other file, and no more than the file pays for.

Keras's safe mode refuses lambdas and links; it builds layers of any size and unpacks up to 4 GB, which is more than a file of a kilobyte
may cost. Layers that the user has registered are the user's own, and are trusted.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import keras
from keras.src.backend.common import global_state
from keras.src.legacy.saving import saving_options, saving_utils
from keras.src.saving import serialization_lib

from plait.formats.documents import parse_document
from plait.formats.hdf5_heap import endless_heap_in
from plait.formats.unpacked import MOST_RATIO, most_unpacked
from plait.randomness import seeded

__all__ = ["check_keras_file"]

_CODE = ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")  # hold code, or read it from another file
_MOST_OBJECTS = 200_000
_MOST_OUTPUT = 2**27  # numbers that a layer makes of one sample
_FREE = 2**20  # numbers beyond those in the file: states of random generators, counters
_UNINITIALIZED = "uninitialized_variables"


def check_keras_file(path: str) -> None:
    """Look at a .keras or legacy .h5 file on disk; it is built once without any memory for its variables, and not kept.

    Raises:
        ValueError: It is made to do harm, or damaged; the text says why.
        Exception: Whatever Keras raises of a configuration that it cannot build.
    """
    if path.endswith(".keras"):
        text, weights = _parts(path)
        config = _config(text, path)
        stored = _stored_numbers(weights)
        _check_sizes(lambda: serialization_lib.deserialize_keras_object(config, safe_mode=True), stored)
        return
    with open(path, "rb") as file:
        weights = file.read()
    with _opened(weights) as opened:
        text = opened.attrs.get("model_config")
    if text is None:
        raise ValueError("it holds weights and no model")
    config = _config(text.encode() if isinstance(text, str) else bytes(text), path)
    with saving_options.keras_option_scope(use_legacy_config=True), serialization_lib.SafeModeScope(True):
        _check_sizes(lambda: saving_utils.model_from_config(config), _stored_numbers(weights))


def _parts(path: str) -> tuple[bytes, bytes]:
    """Configuration and weights of an archive."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if len(set(names)) < len(names):
            raise ValueError("it names a part twice")
        for info in infos:
            if "\\" in info.filename or info.filename.startswith("/") or ".." in info.filename.split("/"):
                raise ValueError(f"it names the part {info.filename!r}, which lies outside of it")
            if info.file_size > most_unpacked(info.compress_size):
                raise ValueError(f"its part {info.filename!r} unpacks to more than {MOST_RATIO} times its size")
        if "model.weights.h5" not in names:
            raise ValueError("it holds no model.weights.h5")
        return archive.read("config.json"), archive.read("model.weights.h5")


def _config(text: bytes, path: str) -> Any:
    """Parsed, with no class or function that is not Keras's own or registered by the user."""
    config = parse_document(text, name=f"config.json of {path!r}")
    for thing in _described(config):
        name, module, registered = (thing.get(field) for field in ("class_name", "module", "registered_name"))
        own = isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None
        if name in _CODE:
            raise ValueError(f"{name} holds code, or reads it from elsewhere, and code of a file is not run")
        package = module.partition(".")[0] if isinstance(module, str) else module
        if not own and package not in (None, "keras", "builtins"):
            raise ValueError(
                f"{name!r} of the module {str(module)!r} is none of Keras's own. Import what registers it first (@keras.saving."
                "register_keras_serializable), if you trust it"
            )
    return config


def _described(config: object) -> Iterator[dict[str, Any]]:
    """Every description of an object within."""
    left = [config]
    while left:
        thing = left.pop()
        if isinstance(thing, dict):
            if "class_name" in thing:
                yield thing
            left.extend(thing.values())
        elif isinstance(thing, list):
            left.extend(thing)


def _opened(weights: bytes) -> h5py.File:
    at = endless_heap_in(weights)
    if at is not None:
        raise ValueError(f"its weights are damaged at byte {at}")
    return h5py.File(io.BytesIO(weights), "r")


def _stored_numbers(weights: bytes) -> int:
    """How many numbers the weights are, all of them in this file."""
    numbers = size = 0
    with _opened(weights) as file:
        groups: list[Any] = [file]
        seen: set[int] = set()
        while groups:
            group = groups.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"{group.name}/{name} of its weights is a link ({type(link).__name__}), which is not followed")
                thing = group[name]
                address = h5py.h5o.get_info(thing.id).addr  # type: ignore[attr-defined]
                if len(seen) > _MOST_OBJECTS:
                    raise ValueError(f"its weights are more than {_MOST_OBJECTS} objects")
                if address not in seen and isinstance(thing, h5py.Group):
                    groups.append(thing)
                elif address not in seen and isinstance(thing, h5py.Dataset):
                    _check_dataset(thing)
                    numbers += math.prod(thing.shape)
                    size += math.prod(thing.shape) * thing.dtype.itemsize
                seen.add(address)
    if size > most_unpacked(len(weights)):
        raise ValueError(f"its weights declare {size} bytes in a file of {len(weights)}")
    return numbers


def _check_dataset(dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} of its weights keeps its values in other files, which are not opened")
    if dataset.dtype.kind == "O" or dataset.shape is None:
        raise ValueError(f"{dataset.name} of its weights holds no numbers ({dataset.dtype})")
    declared, stored = math.prod((*dataset.shape, dataset.dtype.itemsize)), dataset.id.get_storage_size()
    unpacked = max(declared, math.prod((*(dataset.chunks or ()), dataset.dtype.itemsize)))
    if unpacked > most_unpacked(stored):
        raise ValueError(f"{dataset.name} of its weights declares {unpacked} bytes and stores {stored}")


def _check_sizes(build: Callable[[], Any], stored: int) -> None:
    """Build the model without memory for its variables, and compare what it would take with what the file holds."""
    before = global_state.get_global_attribute(_UNINITIALIZED)
    global_state.set_global_attribute(_UNINITIALIZED, [])
    try:
        with seeded(0), keras.StatelessScope(initialize_variables=False):
            model = build()
            asked = sum(math.prod(variable.shape) for variable in model.variables)
            if asked > stored + _FREE:
                raise ValueError(f"its layers ask for {asked} numbers, and it holds {stored}")
            for layer in model._flatten_layers():
                for tensor in keras.tree.flatten(getattr(layer, "output", None) if getattr(layer, "built", False) else None):
                    if tensor is not None and math.prod(n or 1 for n in tensor.shape) > _MOST_OUTPUT:
                        raise ValueError(f"its layer {layer.name!r} makes {tensor.shape} of one sample, more than {_MOST_OUTPUT} numbers")
    finally:
        global_state.set_global_attribute(_UNINITIALIZED, before)
