"""
Copies of plugins' files on disk: one for each content, for all processes of a user.

Processes that have loaded one content share its pages, and debuggers and profilers find it by its
path, also when the process has ended. A copy is put in place whole, can only be read, and lies
where nobody could write but the user and root; see `storage`. Each process that has it mapped has a
hard link to it, see `held`; of the others, those go that were not used for longest, when there are
many.

Where there is no place for it, or no more, the functions here return None: then there are others.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import mmap
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nativeplug._util.directories import cache_directory
from nativeplug._util.storage import Directory, replacing
from nativeplug.loader import held

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

#: From this size on a file is read by way of its copy here; see `files`.
LARGE: Final = 8 << 20
#: How much is kept: bytes, and copies.
_MOST_BYTES: Final = 4 << 30
_MOST_COPIES: Final = 500
#: How many copies a process makes until it looks again whether there are too many.
_INTERVAL: Final = 50
#: Nobody writes at one copy for so long, in seconds.
_ABANDONED: Final = 3600
#: When a whole copy was changed, as its times say: whoever writes to it later leaves another time.
_WHOLE_NS: Final = 0

# Room in a file's name (255 bytes) and a memfd's (249) for what is put around it.
_LONGEST_LABEL: Final = 200

# The copies that this process has mapped. The dynamic loader knows a loaded object by its path,
# and by device and inode: what is mapped must not be given to it again as something new.
_mapped: dict[str, object] = {}
_made = itertools.count()


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is mapped, or about to be, by one generation of this process."""

    path: str
    #: A link to it, which says that it is in use.
    link: str

    def close(self) -> None:
        """Give it up; it is not mapped any more."""
        held.remove(self.link)
        _mapped.pop(self.path, None)


def label(path: str) -> str:
    """Return a file's name, cut to what the name of a copy has room for."""
    return os.fsdecode(os.fsencode(os.path.basename(path))[:_LONGEST_LABEL])


def directory(name: str = "") -> str | None:
    """Return the directory for copies, or for those of one name; None if there is none."""
    cache = cache_directory()
    return None if cache is None else os.path.join(cache, "copies", name)


def take(name: str, file_name: str, data: File, changes: Mapping[int, int]) -> Copy | None:
    """
    Return a copy that this process has not mapped; it is made if there is none.

    Args:
        name: What stands for just what is in it.
        file_name: What its file is called.
        data: What is in it. Where that is mapped itself, a copy of that name is not compared.
        changes: What it has otherwise; see `write`.
    """
    for number in itertools.count():
        place = directory(f"{name}.{number}" if number else name)
        if place is None:
            return None
        try:
            with Directory.open(place) as folder:
                path = folder.path_of(file_name)
                mine = object()
                if _mapped.setdefault(path, mine) is not mine:
                    continue
                try:
                    return Copy(path, _link(folder, file_name, data, changes))
                except BaseException:
                    del _mapped[path]
                    raise
        except OSError:
            break
    return None


def _link(folder: Directory, file_name: str, data: File, changes: Mapping[int, int]) -> str:
    """Return a link to a copy, which is made, or made anew, if need be."""
    expected = changed(data, changes) if isinstance(data, bytes) else None
    # What another process makes meanwhile stays: it may have mapped it.
    is_there = os.path.lexists(folder.path_of(file_name))
    descriptor = find(folder, file_name, len(data), expected)
    is_new = descriptor is None
    if descriptor is None:
        _make(folder, file_name, data, changes, replace=is_there, sync=expected is None)
        descriptor = find(folder, file_name, len(data), expected)
    if descriptor is None:
        raise FileNotFoundError(file_name)
    try:
        if is_new:
            tidy(len(data))  # now that this one is locked: all others may be in use
        check_executable(descriptor)
        link = held.new_path(os.path.dirname(folder.path), file_name)
        os.link(file_name, link, src_dir_fd=folder.descriptor)
    finally:
        os.close(descriptor)
    return link


def _make(  # noqa: PLR0913 - most are given by name
    folder: Directory,
    file_name: str,
    data: File,
    changes: Mapping[int, int],
    *,
    replace: bool,
    sync: bool,
) -> None:
    """Write a copy, unless another process was faster."""
    with (
        contextlib.suppress(FileExistsError),
        replacing(
            file_name, mode=0o400, replace=replace, sync=sync, dir_fd=folder.descriptor
        ) as file,
    ):
        write(file.fileno(), data, changes)
        os.utime(file.fileno(), ns=(_WHOLE_NS, _WHOLE_NS))


def find(folder: Directory, file_name: str, size: int, data: bytes | None = None) -> int | None:
    """
    Return the descriptor of a copy, which locks it; None if there is none that could be used.

    Args:
        folder: Where it is.
        file_name: What it is called.
        size: Its size.
        data: What is in it; None for what was on the disk before it was put in place, and which
            nobody has written to since.
    """
    with contextlib.ExitStack() as undo:
        try:
            descriptor = folder.open_file(file_name)
            undo.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            return None
        status = os.fstat(descriptor)
        # No link leads to what was removed in this moment.
        if not status.st_nlink or status.st_size != size:
            return None
        is_whole = (
            status.st_mtime_ns == _WHOLE_NS
            if data is None
            else os.pread(descriptor, size, 0) == data
        )
        if not is_whole:
            return None
        os.utime(folder.descriptor)  # it was used
        undo.pop_all()
    return descriptor


