"""The columns of a table as a data set of plait, and samples as columns again."""

from __future__ import annotations

import numpy as np
from tables import Columns, Table

import plait

__all__ = ["as_columns", "as_dataset"]


def as_dataset(table: Table, columns: Columns) -> plait.Dataset:
    """As plait reads it: a missing category is a level of its own, a missing number stays missing."""
    arrays = plait.Arrays({name: columns[name] for name in table.names})
    missing = {name: "keep" for name in table.names if columns[name].dtype.kind == "f"}
    return plait.Dataset(
        inputs={name: arrays[name] for name in table.inputs}, targets={name: arrays[name] for name in table.targets}, missing=missing
    )


def as_columns(data: plait.Dataset, table: Table) -> Columns:
    """A sample as the columns of the table."""
    values = data.read(list(table.names), np.arange(len(data)))
    out = {}
    for name in table.names:
        column, gone = np.asarray(values[name]), data.absent(name)
        if table.train[name].dtype.kind == "U":
            column = np.array(column.tolist(), dtype=str)
        elif gone is not None and column.dtype.kind not in "mM":
            column = np.where(gone, np.nan, column.astype(float))
        out[name] = column
    return out
