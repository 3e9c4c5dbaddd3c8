"""A head for each kind of target, its loss, and the weight that makes its loss that of a standardised target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from plait.nets.encoders import Encoded
from plait.nets.kinds import Wanted
from plait.nets.merging import merge
from plait.starting import Start, relu

__all__ = ["answer", "layer_name", "loss_of", "metric_of", "weight_of"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_POWERS = {"mean_squared_error": 2, "mean_absolute_error": 1}  # how a loss of Keras's grows with its target
_HALVINGS = 3  # of an answer that is drawn from a vector


def loss_of(wanted: Wanted) -> str:
    """The loss that fits the target."""
    return {
        "classes": "sparse_categorical_crossentropy",
        "one-hot": "categorical_crossentropy",
        "yes-no": "binary_crossentropy",
    }.get(wanted.kind, "mean_squared_error")


def metric_of(wanted: Wanted) -> Any:
    """What is reported beside the loss: right answers, or the mean error in the target's unit."""
    if wanted.kind == "yes-no":  # of several answers a sample Keras would take the largest for the only one
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return "accuracy" if wanted.kind in ("classes", "one-hot") else "mean_absolute_error"


def weight_of(wanted: Wanted, loss: Any, values: Callable[[], np.ndarray] | None) -> float:
    """What makes this loss of the target as large as that of the standardised target; of losses that grow in another way than squared and
    absolute errors, what makes it 1 for an answer that is always the mean.

    Args:
        wanted: The target.
        loss: Of Keras, by its name or as it is, or a function.
        values: () -> some of the samples; None where the answer may have another form than they have: such a loss keeps the weight 1.
    """
    if wanted.std is None or wanted.mean is None:
        return 1.0
    power = _power(loss)
    if power:
        return float(1 / np.mean(wanted.std**power))
    if values is None:
        return 1.0
    truth = np.asarray(values(), np.float32)
    truth = truth.reshape(len(truth), -1) if wanted.place == "vector" else truth
    function: Any = keras.losses.get(loss)
    found = function(truth, np.broadcast_to(wanted.mean.astype(np.float32), truth.shape))
    height = float(np.mean(_ops.convert_to_numpy(found)))
    return 1 / height if np.isfinite(height) and height > 0 else 1.0


def answer(
    wanted: Wanted,
    shared: Any,
    encoded: Mapping[str, Encoded],
    *,
    merged: Mapping[str, Any],
    loss: Any,
    width: int,
    free: Callable[[str], str],
) -> Any:
    """The head, in the target's own units.

    Args:
        wanted: The target.
        shared: (samples, width), what all heads see.
        encoded: Of each input.
        merged: name -> features of that input with the other inputs merged into them.
        loss: Of this head.
        width: Of hidden layers.
        free: Makes a layer's name that no other has.
    """
    name, linear = layer_name(wanted.name), wanted.kind in ("numbers", "bytes")
    activation = {"classes": "softmax", "one-hot": "softmax"}.get(wanted.kind, "sigmoid")
    last: dict[str, Any] = {"name": free(f"{name}_scores")} if linear else {"activation": activation, "dtype": "float32", "name": name}
    last["kernel_initializer"] = Start(1.0, "fan_avg", "uniform")
    if wanted.place == "vector":
        out = _layers.Dense(wanted.channels, **last)(shared)
    else:
        axes = 1 if wanted.place == "series" else 2
        x = _placed(wanted.shape[:axes], shared, encoded, merged, width, free(f"{name}_decoder"))
        if axes == 2 and wanted.kind == "classes":
            return _classes_of_places(_layers.Conv2D(wanted.channels, 1, name=free(f"{name}_scores"))(x), name)
        out = _conv(axes)(wanted.channels, 1, **last)(x)
    return _in_units(wanted, out, loss, name) if linear else out


def layer_name(name: str) -> str:
    """A stream's name as Keras takes it for a layer."""
    return name.replace("/", "_")


def _classes_of_places(scores: Any, name: str) -> Any:
    """Softmax over the last axis of a map.

    It is taken over the first one, and that one moved, since PyTorch 2.13 does not derive Keras's sparse crossentropy of maps whose
    classes lie closest together in memory: "grad_input must be contiguous".
    """
    first = _layers.Softmax(axis=1, dtype="float32")(_layers.Permute((3, 1, 2))(scores))
    return _layers.Permute((2, 3, 1), dtype="float32", name=name)(first)


