"""Parse one document, JSON or the literal dict that Python prints, without evaluating anything and without trusting its size."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable

from plait.errors import ReadError

__all__ = ["MOST_BYTES", "parse_document", "parse_json"]

MOST_BYTES = 2**24  # of JSON; documents are small
MOST_LITERAL = 2**20
MOST_TOKENS = 2**16  # of a literal: the parser of Python takes 900 bytes and 8 microseconds for one
MOST_DEPTH = 64
MOST_LISTS = 2**19  # lists and objects of one document: an empty one of 2 characters takes 64 bytes of memory
MOST_VALUES = 2**21

_JSON_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>[rRuU]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    |(?P<value>True|False|None|[-+]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?![0-9A-Za-z_.]))
    |(?P<open>[\[({])|(?P<close>[\])}])|(?P<mark>[,:]))""",
    re.VERBOSE | re.DOTALL,
)
_RESTORE = "Mend the file, or remove it to leave the sample out."


def parse_document(data: bytes, *, name: str) -> object:
    """What the document holds: dict, list, text, number, true, false or null.

    JSON is tried first. A literal dict, `{'location': 'roof', 'time': '12:00'}`, is parsed by `ast.literal_eval` after a look at its
    tokens: nothing but brackets, text, numbers, True, False and None reaches the parser.

    Args:
        data: UTF-8.
        name: The stream and sample, for messages.

    Raises:
        ReadError: It is neither, is not UTF-8, names a field twice, or is nested or long beyond what documents are.
    """
    if len(data) > MOST_BYTES:
        raise ReadError(
            f"{name} has {len(data)} bytes, and a document at most {MOST_BYTES}. Write many samples as JSON lines: Json('all.jsonl')."
        )
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ReadError(f"{name} is not UTF-8: byte {data[error.start : error.start + 1]!r} at {error.start}. Save it as UTF-8.") from error
    try:
        return _json(text)
    except _RefusedError as error:
        raise ReadError(f"{name} {error}. {_RESTORE}") from error
    except (ValueError, RecursionError) as error:
        no_json = f"{name} is no JSON ({str(error)[:200]})"
        if not text.startswith("{"):
            raise ReadError(f"{no_json}. {_RESTORE}") from error
    return _literal(text, name, no_json)


def parse_json(data: bytes, *, most: int) -> object:
    """What JSON that plait wrote holds, wherever it comes from: no field twice, no NaN, nothing deep, and no more than memory is for.

    Args:
        data: UTF-8.
        most: Bytes.

    Raises:
        ValueError: It is something else; the text says why, as a sentence goes on after "it".
    """
    if len(data) > most:
        raise ValueError(f"has {len(data)} bytes, and at most {most} are read")
    try:
        return _json(data.decode("utf-8"), constant=_no_constant)
    except (_RefusedError, RecursionError) as error:
        raise ValueError(str(error)) from error


class _RefusedError(Exception):
    """Well-formed, and still nothing to read."""


def _json(text: str, constant: Callable[[str], object] | None = None) -> object:
    """The document.

    Raises:
        _RefusedError: It is too deep or has too many values, or names a field twice.
        ValueError: It is no JSON.
    """
    if text.count("[") + text.count("{") > MOST_DEPTH or text.count(",") > MOST_VALUES:
        bare = _JSON_TEXT.sub("", text)
        lists, values = bare.count("[") + bare.count("{"), bare.count(",")
        if lists > MOST_LISTS or values > MOST_VALUES:
            raise _RefusedError(
                f"holds {lists} lists and objects and {values} values, and one document at most {MOST_LISTS} and {MOST_VALUES}; "
                "many samples are JSON lines, and large arrays .npy files"
            )
        if _depth(bare) > MOST_DEPTH:
            raise _RefusedError(f"is nested more than {MOST_DEPTH} deep")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=constant)
    except _TwiceError as error:
        raise _RefusedError(f"holds the field {error.args[0]!r} twice") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"holds {name}, which is no JSON")


class _TwiceError(Exception):
    """One field, two values."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(field for field, _ in pairs if field in seen or seen.add(field)))
    return fields


def _depth(bare: str) -> int:
    """How deep the brackets are nested, of a document without its texts."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", bare):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _literal(text: str, name: str, no_json: str) -> object:
    fault = f"it has more than {MOST_LITERAL} characters" if len(text) > MOST_LITERAL else _fault(text)
    if fault:
        raise ReadError(f"{no_json}, and no literal dict of text, numbers, lists, True, False and None ({fault}). {_RESTORE}")
    try:
        with warnings.catch_warnings():  # of escapes that Python does not know, which stay as they are
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
        for node in ast.walk(tree):
            names = [key.value for key in node.keys if isinstance(key, ast.Constant)] if isinstance(node, ast.Dict) else []
            if len(set(names)) < len(names):
                raise _TwiceError(next(n for n in names if names.count(n) > 1))
        return ast.literal_eval(tree)
    except _TwiceError as error:
        raise ReadError(f"{name} holds the field {error.args[0]!r} twice. {_RESTORE}") from error
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ReadError(f"{no_json}, and no literal dict ({str(error)[:200]}). {_RESTORE}") from error


def _fault(text: str) -> str:
    """Why the text must not reach the parser; empty where it may."""
    at, depth, before, tokens = 0, 0, "open", 0
    while at < len(text):
        tokens += 1
        match = _TOKEN.match(text, at)
        kind = match.lastgroup if match else None
        ended = before in ("value", "text", "close")  # then a comma, a colon or a bracket has to come
        if match is None or kind is None or (ended and kind in ("value", "open")) or (kind == "text" and before in ("value", "close")):
            return f"found {text[at : at + 20].strip()!r}"
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if depth > MOST_DEPTH:
            return f"nested more than {MOST_DEPTH} deep"
        if tokens > MOST_TOKENS:
            return f"more than {MOST_TOKENS} brackets, values and commas"
        at, before = match.end(), kind
    return ""
