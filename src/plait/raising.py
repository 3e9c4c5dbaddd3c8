"""An iterator that does not end because of an error."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

__all__ = ["Insistent"]

A = TypeVar("A")


class Insistent(Generator[A, None, None]):
    """The items of a generator; once that raises, the same error at every further call.

    A generator that has raised ends: who catches the error and asks on would take that for the end of the data.
    """

    def __init__(self, items: Generator[A, None, None]) -> None:
        self._items = items
        self._error: BaseException | None = None

    def __next__(self) -> A:
        if self._error is not None:
            raise self._error
        try:
            return next(self._items)
        except (StopIteration, GeneratorExit):
            raise
        except BaseException as error:  # Ctrl-C too
            self._error = error
            raise

    def send(self, value: None) -> A:
        """The next one."""
        return next(self)

    def throw(self, *error: Any) -> A:
        """Have the generator raise this."""
        return self._items.throw(*error)

    def close(self) -> None:
        """End it, and what runs for it."""
        self._items.close()
