"""What Keras keeps to itself: compile arguments, each head's loss, the graph. Its private names are read here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from plait.contract import Contract
from plait.errors import CheckError

__all__ = [
    "Arguments",
    "HeadLoss",
    "LossPart",
    "activation",
    "arguments",
    "build_loss",
    "build_metrics",
    "compact",
    "consumers",
    "counts_batches",
    "ends",
    "forward",
    "fresh_loss",
    "hand_out",
    "head_losses",
    "loss_parts",
    "numpy",
    "parents",
    "rescaled",
    "slow_to_compile",
    "symbolic",
    "untrack",
]

_TRANSPARENT = (  # layers that hand numbers on as they are
    *("Reshape", "Flatten", "Permute", "Squeeze", "ExpandDims", "Concatenate", "Cast", "Identity", "InputLayer", "Masking"),
    *("Cropping", "CenterCrop", "ZeroPadding", "Resizing", "Random", "Dropout", "SpatialDropout", "GaussianNoise"),
)
_MANY_LAYERS = 60  # a model of that many compiles in about two seconds on one core
_ACTIVATED = ("Dense", "EinsumDense", "Conv", "SeparableConv", "DepthwiseConv", "Activation")


@dataclass(frozen=True)
class Arguments:
    """What `compile` was given.

    Args:
        loss: As the user wrote it; None where there is none.
        own: Whether the model computes its loss itself: it overrides `compute_loss` or `train_step`.
    """

    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    own: bool


@dataclass(frozen=True)
class HeadLoss:
    """One loss as Keras assigned it.

    Args:
        head: The output it is computed on.
        loss: The `keras.losses.Loss` that computes it.
        name: Of Keras's function, "mean_squared_error"; "" for a loss of the user's own.
        weight: Its factor in the sum.
        from_logits: Whether it takes scores instead of probabilities.
        ignored: The class code it passes over; None where it has none.
    """

    head: str
    loss: Any
    name: str
    weight: float
    from_logits: bool
    ignored: int | None


@dataclass(frozen=True)
class LossPart:
    """One loss in the sum of a compiled model.

    Args:
        head: The output it is computed on.
        path: Where the output and its target are: a key or a number, or nothing.
        loss: The `keras.losses.Loss` that computes it.
        weight: Its factor in the sum, None for 1.
    """

    head: str
    path: tuple[Any, ...]
    loss: Any
    weight: Any


def arguments(model: Any) -> Arguments | None:
    """What `compile` was given; None for a model that was not compiled."""
    if not model.compiled:
        return None
    loss, metrics = _private(model, "_compile_loss"), _private(model, "_compile_metrics")
    own = type(model).compute_loss is not keras.Model.compute_loss or type(model).train_step is not keras.Model.train_step
    return Arguments(
        None if loss is None else _private(loss, "_user_loss"),
        None if loss is None else _private(loss, "_user_loss_weights"),
        None if metrics is None else _private(metrics, "_user_metrics"),
        None if metrics is None else _private(metrics, "_user_weighted_metrics"),
        own,
    )


def head_losses(model: Any, contract: Contract, made: Any, given: Any) -> list[HeadLoss]:
    """Which loss Keras puts on which head, from a second `CompileLoss` of the same arguments; the model's own is left alone.

    Args:
        made: Arrays like the model's outputs, in their container.
        given: Arrays like the targets, in the same container.

    Raises:
        Exception: Whatever Keras raises about the arguments.
    """
    compiled = fresh_loss(model, weighted=True)
    compiled.build(given, made)
    found = []
    for path, loss, weight, _ in _private(compiled, "_flat_losses"):
        fn, options = getattr(loss, "fn", None), getattr(loss, "_fn_kwargs", {})
        keras_own = type(loss).__module__.startswith("keras.") and getattr(fn, "__module__", "").startswith("keras.")
        found.append(
            HeadLoss(
                _head(contract, path),
                loss,
                getattr(fn, "__name__", "") if keras_own else "",
                1.0 if weight is None else float(weight),
                bool(options.get("from_logits", getattr(loss, "from_logits", False))),
                options.get("ignore_class", getattr(loss, "ignore_class", None)),
            )
        )
    return found


def loss_parts(model: Any) -> list[LossPart]:
    """The losses of a functional model as Keras assigned them to heads, for targets in the container of the outputs."""
    compiled, contract, made = _private(model, "_compile_loss"), Contract.of(model), ends(model)[1]
    if compiled is None or contract is None:
        return []
    if not compiled.built:  # which it is in the first step; until then a copy tells the heads
        compiled = fresh_loss(model, weighted=True)
        compiled.build(made, made)
    return [LossPart(_head(contract, path), tuple(path), loss, weight) for path, loss, weight, _ in _private(compiled, "_flat_losses")]


def fresh_loss(model: Any, *, weighted: bool) -> Any:
    """A `CompileLoss` of its own with the model's losses, with or without their weights: call it with (y_true, y_pred, sample_weight)."""
    compiled = _private(model, "_compile_loss")
    weights = _private(compiled, "_user_loss_weights") if weighted else None
    return type(compiled)(_private(compiled, "_user_loss"), weights, output_names=_private(compiled, "output_names"))


