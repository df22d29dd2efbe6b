"""
Parsed declarations, kept on disk under the user's cache directory.

A file is named by the SHA-256 of all that its contents depend on, and holds the SHA-256 of
those contents: a damaged file is noticed and written anew. Writers put a whole file in
place at once (rename(2)), so readers and other writers never see half of one. A cache that
cannot be written to costs time, never an error.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import _cffi_backend

from nativeplug.declare.unit import Unit
from nativeplug.directories import cache_directory

if TYPE_CHECKING:
    import logging

# Changes whenever the meaning of the files does.
_FORMAT = "5"
_DIGEST_SIZE = hashlib.sha256().digest_size


def key_of(*parts: str) -> str:
    """Return the name for declarations that depend on *parts*, on cffi and on the machine."""
    digest = hashlib.sha256()
    for part in (_FORMAT, _cffi_backend.__version__, os.uname().machine, *parts):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def load_or_parse(key: str, parse: Callable[[], Unit]) -> Unit:
    """
    Return the unit kept under *key*, or parse it and keep it.

    Safe to call from several threads and processes, as all here is.

    Raises:
        DeclarationError: As *parse* does; nothing is kept then.
    """
    return load(key) or parse_and_keep(key, parse)


def load(key: str) -> Unit | None:
    """Return the unit kept under *key*; None when there is none that could be used."""
    path = _path_of(key)
    if path is None:
        return None
    try:
        return Unit.from_bytes(_payload(_read_own(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log().warning("cannot use parsed declarations in %r: %s", str(path), error)
        return None


def parse_and_keep(key: str, parse: Callable[[], Unit]) -> Unit:
    """
    Parse the unit that is to be had by *key* from now on.

    Raises:
        DeclarationError: As *parse* does; nothing is kept then.
    """
    unit = parse()
    path = _path_of(key)
    if path is not None:
        _store(path, unit)
    return unit


def _path_of(key: str) -> Path | None:
    directory = cache_directory()
    return None if directory is None else directory / "declarations" / f"{key}.lines"


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


def _payload(data: bytes) -> memoryview:
    digest, payload = data[:_DIGEST_SIZE], memoryview(data)[_DIGEST_SIZE:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("its digest does not fit")
    return payload


def _store(path: Path, unit: Unit) -> None:
    import tempfile

    payload = unit.to_bytes()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        _log().debug("cannot keep parsed declarations in %r: %s", str(path), error)
