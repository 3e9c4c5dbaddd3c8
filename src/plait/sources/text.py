"""Text files, one a sample."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from plait.errors import ArgumentError, ReadError, TransformError
from plait.formats.files import FileSource, SampleName, raw_list
from plait.formats.paths import list_files, read_bytes
from plait.spec import TEXT, Spec

__all__ = ["ReadText", "Text"]

MOST_BYTES = 2**26


class Text(FileSource):
    """Text files as a stream "text": the whole file as one text, line ends as they are, a byte order mark left out.

    Args:
        template: "notes/{id}.txt", also behind a URL; see `plait.formats.paths.list_files`.
        encoding: Of all files: "utf-8", "latin-1", "utf-16".
        most_bytes: Refuse larger files.

    Raises:
        ArgumentError, ReadError, DuplicateKeyError: The template finds nothing, or several files a key; there is no such encoding.
    """

    def __init__(self, template: str | os.PathLike[str], *, encoding: str = "utf-8", most_bytes: int = MOST_BYTES) -> None:
        label = f"Text {os.fspath(template)!r}"
        step = ReadText(encoding, most_bytes)
        super().__init__(list_files(template, label=label), "text", step, label)


@dataclass(frozen=True)
class ReadText:
    """From text files (paths, URLs, or their bytes) to (samples,) text, exactly as `Text` reads.

    Args:
        encoding: Of the files.
        most_bytes: Refuse larger files.
    """

    kind: ClassVar[str] = "read-text"

    encoding: str = "utf-8"
    most_bytes: int = MOST_BYTES

    def __post_init__(self) -> None:
        try:
            name = codecs.lookup(self.encoding).name
            b"    ".decode(self.encoding)  # raises where the codec is none of text
        except (LookupError, ValueError) as error:
            raise ArgumentError(f"encoding={self.encoding!r} is no text encoding. Write encoding='utf-8' or 'latin-1'.") from error
        object.__setattr__(self, "encoding", "utf-8" if name == "utf-8-sig" else name)

    @property
    def sample(self) -> Spec:
        """One text."""
        return Spec((), TEXT)

    def __call__(self, raw: Sequence[object]) -> np.ndarray:
        return self.decode(raw, label="ReadText", key=lambda index: index)

    def decode(self, raw: Sequence[object], *, label: str, key: Callable[[int], object]) -> np.ndarray:
        """Raw texts to one column; `label` and `key` are for messages.

        Raises:
            ReadError, TransformError: Naming the stream, the sample and the remedy.
        """
        items = enumerate(raw_list(raw, label=label))
        return np.array([self._text(item, SampleName(label, key(index), item)) for index, item in items], dtype=TEXT)

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ReadText:
        """The step that `to_json` described."""
        return cls(**state)

    def _text(self, raw: object, name: SampleName) -> str:
        if isinstance(raw, (str, os.PathLike)):
            data = read_bytes(os.fspath(raw), label=name.label, key=name.key, most=self.most_bytes)
        elif isinstance(raw, bytes):
            data = raw
        else:
            raise TransformError(f"{name} is a {type(raw).__name__}; a text is a path, or the bytes of a file.")
        try:
            text = data.decode(self.encoding)
            text.encode()  # utf-7 and its like let half of a surrogate pair through
        except UnicodeEncodeError as error:
            raise ReadError(f"{name} holds half of a character at {error.start}. Save the file as utf-8.") from error
        except UnicodeDecodeError as error:
            raise ReadError(
                f"{name} is not {self.encoding}: byte {data[error.start : error.start + 1]!r} at {error.start} "
                f"({error.reason}). Pass the encoding that all files have, such as encoding='latin-1', or save the file as {self.encoding}."
            ) from error
        return text.removeprefix("\ufeff")
