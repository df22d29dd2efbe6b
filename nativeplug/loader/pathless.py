"""What ``open`` is given in place of a path: bytes, or what they can be read from."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final

from nativeplug.elf import elffile
from nativeplug.errors import OpenError, cannot_open
from nativeplug.loader import origin_dir
from nativeplug.loader.files import Content, ContentKey

#: Of Linux; no path is longer.
_PATH_MAX: Final = 4096


def read(given: Any) -> Content | None:
    """
    Return the content that was given; None for a path, or what is nothing of the kind.

    It may be anything with a buffer; what reads (`io.BytesIO`, a file that is open in binary mode,
    from where it stands); or what can be read whole (`importlib.resources.abc.Traversable`).
    ``bytes`` are a path where they can be one, and do not begin as an ELF file does.

    Args:
        given: What ``open`` was given.

    Raises:
        OpenError: It cannot be read, or looks for its libraries where it lies, which is nowhere.
        TypeError: It gives text.
    """
    if given is None or isinstance(given, (str, os.PathLike)):
        return None
    if isinstance(given, bytes) and _may_be_path(given):
        return None
    name = getattr(given, "name", None)
    label = f"<{os.path.basename(name)}>" if isinstance(name, str) else "<bytes>"
    try:
        data = _read(given)
    except (OSError, ValueError) as error:  # such as "I/O operation on closed file"
        # A zipped package says what is missing, and only by the error's kind that it is.
        is_bare = isinstance(error, OSError) and error.strerror is None
        told = ValueError(f"{type(error).__name__}: {error}") if is_bare else error
        raise cannot_open(label, told) from None
    if data is None:
        return None
    if origin_dir.is_relative(data):
        reason = "it looks for libraries relative to its own place ($ORIGIN), and bytes have none"
        raise OpenError(f"cannot open plugin {label!r}: {reason}", path=label, reason=reason)
    import hashlib  # brings OpenSSL

    sha256 = hashlib.sha256(data).hexdigest()
    return Content(label, ContentKey(sha256), data, sha256)


def _may_be_path(given: bytes) -> bool:
    is_elf = given.startswith(elffile.MAGIC)
    return not is_elf and b"\0" not in given and len(given) <= _PATH_MAX


def _read(given: Any) -> bytes | None:
    """Return the bytes; None of what has none."""
    with contextlib.suppress(TypeError):
        return bytes(memoryview(given))
    reads = getattr(given, "read_bytes", None) or getattr(given, "read", None)
    if reads is None:
        return None
    data = reads()
    if not isinstance(data, bytes):
        kind = type(data).__name__
        raise TypeError(f"a plugin is read from bytes, not {kind}: open its file in binary mode")
    return data
