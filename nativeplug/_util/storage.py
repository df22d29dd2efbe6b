"""
Files that we write: a whole file at once, and directories that nobody else can write to.

What we keep and read again (parsed declarations, debug information, the versions that were run,
copies of plugins) is believed because nobody else could have written it. `Directory` sees to that:

- each directory on the way, from the root on, belongs to root or to this process's user, and nobody
  else can write to it; see `permissions`. A directory of ours is made with mode 0700.
- the directory and each file in it belong to this user, and nobody else can write to them.
- all is opened relative to the directory's descriptor, without following links, and what is
  checked is what was opened.

A file is put in place whole, by rename(2), so readers and other writers never see a part of it::

    with Directory.open(cache / "copies") as copies:
        with copies.replacing(name) as file:  # for large files: write by file.fileno()
            ...
        descriptor = copies.open_file(name)   # checked; the caller closes it
        path = copies.path_of(name)           # what the dynamic loader can be given
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from nativeplug._util import permissions

if TYPE_CHECKING:
    from types import TracebackType

_ROOT: Final = 0
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to wait for a writer, where the file has become a pipe.
_OPEN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TEMPORARY: Final = "."


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str],
    *,
    mode: int = 0o600,
    replace: bool = True,
    sync: bool = False,
    dir_fd: int | None = None,
) -> Iterator[BinaryIO]:
    """
    Give a new file, which takes the place of *path* when the block ends without an exception.

    Nobody ever sees a part of it. After an exception there is what there was.

    Args:
        path: Where it goes. A symlink there is replaced, not followed.
        mode: Its permissions, less those of the umask.
        replace: Also where there is a file already.
        sync: Wait until it is on the disk.
        dir_fd: The directory that a relative path begins in.

    Raises:
        FileExistsError: There is a file, which was not to be replaced.
        OSError: It cannot be written.
    """
    temporary = os.path.join(os.path.dirname(path), f"{_TEMPORARY}{os.urandom(8).hex()}")
    descriptor = os.open(temporary, _CREATE, mode, dir_fd=dir_fd)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(descriptor)
        if replace:
            os.replace(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        else:  # unlike rename(2) it never replaces anything
            os.link(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=dir_fd)


@dataclass(frozen=True, slots=True)
class Directory:
    """
    A directory that nobody else can write to, open until `close`, or until a `with` ends.

    Safe to use from several threads and processes. `Directory.open` makes it.
    """

    #: Its path, without symlinks. Nobody else can make it lead elsewhere.
    path: str
    #: Open for reading.
    descriptor: int

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, make: bool = True) -> Directory:
        """
        Open a directory.

        Args:
            path: Where it is. Symlinks on the way are followed where nobody else could make them.
            make: Make it, and what is missing on the way, where it is not there.

        Raises:
            FileNotFoundError: It is not there, and was not to be made.
            PermissionError: Somebody else could write to it, or to what leads to it.
            OSError: It cannot be opened or made.
        """
        trusted = {_ROOT, os.geteuid()}
        with contextlib.closing(permissions.walk(os.fspath(path))) as steps:
            for step in steps:
                if step.name == "":
                    break
                if make:
                    _make(step)
                fault = step.find_fault(trusted)
                if fault is not None:
                    if not make:  # what is not there cannot be wrong, whoever may make it
                        os.stat(step.name, dir_fd=step.descriptor, follow_symlinks=False)
                    raise PermissionError(fault)
            _check_own(step.path, step.access)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            return cls(step.path, os.open(".", flags, dir_fd=step.descriptor))

    def path_of(self, name: str) -> str:
        """Return the path of a file in it."""
        return os.path.join(self.path, name)

    def names(self) -> list[str]:
        """Return the names of what is in it, sorted, but for what is being written."""
        found = os.listdir(self.descriptor)
        return sorted(name for name in found if not name.startswith(_TEMPORARY))

    def open_file(self, name: str, flags: int = os.O_RDONLY) -> int:
        """
        Open a file; return its descriptor, which the caller closes.

        Args:
            name: Its name.
            flags: As those of open(2), which makes it with mode 0600 if they say so.

        Raises:
            PermissionError: Somebody else could have written it, or it is not a regular file.
            OSError: It cannot be opened, or is a symlink.
        """
        descriptor = os.open(name, flags | _OPEN, 0o600, dir_fd=self.descriptor)
        try:
            _check_own(self.path_of(name), permissions.Access.of(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def read(self, name: str, most: int = -1) -> bytes:
        """
        Return a file's bytes.

        Args:
            name: Its name.
            most: How many bytes are read of it at most; negative for all.

        Raises:
            OSError: As for `open_file`.
        """
        with open(self.open_file(name), "rb") as file:
            return file.read(most)

    def replacing(
        self, name: str, *, mode: int = 0o600, sync: bool = False
    ) -> contextlib.AbstractContextManager[BinaryIO]:
        """Give a new file, which takes the place of one when the block ends; see `replacing`."""
        return replacing(name, mode=mode, sync=sync, dir_fd=self.descriptor)

    def close(self) -> None:
        """Close its descriptor. Once is enough: the number may be another file's afterwards."""
        os.close(self.descriptor)

    def __enter__(self) -> Directory:  # noqa: PYI034 - Self is of Python 3.11
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _make(step: permissions.Step) -> None:
    """Make what the name of a step means, where there is nothing."""
    try:
        os.stat(step.name, dir_fd=step.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.mkdir(step.name, 0o700, dir_fd=step.descriptor)


def _check_own(path: str, found: permissions.Access) -> None:
    """Refuse a device, what belongs to another user, even root, and what others can write to."""
    if not (stat.S_ISREG(found.mode) or stat.S_ISDIR(found.mode)):
        raise PermissionError(f"{path!r} is not a regular file")
    fault = found.find_fault({os.geteuid()})
    if fault is not None:
        raise PermissionError(f"{path!r} {fault}")
