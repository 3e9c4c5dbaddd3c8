"""Which shapes branches may have to be merged, and what to write where they have others; knows no Keras."""

from __future__ import annotations

from collections.abc import Mapping

from plait.errors import ArgumentError

__all__ = ["MERGES", "Shape", "check_attended", "check_but_last", "check_conditions", "check_given", "check_widths", "same_shape"]

MERGES = ("concatenate", "add", "multiply", "film", "gated", "attention")

Shape = tuple[int | None, ...]  # of one sample: (width,), (length, width), (height, width, channels)


def check_given(shapes: Mapping[str, Shape], merge: str) -> None:
    """Raise where there is nothing to merge, or a branch has no axis.

    Raises:
        ArgumentError: Naming it.
    """
    if len(shapes) < 2:
        raise ArgumentError(f"merge={merge!r}: two branches or more are needed, and there is {list(shapes) or 'none'}.")
    for name, shape in shapes.items():
        if not shape:
            raise ArgumentError(
                f"merge={merge!r}: branch {name!r} has no axis beside the samples. Write keras.layers.Reshape((1,))({name})."
            )


def same_shape(shapes: Mapping[str, Shape], merge: str) -> None:
    """All branches have the same shape: nothing is spread over anything.

    Raises:
        ArgumentError: Naming two branches, their shapes and the line to write.
    """
    first, *others = shapes
    for other in others:
        if shapes[first] != shapes[other]:
            said = "takes branches of the same shape; Keras spreads one over the other without a word where it can"
            raise _unequal(shapes, first, other, merge, said)


def check_but_last(shapes: Mapping[str, Shape], merge: str) -> None:
    """All branches have as many axes, and all but the last are equal.

    Raises:
        ArgumentError: Naming two branches, their shapes and the line to write.
    """
    first, *others = shapes
    for other in others:
        if len(shapes[first]) != len(shapes[other]) or shapes[first][:-1] != shapes[other][:-1]:
            raise _unequal(shapes, first, other, merge, "takes branches that are equal on every axis but the last")


def check_conditions(shapes: Mapping[str, Shape], on: str, merge: str = "film") -> None:
    """All branches but `on` are vectors.

    Raises:
        ArgumentError: Naming the one that is not, and the line to write.
    """
    for other in shapes:
        if other != on and len(shapes[other]) != 1:
            pool = _pool(other, shapes[other])
            raise ArgumentError(
                f"merge={merge!r}: branch {on!r}, {_shown(shapes[on])}, is modulated by vectors, and branch {other!r} is "
                f"{_shown(shapes[other])}. Write {pool}, or merge='attention', or on={other!r} to modulate that one."
            )


def check_attended(shapes: Mapping[str, Shape], merge: str = "attention") -> None:
    """All branches are vectors, sequences or maps.

    Raises:
        ArgumentError: Naming the one that is not.
    """
    for name, shape in shapes.items():
        last = shape[len(shape) - 1]
        if len(shape) > 3 or last is None or (len(shape) == 3 and None in shape):
            raise ArgumentError(
                f"merge={merge!r}: branch {name!r} is {_shown(shape)}; attention takes a vector (width,), a sequence (length, width) or a "
                f"map (height, width, channels). Write keras.layers.Reshape((-1, {last or 'width'}))({name})."
            )


def check_widths(shapes: Mapping[str, Shape], merge: str) -> None:
    """Sequences of equal width, for layers that take the dot product of them: `keras.layers.Attention` fails late where they differ.

    Raises:
        ArgumentError: Naming two branches, their shapes and the line to write.
    """
    first, *others = shapes
    for other in others:
        if len(shapes[first]) != 2 or len(shapes[other]) != 2 or shapes[first][-1] != shapes[other][-1]:
            raise _unequal(shapes, first, other, merge, "takes sequences (length, width) of equal width")


def _unequal(shapes: Mapping[str, Shape], first: str, other: str, merge: str, said: str) -> ArgumentError:
    a, b = shapes[first], shapes[other]
    return ArgumentError(
        f"merge={merge!r}: branch {first!r} is {_shown(a)} and branch {other!r} is {_shown(b)}; it {said}. "
        f"Write {_remedy(first, a, other, b)}."
    )


def _remedy(first: str, a: Shape, other: str, b: Shape) -> str:
    if len(a) == len(b):
        return _remedy_same_rank(first, a, other, b)
    (low, few), (high, many) = sorted([(first, a), (other, b)], key=lambda branch: len(branch[1]))
    if many == (*few, 1):
        return f"keras.layers.Reshape({few})({high})"
    if len(few) == 2 and len(many) == 3 and None not in many:
        return f"keras.layers.Reshape(({(many[0] or 1) * (many[1] or 1)}, {many[2]}))({high}), or merge='attention'"
    ways = [_pool(high, many)]
    if len(few) == 1 and len(many) == 2 and many[0] is not None:
        ways.append(f"keras.layers.RepeatVector({many[0]})({low})")
    return ", or ".join([*ways, f"merge='film', in which {low!r} modulates {high!r}"]) if len(few) == 1 else ", or ".join(ways)


def _remedy_same_rank(first: str, a: Shape, other: str, b: Shape) -> str:
    if a[:-1] == b[:-1]:
        return f"keras.layers.Dense({a[-1]})({other}), or merge='concatenate'"
    if len(a) == 3:
        return f"keras.layers.Resizing({a[0]}, {a[1]})({other}), or pool both: {_pool(first, a)}"
    return f"merge='attention', or pool both: {_pool(first, a)} and {_pool(other, b)}"


def _pool(name: str, shape: Shape) -> str:
    return f"keras.layers.GlobalAveragePooling{len(shape) - 1}D()({name})" if len(shape) <= 4 else f"keras.layers.Flatten()({name})"


def _shown(shape: Shape) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
