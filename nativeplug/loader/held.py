"""What is held for as long as a copy is mapped: descriptors, and files of this process."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import itertools
import os
from typing import Final

from nativeplug._util.storage import Directory

_PREFIX: Final = ".nativeplug."
_LOCK: Final = "lock"
_numbers = itertools.count()
#: This process's directories, by what they are in and by its user, and what locks them.
_directories: dict[tuple[str, int], tuple[str, Descriptor]] = {}


class Descriptor:
    """
    A descriptor that stays open for long.

    A plugin's constructor may close all descriptors, and the number be another file's then.
    """

    __slots__ = ("_status", "number")

    def __init__(self, number: int) -> None:
        """Take it over; note which file it is of."""
        self.number = number
        self._status = os.fstat(number)

    def close(self) -> None:
        """Close it, if it is still the same file's."""
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(self.number), self._status):
                os.close(self.number)


def new_path(parent: str, label: str) -> str:
    """
    Return a path for what stays until this process, and all that it forks, has ended.

    It is in a directory of this process, by the lock of which others see that it is in use. It
    never repeats. What processes have left behind that have ended is removed.

    Args:
        parent: Where that directory is made, once.
        label: The beginning of the name.

    Raises:
        OSError: It cannot be made there.
    """
    key = parent, os.geteuid()
    own = _directories.get(key)
    if own is not None and not os.path.isdir(own[0]):  # somebody has tidied up
        _give_up(*_directories.pop(key, own))
        own = None
    directory, _ = own or _own(*key)
    return os.path.join(directory, f"{label}.{os.getpid()}.{next(_numbers)}")


def remove(path: str) -> None:
    """Remove what this process has made of a path; what its parent made, that may still need."""
    import shutil

    if os.path.basename(path).split(".")[-2] != str(os.getpid()):
        return
    try:
        os.unlink(path)
    except IsADirectoryError:
        shutil.rmtree(path, ignore_errors=True)
    except OSError:  # somebody has tidied up
        pass


def _own(parent: str, user: int) -> tuple[str, Descriptor]:
    """Make this process's directory, unless another thread has."""
    _remove_abandoned(parent)
    directory = os.path.join(parent, f"{_PREFIX}{os.getpid()}.{os.urandom(4).hex()}")
    os.mkdir(directory, 0o700)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        made = directory, Descriptor(os.open(os.path.join(directory, _LOCK), flags, 0o600))
    except OSError:  # nobody would remove it: what has no lock may be another's that is being made
        os.rmdir(directory)
        raise
    fcntl.flock(made[1].number, fcntl.LOCK_SH)
    own = _directories.setdefault((parent, user), made)
    if own is not made:
        _give_up(*made)
    return own


def _give_up(directory: str, lock: Descriptor) -> None:
    lock.close()
    _remove_unlocked(directory)


def _remove_abandoned(parent: str) -> None:
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        process = name.removeprefix(_PREFIX).partition(".")[0]
        # A constructor may close a lock's descriptor; one that is being made has none yet.
        if process.isdecimal() and not os.path.exists(f"/proc/{process}"):
            _remove_unlocked(os.path.join(parent, name))


def _remove_unlocked(directory: str) -> None:
    """Remove a directory of ours that no process has locked."""
    import shutil

    with contextlib.suppress(OSError), Directory.open(directory, make=False) as folder:
        lock = folder.open_file(_LOCK, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder.path, ignore_errors=True)
        finally:
            os.close(lock)


@atexit.register
def _remove_own() -> None:
    while _directories:
        _give_up(*_directories.popitem()[1])
