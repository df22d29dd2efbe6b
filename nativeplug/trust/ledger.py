"""
The versions that were run before, so that nobody can go back to an older one.

One file of the user's for all programs, ``versions.json`` in the state directory: for each key,
and each file name that it has signed, the highest version. A program reads it before it loads
anything, and writes it just before it does. What is damaged, what others could have written, and
what cannot be written is an error: nothing is loaded then.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nativeplug.directories import state_directory
from nativeplug.storage import Directory
from nativeplug.trust.comment import order_of
from nativeplug.trust.minisign import UntrustedError

_NAME: Final = "versions.json"
_LOCK: Final = "versions.lock"
_MOST_BYTES: Final = 1 << 24
#: How long another process may take to write its line.
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.01

#: The descriptors of the lock that are open.
_held: Final[set[int]] = set()

#: By key and file name: the highest version.
_Versions = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One line: a file of a key.

    Safe to use from several threads and processes.
    """

    #: The public key, as minisign prints it.
    key: str
    #: The file's name, which the key has signed.
    name: str

    def check(self, version: str | None) -> None:
        """
        Refuse a version that is older than one that was run.

        Raises:
            UntrustedError: It is; or there is none, and there was; or the ledger is of no use.
        """
        with _opened() as directory:
            self._compare(_read(directory), version)

    def advance(self, version: str | None) -> None:
        """
        Note that a version is going to run.

        Raises:
            UntrustedError: As `check` does; it may have become too old meanwhile.
        """
        with _opened() as directory:
            versions = _read(directory)
            known = self._compare(versions, version)
            if version is not None and (known is None or order_of(version) > order_of(known)):
                versions.setdefault(self.key, {})[self.name] = version
                _write(directory, versions)

    def _compare(self, versions: _Versions, version: str | None) -> str | None:
        known = versions.get(self.key, {}).get(self.name)
        if known is None:
            return None
        if version is None:
            raise UntrustedError(f"its signature tells no version, and version {known} was run")
        if order_of(version) < order_of(known):
            raise UntrustedError(f"version {version} is older than version {known}, which was run")
        return known


@contextlib.contextmanager
def _opened() -> Iterator[Directory]:
    """Give the ledger's directory, for one at a time."""
    folder = state_directory()
    if folder is None:
        raise UntrustedError(
            "there is no place to remember versions in, for a user without a home: set "
            "NATIVEPLUG_STATE_DIR"
        )
    try:
        with Directory.open(folder) as directory:
            descriptor = directory.open_file(_LOCK, os.O_RDWR | os.O_CREAT)
            _held.add(descriptor)
            try:
                _lock(descriptor)
                yield directory
            finally:
                _let_go(descriptor)
    except OSError as error:
        reason = error.strerror or str(error)
        path = str(folder / _NAME)
        raise UntrustedError(f"cannot remember versions in {path!r}: {reason}") from None


def _let_go(descriptor: int) -> None:
    """Unlock and close; a child process that was forked meanwhile has the same lock, flock(2)."""
    if descriptor in _held:
        _held.discard(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _after_fork() -> None:
    """Close, in a child process, what threads of the parent have locked, or else nobody could."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_after_fork)


def _lock(descriptor: int) -> None:
    until = time.monotonic() + _PATIENCE
    while not _try_to_lock(descriptor):
        if time.monotonic() > until:
            raise OSError(f"another process has held {_LOCK!r} for {_PATIENCE:g} s")
        time.sleep(_PAUSE)


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(directory: Directory) -> _Versions:
    try:
        data = directory.read(_NAME, _MOST_BYTES + 1)
    except FileNotFoundError:
        return {}
    try:
        return _parse(data)
    except ValueError as error:  # json's and order_of's, too
        raise OSError(f"it is damaged ({error}): repair it, or remove it to begin anew") from None


def _parse(data: bytes) -> _Versions:
    found = json.loads(data)
    if len(data) > _MOST_BYTES or not isinstance(found, dict):
        raise ValueError("not what nativeplug writes")
    for versions in found.values():
        if not isinstance(versions, dict):
            raise ValueError("not what nativeplug writes")  # noqa: TRY004 - as json's own
        for version in versions.values():
            order_of(version if isinstance(version, str) else "")
    return found


def _write(directory: Directory, versions: _Versions) -> None:
    with directory.replacing(_NAME, sync=True) as file:
        file.write(json.dumps(versions, indent=1, sort_keys=True).encode())
