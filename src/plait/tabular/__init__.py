"""A data set as a table: one column of numbers a variable, and back."""

from plait.tabular.schema import Schema
from plait.tabular.variables import Kind, Variable

__all__ = ["Kind", "Schema", "Variable"]
