"""
What took time to find out, kept on disk under the user's cache directory.

A file is named by all that its contents depend on, and holds the SHA-256 of name and contents: a
file that is damaged is noticed and written anew. That is no seal: who can write a file can compute
its SHA-256. So files are believed because nobody else could have written them: see `storage`.
A cache that cannot be used costs time, never an error.
"""

from __future__ import annotations

import functools
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from nativeplug._util.directories import cache_directory
from nativeplug._util.log import logger
from nativeplug._util.storage import Directory

Value = TypeVar("Value")

_DIGEST_SIZE = hashlib.sha256().digest_size
# How many rows are searched for. Then so many are used that an index of all is worth its time.
_FEW = 8


def load(name: str, what: str, decode: Callable[[memoryview], Value]) -> Value | None:
    """
    Return what is kept under *name*; None when there is nothing that could be used.

    Safe to call from several threads and processes, as `store` is.

    Args:
        name: A path in the cache directory.
        what: What it is, in the words of the log.
        decode: Makes a value of the bytes, or raises ValueError.
    """
    path = _path_of(name)
    if path is None:
        return None
    try:
        directory = Directory.open(path.parent, make=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn_of_directory(str(path.parent), str(error))
        return None
    try:
        with directory:
            data = directory.read(path.name)
        return decode(_payload(name, data))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger(__name__).warning("cannot use %s in %r: %s", what, str(path), error)
        return None


def store(name: str, what: str, payload: bytes) -> None:
    """Keep bytes under *name*, if that is possible; see `load`."""
    path = _path_of(name)
    if path is None:
        return
    try:
        with Directory.open(path.parent) as directory, directory.replacing(path.name) as file:
            file.write(_digest(name, payload))
            file.write(payload)
    except OSError as error:
        logger(__name__).debug("cannot keep %s in %r: %s", what, str(path), error)


def _path_of(name: str) -> Path | None:
    directory = cache_directory()
    return None if directory is None else directory / name


@functools.cache  # once: it is the same for every file
def _warn_of_directory(path: str, reason: str) -> None:
    logger(__name__).warning(
        "cannot use the cache in %r: %s; let NATIVEPLUG_CACHE_DIR name another directory",
        path,
        reason,
    )


def _payload(name: str, data: bytes) -> memoryview:
    digest, payload = data[:_DIGEST_SIZE], memoryview(data)[_DIGEST_SIZE:]
    if _digest(name, payload) != digest:
        raise ValueError("its digest does not fit")
    return payload


def _digest(name: str, payload: bytes | memoryview) -> bytes:
    made = hashlib.sha256(os.fsencode(name) + b"\0")
    made.update(payload)
    return made.digest()


class Rows(Mapping[str, Value]):
    """
    Values by name in one text, a row each, which is cut out of it when it is asked for.

    Immutable, and safe to use from several threads.
    """

    __slots__ = ("_index", "_searched", "_text")

    def __init__(self, text: str) -> None:
        """
        Take a text.

        Args:
            text: A newline, and of each row its name, a tab, the rest, and a newline.
        """
        self._text = text
        self._searched = 0
        self._index: dict[str, Value] = {}  # empty until it is worth its time

    @abstractmethod
    def _cut(self, row: str) -> Value:
        """Return what a row says; a true value."""

    def __getitem__(self, name: str) -> Value:
        """Return the value of *name*; KeyError when there is none."""
        return self._index.get(name) or self._find(name)

    def _find(self, name: str) -> Value:
        self._searched += 1
        if self._searched > _FEW:
            return self._indexed()[name]
        start = self._text.find(f"\n{name}\t") + 1
        if not start or "\t" in name:
            raise KeyError(name)
        return self._cut(self._text[start : self._text.index("\n", start)])

    def _indexed(self) -> dict[str, Value]:
        if not self._index:
            rows = self._text.split("\n")[1:-1]
            self._index = {row[: row.index("\t")]: self._cut(row) for row in rows}
        return self._index

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._indexed())

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._text.count("\n") - 1
