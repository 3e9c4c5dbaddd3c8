"""What the questions of a check are asked about, put together once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plait.checks.compiled import Arguments, HeadLoss
from plait.checks.looks import Look
from plait.contract import Contract, Port
from plait.dataset import Dataset

__all__ = ["Subject", "contained"]


@dataclass(frozen=True)
class Subject:
    """A data set and a model, and what was found out about both.

    Args:
        data: The data set.
        model: The Keras model.
        contract: Its inputs and outputs.
        container: Type of its outputs: list, tuple, dict, or a tensor's.
        compiled: What `compile` was given; None for a model that was not compiled.
        losses: head -> its loss, as Keras assigns them; empty where that is not known.
        looks: stream -> what its values are; weights under "<target>.weight".
    """

    data: Dataset
    model: Any
    contract: Contract
    container: type
    compiled: Arguments | None
    losses: Mapping[str, HeadLoss] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Port]:
        """input -> the model's input that it goes to, in the model's order."""
        if self.contract.bare and len(self.data.inputs) == 1:
            return {name: self.contract.inputs[0] for name in self.data.inputs}
        return {port.name: port for port in self.contract.inputs if port.name in self.data.inputs}

    @property
    def heads(self) -> dict[str, Port]:
        """target -> the output it belongs to, for the targets that have one."""
        if len(self.contract.outputs) == 1 and len(self.data.targets) == 1:
            return {name: self.contract.outputs[0] for name in self.data.targets}
        ports = {port.name: port for port in self.contract.outputs}
        return {name: ports[name] for name in self.data.targets if name in ports}

    @property
    def declared(self) -> list[str]:
        """The heads in the order in which the model was declared."""
        return [port.name for port in self.contract.outputs]

    def loss_of(self, target: str) -> HeadLoss | None:
        """The loss of a target's head, where it is known."""
        port = self.heads.get(target)
        return None if port is None else self.losses.get(port.name)

    def keys(self, rows: list[int]) -> str:
        """A few keys, for messages."""
        return ", ".join(map(repr, self.data.keys.some(np.asarray(rows[:3], np.int64)))) + (", ..." if len(rows) > 3 else "")


def contained(container: type, values: Mapping[str, Any]) -> Any:
    """Values by head in the container of the model's outputs; `values` in the order of the heads."""
    if issubclass(container, OrderedDict):
        return OrderedDict(values)
    if issubclass(container, Mapping):
        return dict(values)
    if issubclass(container, (list, tuple)):
        return list(values.values()) if issubclass(container, list) else tuple(values.values())
    return next(iter(values.values()))
