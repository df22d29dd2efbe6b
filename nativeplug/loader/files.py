"""The identity of what ``open`` is asked for: a system library, a file, or bytes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import signal
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from nativeplug._util import diskcache
from nativeplug._util.permissions import Access
from nativeplug.elf import defects, dynamic, elffile
from nativeplug.elf.defects import Defect
from nativeplug.elf.dynamic import Dynamic
from nativeplug.errors import FormatError, cannot_open
from nativeplug.loader import copy_store

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File


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


# What is in a plugin's file: read at once, from one descriptor, and hashed.
#
# Nothing here holds the GIL for long, as plugins may be called meanwhile: the bytes are read and
# hashed without it, and never copied.
#
# A large file is not read into memory, but copied into the `copy_store`. What is hashed, judged and
# loaded is that copy, never the user's file. Which copy it is the copy of is noted: while device,
# inode, size and times of the user's file are the same, it need not be copied and hashed again.


# Not to wait for a writer, where the path has become a pipe.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

# The kernel's clock for a file's times goes in steps of up to 10 ms (CONFIG_HZ=100).
_CLOCK_STEP_NS: Final = 20_000_000

# For how long a file must not have changed if the kernel does not say whether somebody writes it:
# longer than writers pause.
_UNTOLD_NS: Final = 1_000_000_000

#: What the name of a file with the hash of another one ends in.
SUFFIX: Final = ".sha256"
_HASH_SIZE: Final = 64

# What is read at once of a file that gives no size, as in /proc.
_CHUNK: Final = 1 << 16
_LARGE_CHUNK: Final = 1 << 20

# File systems whose times go in longer steps have whole numbers of these: exFAT's 10 ms, seconds.
_COARSE_NS: Final = 10_000_000
_NOTE: Final = "the SHA-256 of a large file"


class FileChangedError(Exception):
    """The file is not the one that was asked for any more; ask again."""


class UnfinishedError(Exception):
    """
    The file is still being written, or looks like it.

    Attributes:
        reason: Why it is not taken for a finished one.
        passes: Whether it may be finished without a change that stat(2) shows: ask again.
    """

    def __init__(self, reason: str, *, passes: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passes = passes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file was when it was read, and who could write it."""

    #: The path that leads to it without symlinks; None where there is no /proc to ask.
    path: str | None
    #: Who could write to it then.
    access: Access

    @classmethod
    def of(cls, descriptor: int) -> Place:
        """Return the place of the very file that a descriptor stands for."""
        path = None
        with contextlib.suppress(OSError):
            # Of one that was replaced since, the name is followed by " (deleted)", proc(5).
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        return cls(path, Access.of(descriptor))


@dataclass(frozen=True, slots=True)
class Content:
    """What a file had in it when it was read."""

    #: Where it was read.
    path: str
    #: The file that it is the content of, as it was before and after reading.
    key: FileKey | ContentKey
    data: File
    #: The data's SHA-256, in hexadecimal digits: what two equal contents have in common.
    sha256: str
    #: Where that was; None where nobody has asked the file itself.
    place: Place | None = field(default=None, compare=False)
    _file: Dynamic | None = field(default=None, init=False, repr=False, compare=False)
    #: The defect in a tuple of its own, once it was looked for.
    _defect: tuple[Defect | None] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def defect(self) -> Defect | None:
        """Why it cannot be loaded here; None if nothing was found. Looked for when first asked."""
        found = self._defect
        if found is None:
            found = (defects.find_defect(self.data),)
            object.__setattr__(self, "_defect", found)
        return found[0]

    @property
    def file(self) -> Dynamic:
        """What the data is as a plugin's file; read when it is first asked for."""
        if self._file is None:
            object.__setattr__(self, "_file", dynamic.read(self.data))
        assert self._file is not None  # noqa: S101 - for type checkers
        return self._file


def read_file(path: str, *, afresh: bool = False) -> Content:
    """
    Read a file, which is opened once for that.

    Waits until a further change of the file would show in its times. Other threads run
    meanwhile, also while the bytes are read and hashed.

    Args:
        path: Its path.
        afresh: Do so even if its times tell that it is what was read before.

    Raises:
        OpenError: It cannot be read, or is not a regular one.
        FormatError: It is large, and not an ELF file.
        FileChangedError: It was written while it was read.
    """
    try:
        return _read_file(path, check_writers=False, afresh=afresh)
    except FormatError:  # an OSError too
        raise
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from None


def read_finished(path: str) -> Content:
    """
    Read a file as `read_file` does, if nobody is writing it and it looks whole.

    A file ``PATH.sha256`` beside it, as sha256sum(1) writes it, decides if there is one.

    Raises:
        UnfinishedError: It is not finished, or cannot be read.
    """
    told = _read_told_hash(path)
    try:
        content = _read_file(path, check_writers=told is None, afresh=False)
    except (OSError, ValueError) as error:
        raise UnfinishedError(getattr(error, "strerror", None) or str(error)) from None
    except FileChangedError:
        raise UnfinishedError("it was written while it was read", passes=True) from None
    if told is None:
        defect = defects.find_unwritten(content.data)
        if defect is not None:
            raise UnfinishedError(defect.text)
    elif told != content.sha256:
        raise UnfinishedError(f"its SHA-256 is not the one in {path + SUFFIX!r}")
    return content


