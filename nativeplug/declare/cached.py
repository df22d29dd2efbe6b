"""
Parsed declarations, kept on disk: see `diskcache`.

A file is named by the SHA-256 of all that its contents depend on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import _cffi_backend

from nativeplug._util import diskcache
from nativeplug.declare.unit import Unit

# Changes whenever the meaning of the files does.
_FORMAT = "7"
_WHAT = "parsed declarations"


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
    return diskcache.load(_name_of(key), _WHAT, Unit.from_bytes)


def parse_and_keep(key: str, parse: Callable[[], Unit]) -> Unit:
    """
    Parse the unit that is to be had by *key* from now on.

    Raises:
        DeclarationError: As *parse* does; nothing is kept then.
    """
    unit = parse()
    diskcache.store(_name_of(key), _WHAT, unit.to_bytes())
    return unit


def _name_of(key: str) -> str:
    return f"declarations/{key}.lines"
