"""Everything plait raises.

PlaitError
├── SpecError            (ValueError)     a sample is not what its stream declares: shape, dtype, range, NaN
├── AlignmentError       (ValueError)     the keys of several sources do not agree
│   └── DuplicateKeyError                 one key, several samples
├── ReadError            (OSError)        a sample cannot be read: missing, unreadable, empty, truncated
│   └── ChangedError                      what is read is no longer what was listed
├── TransformError       (ValueError)     a step cannot be fitted, applied, inverted, saved or loaded
├── CheckError           (ValueError)     the data does not fit the model
├── BadSamplesError      (RuntimeError)   more samples cannot be used than a budget allows
├── ArgumentError        (ValueError)     an argument that cannot be meant
├── NameUnknownError     (KeyError)       a stream, field or target that does not exist
├── ResumeError          (RuntimeError)   a saved run does not go with this loader or model
├── WorkerError          (RuntimeError)   what makes a batch died or hung, again and again
└── MissingExtraError    (ImportError)    an optional dependency is not installed

Each message says what was found, what was expected, and the line to write instead, in the user's own names.
"""

from __future__ import annotations

from plait.visible import printable

__all__ = [
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
]


class PlaitError(Exception):
    """Base of everything plait raises on purpose. Names that come from files cannot command the terminal that shows it."""

    def __str__(self) -> str:
        return printable(super().__str__())


class SpecError(PlaitError, ValueError):
    """A sample is not what its stream declares."""


class AlignmentError(PlaitError, ValueError):
    """The keys of several sources do not agree."""


class DuplicateKeyError(AlignmentError):
    """One key stands for several samples."""


class ReadError(PlaitError, OSError):
    """A sample cannot be read."""


class ChangedError(ReadError):
    """What is read is no longer what was listed when the source was declared."""


class TransformError(PlaitError, ValueError):
    """A step cannot be fitted, applied, inverted, saved or loaded."""


class CheckError(PlaitError, ValueError):
    """The data does not fit the model."""


class BadSamplesError(PlaitError, RuntimeError):
    """More samples cannot be used than the budget allows."""


class ArgumentError(PlaitError, ValueError):
    """An argument that cannot be meant."""


class NameUnknownError(PlaitError, KeyError):
    """A stream, field or target that does not exist."""

    def __str__(self) -> str:  # KeyError would show the repr, quotes and all
        return printable(str(self.args[0])) if self.args else ""


class ResumeError(PlaitError, RuntimeError):
    """A saved run does not go with this loader or model."""


class WorkerError(PlaitError, RuntimeError):
    """What makes a batch, a thread or a process, died or hung, again and again."""


class MissingExtraError(PlaitError, ImportError):
    """An optional dependency is not installed."""
