"""
What took time to find out, kept on disk under the user's cache directory.

A file is named by all that its contents depend on, and holds the SHA-256 of name and contents: a
file that is damaged, or another's, is noticed and written anew. Writers put a whole file in place
at once (rename(2)), so readers and other writers never see half of one. A cache that cannot be
written to costs time, never an error.
"""

from __future__ import annotations

import hashlib
import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nativeplug.directories import cache_directory

if TYPE_CHECKING:
    import logging

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
        return decode(_payload(name, _read_own(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log().warning("cannot use %s in %r: %s", what, str(path), error)
        return None


def store(name: str, what: str, payload: bytes) -> None:
    """Keep bytes under *name*, if that is possible; see `load`."""
    path = _path_of(name)
    if path is None:
        return
    try:
        _write(path, _digest(name, payload) + payload)
    except OSError as error:
        _log().debug("cannot keep %s in %r: %s", what, str(path), error)


def _path_of(name: str) -> Path | None:
    directory = cache_directory()
    return None if directory is None else directory / name


def _log() -> logging.Logger:
    import logging  # only when there is something to say

    return logging.getLogger(__name__)


def _read_own(path: Path) -> bytes:
    """Return a file's bytes, if nobody but the user could have written them."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("others could have written it")
        return file.read()


def _payload(name: str, data: bytes) -> memoryview:
    digest, payload = data[:_DIGEST_SIZE], memoryview(data)[_DIGEST_SIZE:]
    if _digest(name, payload) != digest:
        raise ValueError("its digest does not fit")
    return payload


def _digest(name: str, payload: bytes | memoryview) -> bytes:
    made = hashlib.sha256(os.fsencode(name) + b"\0")
    made.update(payload)
    return made.digest()


def _write(path: Path, data: bytes) -> None:
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
