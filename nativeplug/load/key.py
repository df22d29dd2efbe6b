"""The identity of what ``open`` is asked for: a system library, a file, or bytes."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

from nativeplug.errors import OpenError

# No path is longer; and how much is shown of what is none.
_LONGEST_SHOWN: Final = 4096
_SHOWN: Final = 60


class SystemKey(NamedTuple):
    """A bare soname: the system's own search finds it, and its copy is shared."""

    soname: str


class FileKey(NamedTuple):
    """
    A file, whichever way its path is spelled: stat(2)'s identity and marks of change.

    No change of the content can hide from the time of the last status change, as nobody can
    set that. ``ln`` and ``chmod`` move it too, which costs whoever compares a look at the content.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileKey:
        """Return the identity of the file that *status* describes."""
        return cls(*_marks(status))


class ContentKey(NamedTuple):
    """Bytes that were given without a file, by their SHA-256."""

    sha256: str


Key = SystemKey | FileKey | ContentKey

#: The program itself, as dlopen(3) has it for NULL; and what it is called in words.
PROGRAM = SystemKey("")
PROGRAM_NAME = "<program>"


def never_updated(key: Key) -> str | None:
    """Say why what a key identifies is never updated; None for a file, which is."""
    if isinstance(key, SystemKey):
        return "it is a system library, which is never updated"
    if isinstance(key, ContentKey):
        return "it was opened from bytes, which are never updated"
    return None


def key_of(path: str | os.PathLike[str]) -> Key:
    """
    Identify what *path* names.

    Args:
        path: What the caller of ``open`` wrote. Text without a slash that looks like a
            soname (``libz.so.1``, ``libz.so``, ``ld-linux.so.2``) names a system library,
            as dlopen(3) has it; everything else is a file's path.

    Raises:
        OpenError: The file is missing, may not be looked at, or is not a regular one.
        TypeError: *path* is not a path.
    """
    name = os.fsdecode(path)
    if isinstance(path, str) and _is_soname(name):
        return SystemKey(name)
    try:
        return file_key(name)
    except (OSError, ValueError) as error:
        raise cannot_open(name, error) from None


def quick_key_of(path: object) -> Key | None:
    """Identify what *path* names, if that takes one stat(2) and no words; else None."""
    try:
        if isinstance(path, str) and "/" not in path and _is_soname(path):
            return SystemKey(path)
        if not isinstance(path, (str, os.PathLike)):  # stat(2) takes a descriptor, too
            return None
        status = os.stat(path)
    except (OSError, ValueError, TypeError):
        return None
    # A plain tuple is equal to the named one, and made in a third of the time.
    return _marks(status)  # type: ignore[return-value]


def _marks(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _is_soname(name: str) -> bool:
    if "/" in name or "\0" in name:
        return False
    return ".so." in name or (name.startswith("lib") and name.endswith(".so"))


def file_key(file: str | int) -> FileKey:
    """
    Identify a file by its path, or by a descriptor of it.

    By the path before it is opened: opening a pipe waits, and a device may do anything.

    Raises:
        OSError: It cannot be looked at, or is not a regular one.
        ValueError: The path has a NUL character.
    """
    status = os.stat(file)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return FileKey.of(status)


def real_path(path: str) -> str:
    """Return where a path leads to; the path itself where a link is replaced in this moment."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def cannot_open(path: str, error: OSError | ValueError) -> OpenError:
    """Return the error for a *path* that the operating system refuses."""
    reason = getattr(error, "strerror", None) or str(error)
    shown = path if len(path) <= _LONGEST_SHOWN else f"{path[:_SHOWN]}..."
    return OpenError(
        f"cannot open plugin {shown!r}: {reason}",
        path=path,
        reason=reason,
        errno=getattr(error, "errno", None),
    )
