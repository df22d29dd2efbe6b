"""File systems that another user has mounted say that root owns what is on them: not believed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import nativeplug
from fuse_server import mounted, new_mounts, unmount
from nativeplug import OriginError, Policy
from nativeplug._util.permissions import Access, find_writable
from nativeplug._util.storage import Directory
from signing import build_unsigned
from soaking import Measured, main

_STRANGER = 65534
_NAME = "plugin.so"
_POLICIES = (Policy(refuse_writable_by_others=True), Policy(owners={0}))


def mounts(_scale: float, folder: Path) -> Measured:
    """Ask in each way for what lies on such a file system, also once it is unmounted."""
    if os.geteuid():
        return Measured(math.nan, "needs root")
    try:
        new_mounts()
        with mounted(folder, _NAME, b"", _STRANGER):
            pass
    except OSError as error:
        return Measured(math.nan, f"cannot mount: {error}")
    plugin = build_unsigned(folder, "int good(void) { return 1; }").read_bytes()
    accepted = [*_find_accepted(folder, plugin)]
    place = _place(folder, "of root")
    with mounted(place, _NAME, plugin, 0):
        refused = [
            policy for policy in _POLICIES if _refuses(OriginError, partial(_open, place, policy))
        ]
    problems = [f"what root has mounted is refused by {policy}" for policy in refused]
    return Measured(len(accepted), f"{len(accepted)} of {_WAYS}", problems, accepted)


_WAYS = 5


def _find_accepted(folder: Path, plugin: bytes) -> Iterator[str]:
    """Give the ways in which what a stranger has mounted is believed."""
    place = _place(folder, "of a stranger")
    with mounted(place, _NAME, plugin, _STRANGER):
        for policy in _POLICIES:
            if not _refuses(OriginError, partial(_open, place, policy)):
                yield repr(policy)
        if not _refuses(PermissionError, lambda: Directory.open(place, make=False).close()):
            yield "a directory of ours"
        if not [*find_writable(str(place / _NAME), {0})]:
            yield "the way"
        descriptor = os.open(place / _NAME, os.O_RDONLY)
        unmount(place)
        if Access.of(descriptor).find_fault({0}) is None:
            yield "a file that is still open"
        os.close(descriptor)


def _open(place: Path, policy: Policy) -> None:
    nativeplug.open(place / _NAME, "int good(void);", policy=policy).close()


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(mode=0o700)
    return place


def _refuses(error: type[Exception], ask: Callable[[], object]) -> bool:
    try:
        ask()
    except error:
        return True
    return False


if __name__ == "__main__":
    main(mounts)
