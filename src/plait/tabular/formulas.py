"""Formulas over the variables of a table: read, evaluated and solved by walking their syntax, never run as Python."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plait.errors import ArgumentError

__all__ = ["Expression", "Text"]

_LONGEST = 2000  # characters
_SUCH = "Write one such as 'weight / height ** 2'."
_BINARY: dict[type[ast.operator], Callable[..., np.ndarray]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide, ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod, ast.Pow: np.power,
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], Callable[..., np.ndarray]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip
_FUNCTIONS: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
    "abs": (1, np.abs), "ceil": (1, np.ceil), "exp": (1, np.exp), "floor": (1, np.floor), "log": (1, np.log), "max": (2, np.maximum),
    "min": (2, np.minimum), "round": (1, np.rint), "sqrt": (1, np.sqrt), "where": (3, lambda c, a, b: np.where(_truth(c), a, b)),
}  # fmt: skip
_INVERSE: dict[str, Callable[[np.ndarray], np.ndarray]] = {"exp": np.log, "log": np.exp, "sqrt": np.square}


@dataclass(frozen=True)
class Text:
    """The labels of a category in a formula: compared with == and !=, no more.

    Args:
        codes: (rows,) float64, NaN where missing.
        levels: What codes stand for.
    """

    codes: np.ndarray
    levels: tuple[object, ...]


Values = Mapping[str, "np.ndarray | Text"]


@dataclass(frozen=True)
class Expression:
    """A formula as text: arithmetic, comparisons, `and`, `or`, `not`, `a if c else b`, and a few functions.

    Functions: abs, ceil, exp, floor, log, max, min, round, sqrt, where(condition, a, b). A comparison is 1 or 0. What is computed of a
    missing value is missing. One number of a vector is x[3].
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ArgumentError(f"{self.text!r} is no formula, which is text. {_SUCH}")
        try:
            _check(self._root, self.text)
        except RecursionError:
            raise ArgumentError(f"{self.text[:80]!r} is no formula: it is nested too deep. {_SUCH}") from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables in it, in order, each once."""
        return tuple(dict.fromkeys(name for node in ast.walk(self._root) if (name := _named(node)) is not None))

    def __call__(self, values: Values) -> np.ndarray:
        """(rows,) float64; NaN where it has no value.

        Args:
            values: name -> (rows,) float64, or the labels of a category.
        """
        with np.errstate(all="ignore"):
            found = np.asarray(_value(self._root, values, self.text), np.float64)
        rows = max((len(v.codes if isinstance(v, Text) else v) for v in values.values()), default=1)
        found = np.broadcast_to(found, (rows,))
        return np.where(np.isfinite(found), found, np.nan)

    def solve(self, name: str, result: np.ndarray, values: Values) -> np.ndarray | None:
        """The values of a variable for which the formula gives `result`; None where it can't be turned round.

        It can where the variable occurs once, below nothing but + - * /, a constant power, exp, log and sqrt.

        Args:
            name: Of the variable.
            result: (rows,) float64.
            values: Of the other variables.
        """
        if sum(_named(node) == name for node in ast.walk(self._root)) != 1:
            return None
        with np.errstate(all="ignore"):
            return _solved(self._root, name, result, values, self.text)

    @cached_property
    def _root(self) -> ast.expr:
        try:
            if len(self.text) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST} characters")
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            raise ArgumentError(f"{self.text[:80]!r} is no formula: {why}. {_SUCH}") from error


def _check(node: ast.expr, text: str) -> None:
    if _named(node) is not None:
        return
    match node:
        case ast.Constant(value=value) if isinstance(value, (float, str)) or (isinstance(value, int) and value.bit_length() < 1024):
            return
        case ast.BinOp(op=op) if type(op) in _BINARY:
            parts = [node.left, node.right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            parts = [node.operand]
        case ast.Compare(ops=ops) if all(type(op) in _COMPARED for op in ops):
            parts = [node.left, *node.comparators]
        case ast.BoolOp():
            parts = node.values
        case ast.IfExp():
            parts = [node.test, node.body, node.orelse]
        case ast.Call(func=ast.Name(id=function), keywords=[]) if function in _FUNCTIONS:
            wanted = _FUNCTIONS[function][0]
            if len(node.args) != wanted:
                raise ArgumentError(f"{text!r}: {function} takes {wanted} values; it is given {len(node.args)}.")
            parts = node.args
        case _:
            raise ArgumentError(
                f"{text!r}: {ast.unparse(node)!r} is not allowed in a formula. There are numbers, 'labels', variables, + - * / // % **, "
                f"comparisons, and, or, not, a if c else b, and {', '.join(_FUNCTIONS)}."
            )
    for part in parts:
        _check(part, text)


def _named(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name):
            return None if name in _FUNCTIONS else name
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(place))):
            return f"{name}[{place}]"
    return None


def _value(node: ast.expr, values: Values, text: str) -> np.ndarray:
    name = _named(node)
    if name is not None:
        return _number(values[name], name, text)
    match node:
        case ast.Constant(value=value):
            if isinstance(value, str):
                raise ArgumentError(f"{text!r}: {value!r} is a label. Labels are compared with == or != with a category.")
            return np.float64(value)  # type: ignore[return-value]
        case ast.BinOp():
            return _BINARY[type(node.op)](_value(node.left, values, text), _value(node.right, values, text))
        case ast.UnaryOp():
            inner = _value(node.operand, values, text)
            return _kept(~_truth(inner), inner) if isinstance(node.op, ast.Not) else -inner if isinstance(node.op, ast.USub) else inner
        case ast.Compare():
            sides = [node.left, *node.comparators]
            found = [_compared(op, a, b, values, text) for op, a, b in zip(node.ops, sides[:-1], sides[1:], strict=True)]
            return np.prod(np.broadcast_arrays(*found), axis=0)
        case ast.BoolOp():
            found = np.broadcast_arrays(*(_value(part, values, text) for part in node.values))
            joined = (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce([_truth(part) for part in found])
            return _kept(joined, *found)
        case ast.IfExp():
            condition = _value(node.test, values, text)
            return _kept(np.where(_truth(condition), _value(node.body, values, text), _value(node.orelse, values, text)), condition)
        case ast.Call(func=ast.Name(id=function)):
            given = [_value(part, values, text) for part in node.args]
            found = _FUNCTIONS[function][1](*given)
            return _kept(found, given[0]) if function == "where" else found
    raise AssertionError(ast.dump(node))  # `_check` let nothing else through


def _compared(op: ast.cmpop, left: ast.expr, right: ast.expr, values: Values, text: str) -> np.ndarray:
    for side, other in ((left, right), (right, left)):
        name = _named(side)
        labels = values[name] if name is not None else None
        if isinstance(labels, Text) and isinstance(other, ast.Constant) and isinstance(op, (ast.Eq, ast.NotEq)):
            if other.value not in labels.levels:
                raise ArgumentError(f"{text!r}: {name!r} has no level {other.value!r}. It has {', '.join(map(repr, labels.levels[:8]))}.")
            return _kept(_COMPARED[type(op)](labels.codes, labels.levels.index(other.value)), labels.codes)
    a, b = _value(left, values, text), _value(right, values, text)
    return _kept(_COMPARED[type(op)](a, b), a, b)


def _solved(node: ast.expr, name: str, result: np.ndarray, values: Values, text: str) -> np.ndarray | None:
    if _named(node) == name:
        return result
    match node:
        case ast.UnaryOp(op=ast.USub()):
            return _solved(node.operand, name, -result, values, text)
        case ast.UnaryOp(op=ast.UAdd()):
            return _solved(node.operand, name, result, values, text)
        case ast.Call(func=ast.Name(id=function), args=[inner]) if function in _INVERSE:
            return _solved(inner, name, _INVERSE[function](result), values, text)
        case ast.BinOp(op=op, left=left, right=right):
            inside_left = any(_named(part) == name for part in ast.walk(left))
            other = _value(right if inside_left else left, values, text)
            inner = _turned(op, result, other, inside_left)
            return None if inner is None else _solved(left if inside_left else right, name, inner, values, text)
    return None


def _turned(op: ast.operator, result: np.ndarray, other: np.ndarray, left: bool) -> np.ndarray | None:
    """What the unknown side of an operation is, given its result and the other side."""
    match op:
        case ast.Add():
            return result - other
        case ast.Sub():
            return result + other if left else other - result
        case ast.Mult():
            return result / other
        case ast.Div():
            return result * other if left else other / result
        case ast.Pow() if left:
            return np.power(result, 1 / other)
    return None


def _number(value: np.ndarray | Text, name: str, text: str) -> np.ndarray:
    if isinstance(value, Text):
        raise ArgumentError(f"{text!r}: {name!r} is a category of labels. Labels are compared with == or != with a label in quotes.")
    return value


def _truth(value: np.ndarray) -> np.ndarray:
    return np.nan_to_num(value) != 0


def _kept(found: np.ndarray, *of: np.ndarray) -> np.ndarray:
    """The result, missing where what it was made of is."""
    return np.where(np.logical_or.reduce(np.broadcast_arrays(*map(np.isnan, of))), np.nan, found)
