"""
Who could put another file in the place of one: owners and permissions along its path.

The rules are those of sshd(8) and sudo(8) for the files that they obey, with one thing more: a
directory that all may write to, but in which only owners may rename and delete (sticky, inode(7)),
such as /tmp, is passed through where the entry on the way belongs to somebody who is trusted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from nativeplug.directories import absolute

_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST_LINKS: Final = 40  # path_resolution(7)
# It needs no right to read, and stands for a symlink itself; see open(2).
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Step:
    """A directory on the way of a path, open; or what the path leads to."""

    #: Its path, without symlinks.
    path: str
    #: It is open (O_PATH) until the next step is asked for.
    descriptor: int
    status: os.stat_result
    #: The name that is looked up there; empty at the end of the path.
    name: str

    def find_fault(self, trusted: Collection[int]) -> str | None:
        """Say why others could make the name in this directory mean something else."""
        status = self.status
        fault = find_fault(status.st_uid, status.st_mode, trusted)
        if fault is None:
            return None
        if status.st_uid in trusted and status.st_mode & stat.S_ISVTX and self._owner() in trusted:
            return None
        return f"the directory {self.path!r} {fault}"

    def _owner(self) -> int | None:
        """Return who owns what has the name; None where nobody does, and anybody may."""
        try:
            return os.stat(self.name, dir_fd=self.descriptor, follow_symlinks=False).st_uid
        except FileNotFoundError:
            return None


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
        for step in walk(path):
            fault = step.find_fault(trusted) if step.name else None
            if fault is not None and step.path not in told:
                told.add(step.path)
                yield fault
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


def walk(path: str) -> Generator[Step, None, None]:
    """
    Give each directory that the kernel passes through, and then what the path leads to.

    Each is opened in the one before, and no symlink is followed by the kernel. So where nobody else
    can write to the directories, nobody else can change the way while it is walked.
    A directory is given before the name is looked up in it, so the caller may make what is missing.

    Raises:
        OSError: The way ends before.
    """
    waiting = _names(absolute(path))
    here, links = "/", 0
    descriptor = os.open(here, _LOOK)
    try:
        while waiting:
            name = waiting.pop()
            if name != "..":
                yield Step(here, descriptor, os.fstat(descriptor), name)
            entry = os.open(name, _LOOK, dir_fd=descriptor)
            if not stat.S_ISLNK(os.fstat(entry).st_mode):
                os.close(descriptor)
                descriptor = entry
                here = os.path.dirname(here) if name == ".." else os.path.join(here, name)
                continue
            try:
                target = os.readlink("", dir_fd=entry)
            finally:
                os.close(entry)
            links += 1
            if links > _MOST_LINKS:
                raise OSError(0, "too many symbolic links")
            waiting += _names(target)
            if target.startswith("/"):
                os.close(descriptor)
                here, descriptor = "/", os.open("/", _LOOK)
        yield Step(here, descriptor, os.fstat(descriptor), "")
    finally:
        os.close(descriptor)


def _names(path: str) -> list[str]:
    """Return the names that a path is made of, the last first."""
    return [name for name in path.split("/")[::-1] if name not in {"", "."}]
