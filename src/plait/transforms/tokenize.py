"""Text as the ids of its tokens."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.extras import require
from plait.ragged import Array, Ragged
from plait.spec import TEXT, Spec
from plait.transforms.columns import Column, Fittable, as_column

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Tokenize"]

_PADDING, _UNKNOWN = "[PAD]", "[UNK]"
_PADDINGS = (_PADDING, "<pad>", "<PAD>", "<|pad|>")


@dataclass(frozen=True)
class Tokenize:
    """Text, one a sample, as ragged int32 token ids; `Pad` makes them dense.

    In a tokenizer that `fit` trained, id 0 is the padding and id 1 an unknown word. Of another one, pad with its own:
    `Pad(20, value=words.padding)`. Its truncation is kept; padding to the longest of a batch is switched off, for a sample must not
    depend on its neighbours. Pure and thread-safe.

    Args:
        tokenizer: A `tokenizers.Tokenizer`, a fast tokenizer of `transformers`, the path of a `tokenizer.json`, or its text.

    Raises:
        TransformError: It is none of these.
        ArgumentError: It draws at random (dropout).
    """

    state: str = field(repr=False)  # the tokenizer as JSON text
    _ready: Any = field(repr=False, compare=False)

    def __init__(self, tokenizer: Tokenizer | str | os.PathLike[str]) -> None:
        ready = _tokenizer(tokenizer)
        object.__setattr__(self, "state", ready.to_str())
        object.__setattr__(self, "_ready", ready)

    @classmethod
    def fit(cls, data: Fittable, *, size: int = 1000) -> Tokenize:
        """Learn the words of the training part: lower case, runs of letters and digits, and runs of anything else.

        The most frequent words get an id, those of equal frequency in sorted order; all others are unknown. The result does not depend
        on threads. For subwords, train a tokenizer of your own and pass it: `plait.Tokenize(tokenizer)`.

        Args:
            data: Text, `train["caption"]`.
            size: How many ids there are at most, padding and unknown included: the first argument of an Embedding.

        Raises:
            TransformError: There is no sample, or they are no text.
            ArgumentError: No word would get an id.
        """
        if size < 3:
            raise ArgumentError(f"Tokenize.fit: size={size} leaves no id for a word; 0 is the padding and 1 the unknown word.")
        column = Column.of(data, transform="Tokenize")
        _check_text(column.spec, column.label)
        tokenizers = require("tokenizers", extra="text", purpose="Tokenize")
        plain = _rules(tokenizers)
        counts: Counter[str] = Counter()
        for _, chunk in column.chunks():
            for text in chunk.tolist():  # type: ignore[union-attr]
                words = plain.pre_tokenizer.pre_tokenize_str(plain.normalizer.normalize_str(text))
                counts.update(word for word, _ in words)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ranked if word not in (_PADDING, _UNKNOWN)][: size - 2]
        known = {word: number for number, word in enumerate([_PADDING, _UNKNOWN, *words])}
        trained = _rules(tokenizers)
        trained.model = tokenizers.models.WordLevel(known, unk_token=_UNKNOWN)
        trained.add_special_tokens([tokenizers.AddedToken(_PADDING, normalized=False)])
        trained.add_tokens([tokenizers.AddedToken(_UNKNOWN, normalized=False)])
        return cls(trained)

    @property
    def padding(self) -> int | None:
        """The id that pads, None where the tokenizer has none."""
        return next((number for token in _PADDINGS if (number := self._ready.token_to_id(token)) is not None), None)

    def __len__(self) -> int:
        """How many ids there are: the first argument of an Embedding."""
        return 1 + max(self._ready.get_vocab(with_added_tokens=True).values(), default=-1)

    def __call__(self, array: Array) -> Ragged:
        column = as_column(array, transform="Tokenize")
        if len(column):
            _check_text(Spec.of(column), "the column")
        with _explained("the tokenizer cannot take this text apart"):
            ids = [found.ids for found in self._ready.encode_batch(column.tolist())] if len(column) else []  # type: ignore[union-attr]
            return Ragged.of([np.array(one, np.int32) for one in ids], dtype=np.int32)

    def inverse(self, array: Array) -> np.ndarray:
        """Text of token ids, ragged or padded; or of scores (samples, length, ids), the greatest of which wins.

        Padding and special tokens are left out; words that `fit` learnt come back in lower case with blanks between them.

        Raises:
            TransformError: These are no ids of the tokenizer.
        """
        column = as_column(array, transform="Tokenize.inverse")
        if isinstance(column, np.ndarray) and column.dtype.kind == "f" and column.ndim == 3 and column.shape[2] == len(self):
            column = column.argmax(axis=2)
        values = column.values if isinstance(column, Ragged) else column
        if len(column) and (values.dtype.kind not in "iu" or values.ndim != (1 if isinstance(column, Ragged) else 2)):
            raise TransformError(
                f"Tokenize.inverse takes token ids, ragged or (samples, length) integers, or scores (samples, length, {len(self)}); "
                f"found {Spec.of(column)}."
            )
        if values.size and not 0 <= values.min() <= values.max() < len(self):
            raise TransformError(f"Tokenize.inverse: ids reach from {values.min()} to {values.max()}; the ids are 0 to {len(self) - 1}.")
        padding = self.padding
        with _explained("the tokenizer cannot make text of these ids"):
            texts = self._ready.decode_batch([[i for i in one.tolist() if i != padding] for one in column], skip_special_tokens=True)
        return np.array(texts, dtype=TEXT)

    def spec(self, spec: Spec) -> Spec:
        """Ragged int32."""
        _check_text(spec, "the stream")
        return replace(spec, shape=(None,), dtype=np.dtype(np.int32), classes=None, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The whole tokenizer, as in a `tokenizer.json`."""
        return {"tokenizer": json.loads(self.state)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Tokenize:
        """The transform that `to_json` described."""
        return cls(json.dumps(state["tokenizer"]))

    def __repr__(self) -> str:
        return f"Tokenize({len(self)} ids)"

    def __reduce__(self) -> tuple[type[Tokenize], tuple[str]]:
        return type(self), (self.state,)


def _rules(tokenizers: Any) -> Any:
    """An empty tokenizer that splits text into words."""
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel({}, unk_token=_UNKNOWN))
    plain.normalizer = tokenizers.normalizers.Sequence([tokenizers.normalizers.NFKC(), tokenizers.normalizers.Lowercase()])
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return plain