def map_copy(sha256: str, file_name: str, size: int) -> mmap.mmap | None:
    """Map the copy of a large file to read it; None if there is none."""
    place = directory(sha256)
    if place is None:
        return None
    try:
        with Directory.open(place, make=False) as folder:
            descriptor = find(folder, file_name, size)
    except OSError:
        return None
    return None if descriptor is None else _map(descriptor)


def _map(descriptor: int) -> mmap.mmap:
    """Map a file to read it, and close the descriptor; the map has one of its own, which locks."""
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Received:
    """A copy of a large file, of which nobody knows yet whether there is one."""

    _copies: Directory
    _temporary: str
    _descriptor: int
    data: mmap.mmap

    def sha256(self) -> str:
        """Return its SHA-256."""
        import hashlib

        return hashlib.sha256(self.data).hexdigest()

    def keep(self, sha256: str, file_name: str) -> mmap.mmap:
        """Return what is mapped of the copy that there was, or that this is from now on."""
        size = len(self.data)
        os.fchmod(self._descriptor, 0o400)
        os.utime(self._descriptor, ns=(_WHOLE_NS, _WHOLE_NS))
        with Directory.open(os.path.join(self._copies.path, sha256)) as folder:
            for put in (os.link, os.replace):
                found = map_copy(sha256, file_name, size)
                if found is not None:
                    return found
                os.fsync(self._descriptor)
                with contextlib.suppress(FileExistsError):  # another process has made it
                    put(
                        self._temporary,
                        file_name,
                        src_dir_fd=self._copies.descriptor,
                        dst_dir_fd=folder.descriptor,
                    )
                    break
        tidy(size)
        return self.data


@contextlib.contextmanager
def receive(source: int, size: int) -> Iterator[Received]:
    """
    Copy a large file, in which nobody sees a change any more.

    Raises:
        OSError: There is no place, or no room.
    """
    place = directory()
    if place is None:
        raise FileNotFoundError
    with Directory.open(place) as copies:
        temporary = f".{os.urandom(8).hex()}"
        made = copies.open_file(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            fcntl.flock(made, fcntl.LOCK_SH)
            _copy(source, made, size)
            data = mmap.mmap(made, 0, access=mmap.ACCESS_READ)
            yield Received(copies, temporary, made, data)
        finally:
            os.close(made)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=copies.descriptor)


def _copy(source: int, target: int, size: int) -> None:
    """
    Copy a file, without its bytes where the file system has copy-on-write.

    Raises:
        OSError: It cannot be copied, or has become shorter meanwhile.
    """
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, size - done, done, done)
        except OSError:  # between two file systems, for one
            os.lseek(target, done, os.SEEK_SET)
            count = os.sendfile(target, source, done, size - done)
        if not count:
            raise OSError(errno.EIO, "the file has become shorter")
        done += count


def tidy(size: int) -> None:
    """Remove what is too much, after a copy of this size was made, but not each time."""
    copies = directory()
    if copies is not None and (size >= LARGE or next(_made) % _INTERVAL == 0):
        with contextlib.suppress(OSError), Directory.open(copies) as parent:
            _tidy(parent.path)


def _tidy(parent: str) -> None:
    found = sorted(_scan(parent))
    size, count = sum(size for _, size, _ in found), len(found)
    for _, its_size, path in found:
        if size <= _MOST_BYTES and count <= _MOST_COPIES:
            return
        with contextlib.suppress(OSError):  # it is in use, or somebody else has removed it
            _remove(path)
            size, count = size - its_size, count - 1


def _scan(parent: str) -> Iterator[tuple[int, int, str]]:
    """Give each copy: when it was used, its size, its path. What was never finished is removed."""
    for folder, below, names in os.walk(parent):
        below[:] = [name for name in below if not name.startswith(".")]  # a process's; see `held`
        with contextlib.suppress(OSError):
            used = os.stat(folder).st_mtime_ns
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if not name.startswith("."):
                    yield used, status.st_size, path
                elif time.time() - status.st_ctime > _ABANDONED:
                    os.unlink(path)


def _remove(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink > 1:
            raise BlockingIOError
        os.unlink(path)
    finally:
        os.close(descriptor)
    with contextlib.suppress(OSError):  # there is more in it
        os.rmdir(os.path.dirname(path))


def check_executable(descriptor: int) -> None:
    """
    Map code of a file, as the dynamic loader will.

    Raises:
        OSError: A security policy forbids it, or the file system is mounted with noexec.
    """
    if os.fstat(descriptor).st_size:
        mmap.mmap(descriptor, 1, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()


def write(descriptor: int, data: File, changes: Mapping[int, int]) -> None:
    """Write all of it, with some bytes otherwise, which are given by their offsets."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    for at, value in changes.items():
        os.pwrite(descriptor, bytes([value]), at)


def changed(data: bytes, changes: Mapping[int, int]) -> bytes:
    """Return what `write` writes."""
    if not changes:
        return data
    made = bytearray(data)
    for at, value in changes.items():
        made[at] = value
    return bytes(made)
