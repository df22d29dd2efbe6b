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
import mmap
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from nativeplug import access
from nativeplug.directories import cache_directory
from nativeplug.errors import OpenError
from nativeplug.load import origin
from nativeplug.load.key import cannot_open, real_path

# Of Linux 6.3: without it a host that sets vm.memfd_noexec=1 refuses to map code.
_MFD_EXEC: Final = 0x10

# Room in a file's name (255 bytes) and a memfd's (249) for what is put around it.
_LONGEST_LABEL: Final = 200

# How much of a hash a name shows: enough to tell a plugin's versions apart.
_SHOWN_DIGITS: Final = 16

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes that can be loaded, and a name for them that never repeats in this process."""

    #: What to give to dlopen(3).
    name: str
    #: Open for reading.
    descriptor: int
    #: A directory to remove once the image is loaded.
    temporary: str | None = None
    #: Its name is that of the descriptor, which is what another process needs to find it.
    by_descriptor: bool = False
    _status: os.stat_result = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Note which file the descriptor is of."""
        object.__setattr__(self, "_status", os.fstat(self.descriptor))

    def close(self) -> None:
        """Give up all that is needed for the time of loading only; the name then leads nowhere."""
        with contextlib.suppress(OSError):
            # A constructor may have closed all descriptors, and this is another file's now.
            if os.path.samestat(os.fstat(self.descriptor), self._status):
                os.close(self.descriptor)
        if self.temporary is not None:
            _remove(self.temporary)


def copy(
    path: str, data: bytes, sha256: str = "", *, trusted: Collection[int] | None = None
) -> Image:
    """
    Make the private copy of a plugin's file.

    It is a sealed memfd, unless the host refuses those or the plugin finds its libraries
    relative to its own place (``$ORIGIN``). Then it is a file in a private directory, which is
    there for the time of loading: beside the user's file, or in the cache directory, or in
    that for temporary files. ``$NATIVEPLUG_KEEP_COPIES`` names a directory in which it is made
    and stays, so that gdb(1) and perf(1) find it.

    Args:
        path: The user's path.
        data: The file's bytes.
        sha256: Their SHA-256, for the name of a copy that stays; without it none does.
        trusted: The only users that may be able to put another file in the copy's place; None
            where nobody asks for that.

    Raises:
        OpenError: The copy cannot be written: memory or the disk is full, for one.
    """
    place = real_path(path)
    source = _Source(path, place, data, origin.levels(place, data), trusted)
    kept = os.environ.get("NATIVEPLUG_KEEP_COPIES", "") if sha256 else ""
    if kept:
        return _kept_image(source, kept, sha256)
    if source.levels is None:
        with contextlib.suppress(_RefusedError):
            return _memory_image(path, data)
    return _temporary_image(source)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is copied."""

    path: str
    #: Where the path leads to.
    place: str
    data: bytes
    #: See `origin.levels`.
    levels: int | None
    #: See `copy`.
    trusted: Collection[int] | None


class _RefusedError(Exception):
    """The host has no place of this kind."""


def _memory_image(path: str, data: bytes) -> Image:
    try:
        descriptor = memory_file(_label(path))
    except (OSError, AttributeError) as error:  # Python itself may be built without
        raise _RefusedError from error
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    try:
        _write(descriptor, data)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError as error:
        os.close(descriptor)
        raise cannot_open(path, error) from None
    try:
        _check_executable(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise _RefusedError from error
    return Image(_unused_spelling("/proc/self/fd", str(descriptor)), descriptor, by_descriptor=True)


def memory_file(name: str) -> int:
    """
    Return a descriptor of a new file in memory, which can be sealed, and mapped as code.

    Raises:
        OSError: The host refuses that.
        AttributeError: Python is built without.
    """
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

    The number of a descriptor comes back once that is closed. So a number that never repeats
    is written between directory and name, in binary and in what a path may have without
    meaning anything: ``/`` and ``/.``.
    """
    bits = f"{next(_numbers):b}"
    return f"{directory}{bits.replace('0', '/').replace('1', '/.')}/{base}"


