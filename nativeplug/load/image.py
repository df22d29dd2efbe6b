"""
The private copy of a plugin's file: the only thing of it that is ever mapped.

A file that is overwritten or truncated while it is mapped kills the process. So its bytes
are read once, from one descriptor, into a sealed memfd (memfd_create(2)), and that is
loaded: nobody can change it any more, and the user's file may go its own way.

dlopen(3) tells loaded objects by name before it looks at the file. A name that repeats
would give the old object, so none ever does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from dataclasses import dataclass
from typing import Final

from nativeplug.load.elf import needs_origin
from nativeplug.load.key import FileKey, cannot_open

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# Of Linux 6.3: without it a host that sets vm.memfd_noexec=1 refuses to map code.
_MFD_EXEC: Final = 0x10

# Not to wait for a writer, where the path is a pipe.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

_used_names: set[str] = set()


class FileChangedError(Exception):
    """The file is not the one that was asked for any more; ask again."""


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes that can be loaded, and a name for them that never repeats in this process."""

    #: What to give to dlopen(3).
    name: str
    #: Open for reading as long as the process lives; owned by the image's generation.
    descriptor: int
    #: A file to remove once the image is loaded.
    temporary: str | None = None


def read_file(path: str, key: FileKey) -> bytes:
    """
    Return the bytes of the file that *key* identifies.

    Raises:
        OpenError: It is not a file, or cannot be read.
        FileChangedError: *path* names another file now, or this one is being written.
    """
    try:
        with open(os.open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            data = file.read()
            changed = FileKey.of(os.fstat(file.fileno())) != key
    except OSError as error:
        raise cannot_open(path, error) from None
    if changed:
        raise FileChangedError(path)
    return data


def copy(path: str, data: bytes) -> Image:
    """
    Make the private copy of a plugin's file.

    It is a sealed memfd, unless the host refuses those or the plugin finds its libraries
    relative to its own place (``$ORIGIN``): then it is a file beside the user's, for the
    time of loading. Where that directory is not writable, the user's file is loaded itself.

    Args:
        path: The user's path.
        data: The file's bytes.

    Raises:
        OpenError: The copy cannot be written: memory or the disk is full, for one.
    """
    beside = os.path.dirname(os.path.realpath(path))
    directories = [beside]
    if not needs_origin(data):
        directories.append(tempfile.gettempdir())
        with contextlib.suppress(_RefusedError):
            return _memory_image(path, data)
    for directory in directories:
        with contextlib.suppress(_RefusedError):
            return _file_image(directory, path, data)
    return _image_in_place(os.path.realpath(path))


class _RefusedError(Exception):
    """The host has no place of this kind."""


def _memory_image(path: str, data: bytes) -> Image:
    try:
        descriptor = _memfd_create(os.path.basename(path))
    except OSError as error:
        raise _RefusedError from error
    try:
        _write(descriptor, data)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return Image(*_unused_name(descriptor))
    except OSError as error:
        os.close(descriptor)
        raise cannot_open(path, error) from None


def _memfd_create(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    name = name[:200]  # memfd_create(2) takes 249 bytes
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a kernel that does not know the flag
            raise
    return os.memfd_create(name, flags)


def _unused_name(descriptor: int) -> tuple[str, int]:
    """
    Return a name for *descriptor*, and the descriptor that has it.

    A number comes back once somebody closed it (a daemon closes all it inherits), and with
    it the name. A duplicate has another number.
    """
    tried = [descriptor]
    while (name := f"/proc/self/fd/{tried[-1]}") in _used_names:
        tried.append(os.dup(descriptor))
    _used_names.add(name)
    for number in tried[:-1]:
        os.close(number)
    return name, tried[-1]


def _file_image(directory: str, path: str, data: bytes) -> Image:
    stem = os.path.basename(path)
    try:
        descriptor, name = tempfile.mkstemp(".so", f".{stem[:100]}.", directory)
    except OSError as error:
        raise _RefusedError from error
    try:
        _write(descriptor, data)
    except OSError as error:
        os.close(descriptor)
        os.unlink(name)
        raise cannot_open(path, error) from None
    return Image(name, descriptor, temporary=name)


def _image_in_place(path: str) -> Image:
    """Load the user's file itself, under a spelling of its path that was not used before."""
    directory, base = os.path.split(path)
    name = path
    while name in _used_names:
        directory += "/."
        name = f"{directory}/{base}"
    _used_names.add(name)
    try:
        return Image(name, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise cannot_open(path, error) from None


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
