"""What a batch must look like for a given Keras model: names, containers, shapes and dtypes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from plait.errors import CheckError

__all__ = ["Contract", "Port"]


@dataclass(frozen=True)
class Port:
    """One input or output of a model.

    Args:
        name: What the user calls it: the key where the model's structure is a dict, else the name of the layer.
        shape: Without the batch axis; None where the model leaves a size open.
        dtype: Of the tensor, "float32".
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Contract:
    """The structure of a built model.

    Args:
        inputs: In the model's order.
        outputs: In the model's order.
        container: Of the outputs: "single" tensor, "list" (or tuple), or "dict".
        bare: Whether the input is one tensor in no container.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    container: Literal["single", "list", "dict"]
    bare: bool = False

    @classmethod
    def of(cls, model: Any) -> Contract | None:
        """Read it from a functional or sequential model; None for a subclassed one, which has no structure before it is called.

        Raises:
            CheckError: Inputs or outputs are nested deeper than one dict or list.
        """
        try:
            given, made = _ends(model)
        except (AttributeError, ValueError):  # subclassed, or a Sequential that was not built
            return None
        if given is None or made is None:
            return None
        inputs = _ports(given, [tensor.name for tensor in model.inputs], "inputs", model.name)
        names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
        outputs = _ports(made, names, "outputs", model.name)
        several = isinstance(made, (list, tuple)) and len(made) > 1  # Keras takes a single output out of its list
        container = "dict" if isinstance(made, Mapping) else "list" if several else "single"
        return cls(inputs, outputs, container, bare=not isinstance(given, (Mapping, list, tuple)))

    @classmethod
    def seen(cls, inputs: Mapping[str, np.ndarray], outputs: Any) -> Contract:
        """The contract of a model that was called: what went in, and what came out (arrays or tensors, batch axis first)."""
        ports = tuple(Port(name, tuple(x.shape[1:]), str(x.dtype)) for name, x in inputs.items())
        if isinstance(outputs, Mapping):
            made = tuple(Port(str(name), tuple(y.shape[1:]), _dtype(y)) for name, y in outputs.items())
            return cls(ports, made, "dict")
        if isinstance(outputs, (list, tuple)):
            made = tuple(Port(f"output_{i}", tuple(y.shape[1:]), _dtype(y)) for i, y in enumerate(outputs))
            return cls(ports, made, "list")
        return cls(ports, (Port("output", tuple(outputs.shape[1:]), _dtype(outputs)),), "single")

    def input(self, name: str) -> Port | None:
        """The input of that name; of a model that takes one bare tensor also when the data call it otherwise."""
        if self.bare:
            return self.inputs[0]
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """The output of that name; of a single output also when the data call it otherwise."""
        if len(self.outputs) == 1:
            return self.outputs[0]
        return next((port for port in self.outputs if port.name == name), None)


def _ends(model: Any) -> tuple[Any, Any]:
    """The structures of inputs and outputs. A Sequential has no `input` and `output`, only lists of one."""
    try:
        return model.input, model.output
    except (AttributeError, ValueError):
        (given,), (made,) = model.inputs, model.outputs
        return given, made


def _ports(structure: Any, names: Sequence[str], role: str, model: str) -> tuple[Port, ...]:
    if isinstance(structure, Mapping):
        pairs = list(structure.items())
    elif isinstance(structure, (list, tuple)):
        pairs = list(zip(names, structure, strict=True))
    else:
        pairs = [(names[0], structure)]
    for name, tensor in pairs:
        if isinstance(tensor, (Mapping, list, tuple)):
            raise CheckError(
                f"The {role} of model {model!r} are nested: {name!r} is a {type(tensor).__name__}. plait feeds one dict or list "
                f"of tensors; write keras.Model(inputs={{'a': a, 'b': b}}, outputs={{'y': y, 'z': z}})."
            )
    return tuple(Port(str(name), tuple(tensor.shape[1:]), _dtype(tensor)) for name, tensor in pairs)


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.").removeprefix("<dtype: '").removesuffix("'>")