def _in_units(wanted: Wanted, out: Any, loss: Any, name: str) -> Any:
    """Standardised numbers (of bytes: scores) as they are in the data.

    With a loss weight of 1 / variance, squared errors in the data's units have the gradients of standardised ones. Features of unlike
    scale share one loss and one weight, so their gradients are brought to one scale on the way back.
    """
    mean, std = wanted.mean, wanted.std
    assert mean is not None and std is not None
    if wanted.kind == "bytes":
        return _layers.Rescaling(255.0, dtype="float32", name=name)(_layers.Activation("sigmoid")(out))
    power = _power(loss) or 2
    back = np.mean(std**power) / std**power
    if std.max() > std.min():
        moved = _layers.Subtract()([out, _ops.stop_gradient(out)])  # nothing, but what comes back through it counts
        out = _layers.Add()([out, _layers.Rescaling((back - 1).tolist(), dtype="float32")(moved)])
    each = std.max() > std.min() or mean.max() > mean.min()
    scale, offset = (std.tolist(), mean.tolist()) if each else (float(std[0]), float(mean[0]))
    return _layers.Rescaling(scale, offset, dtype="float32", name=name)(out)


def _placed(sizes: tuple[int, ...], shared: Any, encoded: Mapping[str, Encoded], merged: Mapping[str, Any], width: int, name: str) -> Any:
    """(samples, *sizes, channels): from the features of an input with as many axes where there is one, else from the vector alone."""
    axes = len(sizes)
    for source, own in encoded.items():
        if own.features is None or len(own.features.shape) != axes + 2 or own.words:
            continue
        tensors = [shared, merged.get(source, own.features), *own.finer]
        inner = [keras.Input(tensor.shape[1:]) for tensor in tensors]
        return keras.Model(inner, _refined(inner[0], inner[1], inner[2:], sizes), name=name)(tensors)
    inner = keras.Input(shared.shape[1:])
    return keras.Model(inner, _drawn(inner, sizes, width), name=name)(shared)


def _refined(shared: Any, coarse: Any, finer: Sequence[Any], sizes: tuple[int, ...]) -> Any:
    """Features at higher and higher resolution, each beside those of the encoder, told the vector where they are coarsest."""
    x = merge({"features": coarse, "shared": shared}, "film", on="features")
    for beside in reversed(finer):
        x = _layers.Concatenate()([_doubled(x, beside.shape[1:-1]), beside])
        x = _conv(len(sizes))(beside.shape[-1], 3, padding="same", **relu())(x)
    return _resized(x, sizes)


def _drawn(shared: Any, sizes: tuple[int, ...], width: int) -> Any:
    """Features made of the vector at a low resolution, and doubled."""
    places = [sizes]
    while len(places) <= _HALVINGS and max(places[-1]) > 4:
        places.append(tuple(-(-n // 2) for n in places[-1]))
    least = places.pop()
    x = _layers.Reshape((*least, width))(_layers.Dense(int(np.prod(least)) * width, **relu())(shared))
    for size in reversed(places):
        x = _conv(len(sizes))(width, 3, padding="same", **relu())(_doubled(x, size))
    return x


def _conv(axes: int) -> Callable[..., Any]:
    return _layers.Conv1D if axes == 1 else _layers.Conv2D


def _doubled(x: Any, sizes: tuple[int, ...]) -> Any:
    """Twice as many places, less one where there were an odd number of them."""
    x = (_layers.UpSampling1D if len(sizes) == 1 else _layers.UpSampling2D)(2)(x)
    over = [has - want for has, want in zip(x.shape[1:-1], sizes, strict=True)]
    if not any(over):
        return x
    return _layers.Cropping1D((0, over[0]))(x) if len(over) == 1 else _layers.Cropping2D(tuple((0, n) for n in over))(x)


def _resized(x: Any, sizes: tuple[int, ...]) -> Any:
    if tuple(x.shape[1:-1]) == sizes:
        return x
    if len(sizes) == 2:
        return _layers.Resizing(*sizes)(x)
    flat = _layers.Reshape((x.shape[1], 1, x.shape[2]))(x)
    return _layers.Reshape((sizes[0], x.shape[2]))(_layers.Resizing(sizes[0], 1)(flat))


def _power(loss: Any) -> int:
    function = keras.losses.get(loss) if isinstance(loss, str) else loss
    function = getattr(function, "fn", function)
    return _POWERS.get(getattr(function, "__name__", ""), 0)