def _tokenizer(given: Any) -> Any:
    """A copy of the tokenizer, without padding."""
    tokenizers = require("tokenizers", extra="text", purpose="Tokenize")
    given = getattr(given, "backend_tokenizer", given)  # of transformers
    try:
        if isinstance(given, tokenizers.Tokenizer):
            ready = _from_text(tokenizers, given.to_str())
        elif isinstance(given, str) and given.lstrip().startswith("{"):
            ready = _from_text(tokenizers, given)
        elif isinstance(given, (str, os.PathLike)):
            with open(given, encoding="utf-8") as file:
                ready = _from_text(tokenizers, file.read())
        else:
            raise TransformError(
                f"Tokenize takes a tokenizer of the package tokenizers or the path of a tokenizer.json; found a {type(given).__name__}. "
                'To train one on your text write plait.Tokenize.fit(train["caption"], size=1000).'
            )
    except OSError as error:
        raise TransformError(f"Tokenize: no tokenizer can be read from {os.fspath(given)!r}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise TransformError(f"Tokenize: {os.fspath(given)!r} is no tokenizer.json: {error}.") from error
    if getattr(ready.model, "dropout", None):
        raise ArgumentError(
            f"Tokenize: the tokenizer has dropout={ready.model.dropout:g}, so the same text would give other ids each time. "
            "Write tokenizer.model.dropout = None first."
        )
    ready.no_padding()
    return ready


def _from_text(tokenizers: Any, text: str) -> Any:
    with _explained(f"this is no tokenizer that tokenizers {tokenizers.__version__} can read"):
        return tokenizers.Tokenizer.from_str(text)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what tokenizers raises, bare exceptions and panics of Rust, into an error of ours."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TransformError(f"Tokenize: {what}: {error}. Save it anew with tokenizers, or fit one.") from error


def _check_text(spec: Spec, label: str) -> None:
    if not spec.text or spec.shape != ():
        raise TransformError(f"Tokenize takes text, one a sample, and {label} is {spec}. Cast(str) makes text of numbers.")
