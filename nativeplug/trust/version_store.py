"""
The versions that were run before, so that nobody can go back to an older one.

One file of the user's for all programs, ``versions.json`` in the state directory: for each key,
and each file name that it has signed, the highest version that was accepted. A program reads it
before it loads anything, and writes it once that has been loaded and is what serves: a release
that fails its checks leaves no note, so the one before it can be put back. What is damaged, and
what others could have written, is an error: nothing is loaded then.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nativeplug._util import forksafe
from nativeplug._util.directories import state_directory
from nativeplug._util.storage import Directory
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


@dataclass(frozen=True, slots=True, order=True)
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
        Refuse a version that is older than one that was accepted.

        Raises:
            UntrustedError: It is; or there is none, and there was; or the store is of no use.
        """
        with _opened() as directory:
            self._compare(_read(directory), version)

    def advance(self, version: str | None) -> None:
        """
        Note that a version was accepted.

        Raises:
            UntrustedError: As `check` does; it may have become too old meanwhile.
        """
        with _opened() as directory:
            versions = _read(directory)
            known = self._compare(versions, version)
            if version is not None and (known is None or order_of(version) > order_of(known)):
                versions.setdefault(self.key, {})[self.name] = version
                _write(directory, versions)

    def forget(self) -> None:
        """
        Remove the note: any version may run again.

        Raises:
            UntrustedError: The version store is of no use.
        """
        with _opened() as directory:
            versions = _read(directory)
            if versions.get(self.key, {}).pop(self.name, None) is not None:
                _write(directory, {key: names for key, names in versions.items() if names})

    def _compare(self, versions: _Versions, version: str | None) -> str | None:
        known = versions.get(self.key, {}).get(self.name)
        if known is None or (version is not None and order_of(version) >= order_of(known)):
            return known
        if version is None:
            reason = f"its signature tells no version, and version {known} was run"
        else:
            reason = f"version {version} is older than version {known}, which was run"
        raise UntrustedError(
            f"{reason}, as {str(_path())!r} says; if that is to be so, "
            f"'nativeplug versions --forget {shlex.quote(self.name)}' forgets it"
        )


def noted() -> dict[Entry, str]:
    """
    Return the highest version of each file of each key that was accepted.

    Raises:
        UntrustedError: The version store is of no use.
    """
    if not os.path.lexists(_path()):
        return {}
    with _opened() as directory:
        return {
            Entry(key, name): version
            for key, names in sorted(_read(directory).items())
            for name, version in sorted(names.items())
        }


def _path() -> Path:
    """Return where the version store is; UntrustedError where there is no place for it."""
    folder = state_directory()
    if folder is None:
        raise UntrustedError(
            "there is no place to remember versions in, for a user without a home: set "
            "NATIVEPLUG_STATE_DIR"
        )
    return folder / _NAME


@contextlib.contextmanager
def _opened() -> Iterator[Directory]:
    """Give the store's directory, for one at a time."""
    path = _path()
    try:
        with Directory.open(path.parent) as directory:
            descriptor = directory.open_file(_LOCK, os.O_RDWR | os.O_CREAT)
            _held.add(descriptor)
            try:
                _lock(descriptor)
                yield directory
            finally:
                _let_go(descriptor)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UntrustedError(f"cannot remember versions in {str(path)!r}: {reason}") from None


def _let_go(descriptor: int) -> None:
    """Unlock and close; a child process that was forked meanwhile has the same lock, flock(2)."""
    if descriptor in _held:
        _held.discard(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@forksafe.in_child
def _close_all() -> None:
    """Close, in a child process, what threads of the parent have locked, or else nobody could."""
    while _held:
        os.close(_held.pop())


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
