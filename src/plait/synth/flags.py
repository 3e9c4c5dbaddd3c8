"""Columns of yes and no from which `np.where` chooses between two values without guessing."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Flags"]

_VALUE = (bool, int, float, np.generic)


class Flags(np.ndarray):
    """An array of bool, as any other but for `np.where(flags, 10, 2)`, which has the same result in a fifth of the time.

    NumPy branches at every element, and with random flags the processor guesses every other branch wrong. To look the value up in a
    table of two has no branch. What is computed from flags is a plain array.
    """

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's protocol: `np.where` between two numbers is ours, all else is NumPy's."""
        if func is np.where and len(args) == 3 and not kwargs and args[0] is self:
            _, yes, no = args
            if isinstance(yes, _VALUE) and isinstance(no, _VALUE):
                return np.array([no, yes], np.result_type(yes, no)).take(self.view(np.ndarray), mode="clip")
        return super().__array_function__(func, types, args, kwargs)

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        """NumPy's protocol: the results of its functions are plain arrays."""
        plain = array.view(np.ndarray)
        return plain[()] if return_scalar else plain