def _kept_image(source: _Source, directory: str, sha256: str) -> Image:
    name = f"{_label(source.path)}.{sha256[:_SHOWN_DIGITS]}"
    try:
        directory = os.path.abspath(directory)
        os.makedirs(directory, exist_ok=True)
        return replace(_file_image(source, directory, name, by_path=True), temporary=None)
    except OSError as error:
        reason = f"{directory!r}: {error.strerror}; NATIVEPLUG_KEEP_COPIES names it"
        raise _no_place(source.path, reason) from None


def _temporary_image(source: _Source) -> Image:
    refused = []
    for directory in _directories(source.place):
        try:
            name = f".{_label(source.path)}"
            made = _file_image(source, directory, name, by_path=source.levels is not None)
        except OSError as error:  # noqa: PERF203 - at most three
            refused.append(f"{directory!r}: {error.strerror}")
        else:
            if source.levels is not None:
                return made
            # Its place means nothing, so nobody who can write there is to put another one there.
            name = _unused_spelling("/proc/self/fd", str(made.descriptor))
            return replace(made, name=name, by_descriptor=True)
    reason = f"{', '.join(refused)}; let NATIVEPLUG_CACHE_DIR name another directory"
    raise _no_place(source.path, reason)


def _no_place(path: str, reason: str) -> OpenError:
    reason = f"no place for a private copy: {reason}"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)


def _directories(place: str) -> Iterator[str]:
    """Give the directories in which a private one may be made, best first."""
    import tempfile

    yield os.path.dirname(place)
    cache = cache_directory()
    if cache is not None:
        copies = str(cache / "copies")
        with contextlib.suppress(OSError):  # who is to write there will be told
            copies = os.path.abspath(copies)
            os.makedirs(copies, mode=0o700, exist_ok=True)
        yield copies
    with contextlib.suppress(OSError):
        yield tempfile.gettempdir()


def _file_image(source: _Source, directory: str, name: str, *, by_path: bool) -> Image:
    """
    Make the copy in a private directory of its own; it may be going to be loaded *by_path*.

    Raises:
        OSError: It cannot be written there, or not be run from there; or others could put another
            one there.
    """
    import tempfile

    with contextlib.ExitStack() as undo:
        # The number, as a random name could come back.
        root = around = tempfile.mkdtemp("", f"{name}.{next(_numbers)}.", directory)
        undo.callback(_remove, root)
        if by_path and source.trusted is not None:
            _check_way(os.path.join(root, "*"), source.trusted)
        if source.levels is not None:
            around = origin.rebuild(root, source.place, source.levels)
        copied = os.path.join(around, os.path.basename(source.place))
        descriptor = os.open(copied, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, descriptor)
        _write(descriptor, source.data)
        _check_executable(descriptor)
        undo.pop_all()
        return Image(copied, descriptor, temporary=root)


def _remove(directory: str) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)  # somebody else tidied up


def _check_way(path: str, trusted: Collection[int]) -> None:
    """
    Refuse a path that others could make lead elsewhere.

    Raises:
        PermissionError: They could.
    """
    fault = next(access.find_writable(path, trusted, is_there=False), None)
    if fault is not None:
        raise PermissionError(errno.EACCES, fault)


def _check_executable(descriptor: int) -> None:
    """
    Map code of a copy, as the dynamic loader will.

    Raises:
        OSError: A security policy forbids it, or the file system is mounted with noexec.
    """
    if os.fstat(descriptor).st_size:
        mmap.mmap(descriptor, 1, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()


def _label(path: str) -> str:
    """Return the file's name, cut to what the name of a copy has room for."""
    return os.fsdecode(os.fsencode(os.path.basename(path))[:_LONGEST_LABEL])


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