def hand_out(model: Any, contract: Contract, made: Any, given: Any) -> list[str]:
    """The heads in the order in which this Keras hands out a list of losses."""
    probes = [keras.losses.MeanSquaredError(name=str(place)) for place in range(len(contract.outputs))]
    compiled = type(_private(model, "_compile_loss"))(probes, None, output_names=_private(_private(model, "_compile_loss"), "output_names"))
    compiled.build(given, made)
    places = {int(loss.loss.name): _head(contract, loss.path) for loss in _private(compiled, "_flat_losses")}
    return [places[place] for place in sorted(places)]


def counts_batches() -> bool:
    """Whether this Keras averages the losses of single heads over batches as if all of them were full: TensorFlow, before 3.16."""
    return keras.backend.backend() == "tensorflow" and tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 16)


def build_metrics(model: Any, given: Any, made: Any) -> None:
    """Assign the metrics to heads as Keras does, on a second `CompileMetrics`.

    Raises:
        Exception: Whatever Keras raises about the arguments.
    """
    compiled = _private(model, "_compile_metrics")
    if compiled is not None:
        again = type(compiled)(
            _private(compiled, "_user_metrics"),
            _private(compiled, "_user_weighted_metrics"),
            output_names=_private(compiled, "output_names"),
        )
        again.build(given, made)


def forward(model: Any, x: Any) -> tuple[Any, list[Any]]:
    """(outputs, added losses) of one inference step that changes nothing in the model: all state is kept in a scope and thrown away."""
    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def call(trainable: list[Any], fixed: list[Any], x: Any) -> tuple[Any, list[Any]]:
        training = {"training": False} if getattr(model, "_call_has_training_arg", False) else {}
        outputs, _, added = model.stateless_call(trainable, fixed, x, return_losses=True, **training)
        return outputs, list(added)

    x = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    return call(trainable, fixed, x) if model.run_eagerly else compact(call)(trainable, fixed, x)


def numpy(tensor: Any) -> np.ndarray:
    """A tensor of any backend as a NumPy array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def compact(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The same pure function, compiled as a whole where running it step by step would compile every step (JAX)."""
    if keras.backend.backend() != "jax":
        return fn
    import jax

    return jax.jit(fn)


def symbolic(model: Any, x: Any) -> Any:
    """The outputs as symbols, of a model without a graph. If it has no variables yet it gets them, as in `fit` before the first batch."""
    from keras.src import backend

    symbols = keras.tree.map_structure(_symbol, x)
    return backend.compute_output_spec(model, symbols, training=False)


def slow_to_compile(model: Any) -> bool:
    """Whether calling it once would take JAX seconds of compilation, which `fit` has to do anyway."""
    return keras.backend.backend() == "jax" and not model.run_eagerly and len(list(_private(model, "_flatten_layers")())) > _MANY_LAYERS


def build_loss(loss: Any, y_true: Any, y_pred: Any) -> None:
    """Let a `CompileLoss` take note of structures, as `fit` does before its first batch."""
    from keras.src import backend

    backend.compute_output_spec(loss, keras.tree.map_structure(_symbol, y_true), keras.tree.map_structure(_symbol, y_pred))


