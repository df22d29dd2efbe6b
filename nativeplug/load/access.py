"""
Who else could put another file in a plugin's place: owners and permissions along its path.

As sshd(8) and sudo(8) ask for the files that they obey, with one thing more: a directory that all
may write to, but only owners may rename and delete in (sticky, inode(7)), such as /tmp, is passed
through where what lies in it on the way belongs to somebody who is trusted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from typing import Final

from nativeplug.directories import absolute

_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST_LINKS: Final = 40  # path_resolution(7)


def find_writable(path: str, trusted: Collection[int], *, is_there: bool = True) -> Iterator[str]:
    """
    Say by which directories somebody else could make a path lead elsewhere, a reason each.

    All directories on the way are looked at, also those that symlinks lead through.

    Args:
        path: The file's path.
        trusted: The users that may.
        is_there: Something is at the end of the path; else the way may end before.
    """
    told: set[str] = set()
    try:
        for directory, name in _steps(absolute(path)):
            reason = _fault(directory, name, trusted)
            if reason is not None and directory not in told:
                told.add(directory)
                yield f"the directory {directory!r} {reason}"
    except FileNotFoundError as error:
        if is_there:
            yield _unseen(path, error)
    except OSError as error:
        yield _unseen(path, error)


def _unseen(path: str, error: OSError) -> str:
    return f"the way to {path!r} cannot be looked at: {error.strerror}"


def find_fault(owner: int, mode: int, trusted: Collection[int]) -> str | None:
    """
    Say why others can write to what belongs to a user and has these permissions.

    An access control list does not escape this: its mask stands where the group's bits do, acl(5).
    """
    if owner not in trusted:
        return f"belongs to user {owner}, who is not trusted"
    if mode & _OTHERS:
        return f"can be written by others (mode {stat.S_IMODE(mode):04o}): chmod go-w"
    return None


def _fault(directory: str, name: str, trusted: Collection[int]) -> str | None:
    status = os.stat(directory)
    reason = find_fault(status.st_uid, status.st_mode, trusted)
    if reason is None or status.st_uid not in trusted or not status.st_mode & stat.S_ISVTX:
        return reason
    try:
        owner = os.lstat(os.path.join(directory, name)).st_uid
    except FileNotFoundError:
        return reason  # anybody can make one
    return None if owner in trusted else reason


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Give each directory that the kernel passes through, and the name it looks up there."""
    directory, waiting, links = "/", path.split("/")[::-1], 0
    while waiting:
        name = waiting.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            directory = os.path.dirname(directory)
            continue
        yield directory, name
        here = os.path.join(directory, name)
        if not stat.S_ISLNK(os.lstat(here).st_mode):
            directory = here
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(0, "too many symbolic links")
        target = os.readlink(here)
        waiting += target.split("/")[::-1]
        if target.startswith("/"):
            directory = "/"