def _read_file(path: str, *, check_writers: bool, afresh: bool) -> Content:
    import hashlib  # brings OpenSSL

    file_key(path)
    descriptor = os.open(path, _READ)
    try:
        key = file_key(descriptor)
        _let_settle(key)
        # Before it is read: whoever opens it for writing later leaves a trace in its times.
        if check_writers:
            _check_writers(descriptor, key)
        if key.size >= copy_store.LARGE:
            try:
                return _read_large(path, descriptor, key, afresh=afresh)
            except FormatError:  # an OSError, too
                raise
            except OSError:  # there is no room for a copy
                pass
        data = _read(descriptor, key.size)
        place = _check_unchanged(descriptor, key)
        return Content(path, key, data, hashlib.sha256(data).hexdigest(), place)
    finally:
        os.close(descriptor)


def _check_magic(path: str, descriptor: int) -> None:
    """Refuse a file that does not start as ELF does: such a large one need not be read."""
    start = os.pread(descriptor, _CHUNK, 0)
    defect = None if start.startswith(elffile.MAGIC) else defects.find_defect(start)
    if defect is not None:
        message = f"cannot open plugin {path!r}: {defect}"
        raise FormatError(message, path=path, reason=defect.text, offset=defect.offset)


def _check_writers(descriptor: int, key: FileKey) -> None:
    """Refuse a file that somebody writes, or may be writing."""
    writer = find_writer(descriptor)
    if writer:
        raise UnfinishedError("somebody has it open for writing", passes=True)
    if writer is None and _age(key) < _UNTOLD_NS:
        reason = "it is new, and whether somebody has it open for writing cannot be found out"
        raise UnfinishedError(reason, passes=True)


def _read_told_hash(path: str) -> str | None:
    """Return the first word of the file with the hash; None if there is no such file."""
    try:
        with open(path + SUFFIX, "rb", opener=lambda name, _: os.open(name, _READ)) as file:
            start = file.read(_HASH_SIZE) or b""  # None of a pipe that somebody writes to
    except OSError:
        return None
    return start.decode("ascii", "replace").lower()


def _check_unchanged(descriptor: int, key: FileKey) -> Place:
    place = Place.of(descriptor)
    if file_key(descriptor) != key:
        raise FileChangedError
    return place


def _read_large(path: str, descriptor: int, key: FileKey, *, afresh: bool) -> Content:
    """
    Copy a file into the store, if it is not there, and map the copy.

    Raises:
        FormatError: It does not start as an ELF file does.
        OSError: It cannot be copied.
    """
    name = copy_store.label(real_path(path))
    known = _hash(descriptor) if afresh else _recall(key)
    data = None if known is None else copy_store.map_copy(known, name, key.size)
    if data is not None and known is not None:
        return Content(path, key, data, known, _check_unchanged(descriptor, key))
    _check_magic(path, descriptor)
    with copy_store.receive(descriptor, key.size) as received:
        place = _check_unchanged(descriptor, key)
        sha256 = received.sha256()
        data = received.keep(sha256, name)
    _remember(key, sha256)
    return Content(path, key, data, sha256, place)


def _hash(descriptor: int) -> str:
    import hashlib

    made, offset = hashlib.sha256(), 0
    while part := os.pread(descriptor, _LARGE_CHUNK, offset):
        made.update(part)
        offset += len(part)
    return made.hexdigest()


def _recall(key: FileKey) -> str | None:
    """Return the SHA-256 of the file that is identified so, if it is known."""
    return diskcache.load(_note_of(key), _NOTE, lambda text: str(text, "ascii"))


def _remember(key: FileKey, sha256: str) -> None:
    # Where times are coarse, a later change may have the same one.
    if key.ctime_ns % _COARSE_NS:
        diskcache.store(_note_of(key), _NOTE, sha256.encode())


def _note_of(key: FileKey) -> str:
    return f"large/{'-'.join(map(str, key))}"


def _let_settle(key: FileKey) -> None:
    """Wait until a further change would show in the file's times; see *_CLOCK_STEP_NS*."""
    age = _age(key)
    if age < _CLOCK_STEP_NS:
        time.sleep((_CLOCK_STEP_NS - age) / 1e9)


def _age(key: FileKey) -> float:
    """Return for how many nanoseconds a file has not changed, as its times tell."""
    now = time.time_ns()
    # File systems without the one time may have the other; times of the future say nothing.
    ages = [age for age in (now - key.mtime_ns, now - key.ctime_ns) if age >= 0]
    return min(ages, default=math.inf)


def _read(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    offset = 0
    while part := os.pread(descriptor, max(size - offset, _CHUNK), offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)  # of a single part it is that part itself


# Whether somebody has a file open for writing. The kernel knows, and tells by a lease.
#
# fcntl(2), F_SETLEASE: a read lease is refused as long as anybody, this process included, has the
# file open for writing or mapped shared and writable. It is given back at once.


def find_writer(descriptor: int) -> bool | None:
    """
    Tell whether somebody has a file open for writing.

    Args:
        descriptor: The file, opened for reading alone.

    Returns:
        None if the kernel does not tell: the file belongs to another user, and this process has
        no CAP_LEASE, or the file system has no leases.
    """
    try:
        # A writer that comes while there is a lease waits for its end, and the process gets a
        # signal: by default SIGIO, which would end it. SIGURG is ignored, unless it is handled
        # by who must expect it at any time (socket(7); Go's runtime).
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
