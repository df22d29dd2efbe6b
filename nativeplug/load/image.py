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
import itertools
import os
import time
from dataclasses import dataclass
from typing import Final

from nativeplug.load.elf import needs_origin
from nativeplug.load.key import FileKey, cannot_open, file_key

# Of Linux 6.3: without it a host that sets vm.memfd_noexec=1 refuses to map code.
_MFD_EXEC: Final = 0x10

# Not to wait for a writer, where the path has become a pipe.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

# The kernel's clock for a file's times goes in steps of up to 10 ms (CONFIG_HZ=100).
_CLOCK_STEP_NS: Final = 20_000_000

# Room in a file's name (255 bytes) and a memfd's (249) for what is put around it.
_LONGEST_LABEL: Final = 200

# What is read at once of a file that gives no size, as in /proc.
_CHUNK: Final = 1 << 16

_numbers = itertools.count()


class FileChangedError(Exception):
    """The file is not the one that was asked for any more; ask again."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file had in it when it was read."""

    #: The file that it is the content of, as it was before and after reading.
    key: FileKey
    data: bytes
    #: The data's SHA-256, in hexadecimal digits: what two equal contents have in common.
    sha256: str


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes that can be loaded, and a name for them that never repeats in this process."""

    #: What to give to dlopen(3).
    name: str
    #: Open for reading, for as long as the image is in use; not closed by itself.
    descriptor: int
    #: The copy's own identity.
    key: FileKey
    #: A file to remove once the image is loaded.
    temporary: str | None = None

    def read(self) -> bytes:
        """
        Return the copy's bytes.

        Raises:
            FileChangedError: Somebody closed the descriptor: its number may be another file's.
        """
        try:
            self._check_own()
            return _read(self.descriptor, self.key.size)
        except OSError as error:
            raise FileChangedError from error

    def close(self) -> None:
        """Close the descriptor, unless somebody else did."""
        with contextlib.suppress(OSError, FileChangedError):
            self._check_own()
            os.close(self.descriptor)

    def _check_own(self) -> None:
        # Not the times: what the name of a file is given or loses moves them.
        if FileKey.of(os.fstat(self.descriptor))[:3] != self.key[:3]:
            raise FileChangedError

    def remove_temporary(self) -> None:
        """Remove the file that is needed for the time of loading only."""
        if self.temporary is not None:
            with contextlib.suppress(OSError):  # somebody else tidied up
                os.unlink(self.temporary)


def read_file(path: str) -> Content:
    """
    Read a file, which is opened once for that.

    Waits until a further change of the file would show in its times. Other threads run
    meanwhile, also while the bytes are read and hashed.

    Raises:
        OpenError: It cannot be read, or is not a regular one.
        FileChangedError: It was written while it was read.
    """
    try:
        file_key(path)
        descriptor = os.open(path, _READ)
        try:
            return _read_settled(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from None


def _read_settled(descriptor: int) -> Content:
    import hashlib  # brings OpenSSL

    key = file_key(descriptor)
    _let_settle(key)
    data = _read(descriptor, key.size)
    if file_key(descriptor) != key:
        raise FileChangedError
    return Content(key, data, hashlib.sha256(data).hexdigest())


def _let_settle(key: FileKey) -> None:
    """Wait until a further change would show in the file's times; see *_CLOCK_STEP_NS*."""
    now = time.time_ns()
    # File systems without the one time may have the other; times of the future say nothing.
    young = [age for age in (now - key.mtime_ns, now - key.ctime_ns) if 0 <= age < _CLOCK_STEP_NS]
    if young:
        time.sleep((_CLOCK_STEP_NS - min(young)) / 1e9)


def _read(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    offset = 0
    while part := os.pread(descriptor, max(size - offset, _CHUNK), offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)  # of a single part it is that part itself


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
        FileChangedError: The file would be loaded itself, and is another now.
    """
    anywhere = not needs_origin(data)
    if anywhere:
        with contextlib.suppress(_RefusedError):
            return _memory_image(path, data)
    place = os.path.realpath(path)
    directories = [os.path.dirname(place), None]  # the latter is the one for temporary files
    for directory in directories if anywhere else directories[:1]:
        with contextlib.suppress(_RefusedError):
            return _file_image(directory, path, data)
    return _image_in_place(place, data)


class _RefusedError(Exception):
    """The host has no place of this kind."""


def _memory_image(path: str, data: bytes) -> Image:
    try:
        descriptor = _memfd_create(_label(path))
    except (OSError, AttributeError) as error:  # Python itself may be built without
        raise _RefusedError from error
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    try:
        _write(descriptor, data)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError as error:
        os.close(descriptor)
        raise cannot_open(path, error) from None
    return _image(_unused_spelling("/proc/self/fd", str(descriptor)), descriptor)


def _image(name: str, descriptor: int, temporary: str | None = None) -> Image:
    return Image(name, descriptor, FileKey.of(os.fstat(descriptor)), temporary)


def _memfd_create(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a kernel that does not know the flag
            raise
    return os.memfd_create(name, flags)


def _unused_spelling(directory: str, base: str) -> str:
    """
    Return a path of a file that no image had before, nor ever will have.

    The number of a descriptor comes back once that is closed, and a user's path is opened
    again and again. So a number that never repeats is written between directory and name,
    in binary and in what a path may have without meaning anything: ``/`` and ``/.``.
    """
    bits = f"{next(_numbers):b}"
    return f"{directory}{bits.replace('0', '/').replace('1', '/.')}/{base}"


def _file_image(directory: str | None, path: str, data: bytes) -> Image:
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(".so", f".{_label(path)}.", directory)
    except OSError as error:
        raise _RefusedError from error
    try:
        _write(descriptor, data)
    except OSError as error:
        os.close(descriptor)
        os.unlink(name)
        raise cannot_open(path, error) from None
    return _image(name, descriptor, temporary=name)


def _image_in_place(path: str, data: bytes) -> Image:
    """Load the user's file itself, if it still has the bytes that were checked."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise cannot_open(path, error) from None
    image = _image(_unused_spelling(*os.path.split(path)), descriptor)
    if image.read() != data:
        image.close()
        raise FileChangedError
    return image


def _label(path: str) -> str:
    """Return the file's name, cut to what the name of a copy has room for."""
    return os.fsdecode(os.fsencode(os.path.basename(path))[:_LONGEST_LABEL])


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