def activation(model: Any, head: str, contract: Contract) -> str | None:
    """What the head ends with: "linear", "softmax", "sigmoid", "relu", ...; None where that cannot be told."""
    tensor = _output(model, head, contract)
    for _ in range(100):  # through reshapes and nested models; a limit, since graphs may be odd
        if tensor is None:
            return None
        operation, node, place = _private(tensor, "_keras_history")
        inner = getattr(operation, "layer", None) if type(operation).__name__ == "TimeDistributed" else operation
        name = type(inner).__name__
        own = getattr(getattr(inner, "activation", None), "__name__", None)
        if isinstance(inner, keras.Model):
            tensor = inner.outputs[place] if inner.outputs else None
        elif name.startswith(_ACTIVATED) and (name, own) != ("Activation", "linear"):
            return own
        elif name.lower() in ("softmax", "sigmoid", "relu", "tanh", "softplus", "exponential", "exp"):
            return name.lower()
        elif name.startswith((*_TRANSPARENT, "Activation")):  # a linear one only sets the dtype
            parents = _private(operation, "_inbound_nodes")[node].input_tensors
            tensor = parents[0] if len(parents) == 1 else None
        else:
            return None
    return None


def rescaled(model: Any, head: str, contract: Contract) -> bool:
    """Whether the head ends with a layer that brings it to the target's scale: `Rescaling`, `Normalization(invert=True)`."""
    tensor = _output(model, head, contract)
    if tensor is None:
        return False
    layer = _private(tensor, "_keras_history")[0]
    return type(layer).__name__ == "Rescaling" or (type(layer).__name__ == "Normalization" and bool(layer.invert))


def parents(tensor: Any) -> list[Any]:
    """The tensors of a functional model that this one is made of; none of an input."""
    operation, node, _ = _private(tensor, "_keras_history")
    return list(_private(operation, "_inbound_nodes")[node].input_tensors)


def untrack(model: Any, layer: Any) -> None:
    """Let a model forget a layer that it was given as an attribute."""
    _private(model, "_tracker").untrack(layer)


def consumers(model: Any, name: str) -> list[Any]:
    """The layers that first do something with the numbers of this input; all layers of a model without a graph."""
    given = ends(model)[0]
    if given is None:
        return list(_layers(model))
    if isinstance(given, Mapping):
        tensor = given[name]
    else:
        tensor = next((tensor for tensor in keras.tree.flatten(given) if tensor.name == name), model.inputs[0])
    return list(_readers(model, tensor, set()))


def _readers(model: Any, tensor: Any, seen: set[int]) -> Iterator[Any]:
    for operation in getattr(model, "operations", None) or _private(model, "_functional").operations:
        for node in _private(operation, "_inbound_nodes"):
            places = [i for i, given in enumerate(node.input_tensors) if given is tensor]
            if not places or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(operation, keras.Model) and getattr(operation, "inputs", None):
                yield from _readers(operation, operation.inputs[places[0]], seen)
            elif type(operation).__name__.startswith(_TRANSPARENT):
                for output in node.output_tensors:
                    yield from _readers(model, output, seen)
            else:
                yield operation


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def ends(model: Any) -> tuple[Any, Any]:
    """The structures of inputs and outputs; (None, None) of a model without a graph."""
    try:
        return model.input, model.output
    except (AttributeError, ValueError):  # a Sequential has lists of one, a subclassed model nothing
        graph = getattr(model, "_functional", None)
        return (None, None) if graph is None else (graph.inputs[0], graph.outputs[0])


def _output(model: Any, head: str, contract: Contract) -> Any:
    made = ends(model)[1]
    if made is None:
        return None
    if isinstance(made, Mapping):
        return made[head]
    return made[[port.name for port in contract.outputs].index(head)] if isinstance(made, (list, tuple)) else made


def _head(contract: Contract, path: tuple[Any, ...]) -> str:
    first = path[0] if path else 0
    return first if isinstance(first, str) else contract.outputs[first].name


def _symbol(array: Any) -> Any:
    return keras.KerasTensor(array.shape, keras.backend.standardize_dtype(array.dtype))


def _private(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name)
    except AttributeError as error:
        raise CheckError(
            f"Keras {keras.__version__} has no {type(thing).__name__}.{name}, which plait reads to check losses and wiring. "
            "Use a version of Keras that this plait was tested with (its CHANGELOG names them), or a newer plait."
        ) from error
