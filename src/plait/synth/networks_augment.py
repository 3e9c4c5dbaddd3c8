"""Samples changed at random before a critic sees them, differentiably and alike on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

__all__ = ["augmented", "augmenting"]

_ops: Any = keras.ops

_SHIFT, _CUT = 8, 3  # at most one 8th of the side is shifted, and one third of it cut out


def augmented(x: Any, seed: Any, *, shifts: bool = True) -> Any:
    """Shifted, with a part cut out and, of several channels, brighter or darker (DiffAugment; Zhao et al. 2020).

    Args:
        x: (samples, *space, channels); 0 is what comes in from outside and what is left where something was cut out.
        seed: A `keras.random.SeedGenerator`.
        shifts: Whether to shift; not where a condition is a map of the same space, which would no longer fit.
    """
    ops, random = _ops, keras.random
    samples, *space = ops.shape(x)[0], *x.shape[1:-1]
    out: Any = 1.0
    for axis, side in enumerate(space, 1):
        places = ops.arange(side, dtype="float32")
        if shifts:
            most = max(1, side // _SHIFT)
            moved = ops.floor(random.uniform((samples, 1), -most, most + 1, seed=seed))
            source = ops.expand_dims(places + moved, -1)  # (samples, side, 1)
            move = ops.cast(ops.equal(source, places), x.dtype)  # (samples, side, side)
            x = ops.matmul(move, x) if len(space) == 1 else ops.einsum("bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic", move, x)
        middle = random.uniform((samples, 1), 0, side, seed=seed)
        cut = ops.cast(ops.less(ops.abs(places - middle), side / _CUT / 2), x.dtype)
        cut = ops.reshape(cut, (samples, *(side if a == axis else 1 for a in range(1, len(space) + 1)), 1))
        out = out * cut
    x = x * (1 - out)
    if x.shape[-1] > 1:
        x = x + random.uniform((samples, *(1 for _ in space), 1), -0.5, 0.5, seed=seed)
    return x


def augmenting(*, shifts: bool) -> Callable[[Any, Any], Any]:
    """(sample, seed) -> the sample changed at random."""
    return lambda x, seed: augmented(x, seed, shifts=shifts)
