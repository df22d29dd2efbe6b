"""
Who could put another file in the place of one: owners and permissions along its path.

The rules are those of sshd(8) and sudo(8) for the files that they obey, with one thing more: a
directory that all may write to, but in which only owners may rename and delete (sticky, inode(7)),
such as /tmp, is passed through where the entry on the way belongs to somebody who is trusted.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from nativeplug._util.directories import absolute

_MOST_LINKS: Final = 40  # path_resolution(7)
# It needs no right to read, and stands for a symlink itself; see open(2).
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

_MOUNTS: Final = "/proc/self/mountinfo"
#: Who has mounted what is mounted nowhere that this process could see.
_UNKNOWN_USER: Final = -1

# acl(5); the form of the attribute is that of include/uapi/linux/posix_acl_xattr.h.
_ACL: Final = "system.posix_acl_access"
_ACL_VERSION: Final = 2
_ACL_HEADER: Final = struct.Struct("<I")
_ACL_ENTRY: Final = struct.Struct("<HHI")
_ACL_USER, _ACL_GROUP_OBJECT, _ACL_GROUP, _ACL_MASK, _ACL_OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
_WRITE: Final = 0o2


@dataclass(frozen=True, slots=True)
class Access:
    """Who can write to a file or directory, as far as the system tells."""

    #: The user that owns it.
    owner: int
    #: Its kind and permissions, as in st_mode.
    mode: int
    #: Its access control list as getxattr(2) gives it; empty where that lets nobody write.
    acl: bytes = b""
    #: Who has mounted its file system, if that is FUSE: the owner is what that user says.
    mounter: int | None = None

    @classmethod
    def of(cls, descriptor: int, mounters: dict[int, int | None] | None = None) -> Access:
        """
        Return who can write to what is open, by whatever flags.

        Args:
            descriptor: Its descriptor.
            mounters: Who has mounted what, by st_dev: what was found out on the same way.
        """
        status = os.fstat(descriptor)
        known = {} if mounters is None else mounters
        if status.st_dev not in known:
            known[status.st_dev] = None if _is_of_root(status) else _find_mounter(descriptor)
        # Where it has a list, the bits of the group are the list's mask, acl(5).
        acl = _read_acl(descriptor) if status.st_mode & stat.S_IWGRP else b""
        return cls(status.st_uid, status.st_mode, acl, known[status.st_dev])

    @classmethod
    def of_path(cls, path: str) -> Access:
        """
        Return who can write to what a path leads to.

        Raises:
            OSError: It leads nowhere.
        """
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            return cls.of(descriptor)
        finally:
            os.close(descriptor)

    def find_fault(self, trusted: Collection[int]) -> str | None:
        """Say why others than those who are trusted can write to it."""
        fault = self.find_fault_of_owner(trusted)
        if fault is None and self.owner not in trusted:
            fault = f"belongs to user {self.owner}, who is not trusted"
        return fault or self._find_writer(trusted)

    def find_fault_of_owner(self, trusted: Collection[int]) -> str | None:
        """Say why it may belong to another user than the system says."""
        if self.mounter is None or self.mounter in trusted:
            return None
        if self.mounter == _UNKNOWN_USER:
            return f"lies on a file system of which {_MOUNTS!r} does not tell who has mounted it"
        return f"lies on a file system that user {self.mounter} has mounted, who is not trusted"

    def _find_writer(self, trusted: Collection[int]) -> str | None:
        try:
            entries = _entries_of(self.acl)
        except struct.error:
            return "has an access control list that cannot be read"
        mask = next((rights for tag, rights, _ in entries if tag == _ACL_MASK), None)
        group = self.mode >> 3 & 0o7
        # The bits of the group are the mask where there is one: those who are named count.
        others = [group] if mask is None or mask != group else []
        for tag, rights, who in entries:
            if mask is None or not rights & mask & _WRITE:
                continue
            if tag == _ACL_USER and who not in trusted:
                return f"can be written by user {who} (access control list): setfacl -x u:{who}"
            if tag == _ACL_GROUP:
                return f"can be written by group {who} (access control list): setfacl -x g:{who}"
            if tag == _ACL_GROUP_OBJECT:
                others.append(rights)
        others.append(self.mode & 0o7)
        if any(rights & _WRITE for rights in others):
            return f"can be written by others (mode {stat.S_IMODE(self.mode):04o}): chmod go-w"
        return None


def _read_acl(descriptor: int) -> bytes:
    """Return an access control list; nothing where there is none: the permissions count then."""
    try:  # by the path, as descriptors of O_PATH have no attributes
        return os.getxattr(f"/proc/self/fd/{descriptor}", _ACL)
    except OSError:
        return b""


def _entries_of(acl: bytes) -> list[tuple[int, int, int]]:
    """
    Return the entries of an access control list: tag, rights, and user or group.

    Raises:
        struct.error: It is none.
    """
    if not acl:
        return []
    if _ACL_HEADER.unpack_from(acl) != (_ACL_VERSION,):
        raise struct.error("another version")
    return [*_ACL_ENTRY.iter_unpack(acl[_ACL_HEADER.size :])]


def _is_of_root(status: os.stat_result) -> bool:
    """
    Tell whether only root can have mounted what something lies on: not FUSE, fuse(4).

    That has no device, but where root has mounted it; see fusermount(1).
    """
    return os.major(status.st_dev) != 0 or status.st_dev == os.stat("/").st_dev


def _find_mounter(descriptor: int) -> int | None:
    """
    Return who has mounted the file system on which something lies; None for root.

    What was unmounted while it is open is not in the list of mounts; but its number is not given
    to another mount as long as it is open.
    """
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
            [number] = [line.split()[1] for line in file if line.startswith(b"mnt_id:")]
        with open(_MOUNTS, "rb") as mounts:
            lines = [line for line in mounts if line.startswith(number + b" ")]
    except OSError:  # there is no /proc
        return _UNKNOWN_USER
    return mounter_of(lines[0]) if lines else _UNKNOWN_USER


def mounter_of(line: bytes) -> int | None:
    """Return who has mounted a FUSE file system, by its line in proc_pid_mountinfo(5)."""
    fields = line.rstrip(b"\n").split(b" ")
    kind, _source, options = fields[fields.index(b"-", 6) + 1 :][:3]
    if kind.partition(b".")[0] not in {b"fuse", b"fuseblk"}:
        return None
    users = [each for each in options.split(b",") if each.startswith(b"user_id=")]
    return int(users[0].partition(b"=")[2]) if users else _UNKNOWN_USER


@dataclass(frozen=True, slots=True)
class Step:
    """A directory on the way of a path, open; or what the path leads to."""

    #: Its path, without symlinks.
    path: str
    #: It is open (O_PATH) until the next step is asked for.
    descriptor: int
    access: Access
    #: The name that is looked up there; empty at the end of the path.
    name: str

    def find_fault(self, trusted: Collection[int]) -> str | None:
        """Say why others could make the name in this directory mean something else."""
        access = self.access
        fault = access.find_fault(trusted)
        if fault is None:
            return None
        is_owner_known = access.owner in trusted and not access.find_fault_of_owner(trusted)
        if is_owner_known and access.mode & stat.S_ISVTX and self._owner() in trusted:
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


def walk(path: str) -> Generator[Step, None, None]:
    """
    Give each directory that the kernel passes through, and then what the path leads to.

    Each is opened in the one before, and no symlink is followed by the kernel. So where nobody else
    can write to the directories, nobody else can change the way while it is walked.
    A directory is given before the name is looked up in it, so the caller may make what is missing.

    Raises:
        OSError: The way ends before.
    """
    mounters: dict[int, int | None] = {}
    waiting = _names(absolute(path))
    here, links = "/", 0
    # It is always one that is open: closed twice, its number may be another thread's file by then.
    descriptor = os.open(here, _LOOK)
    try:
        while waiting:
            name = waiting.pop()
            if name != "..":
                yield Step(here, descriptor, Access.of(descriptor, mounters), name)
            entry = os.open(name, _LOOK, dir_fd=descriptor)
            if not stat.S_ISLNK(os.fstat(entry).st_mode):
                here = os.path.dirname(here) if name == ".." else os.path.join(here, name)
                descriptor, done = entry, descriptor
                os.close(done)
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
                here, done = "/", descriptor
                descriptor = os.open(here, _LOOK)
                os.close(done)
        yield Step(here, descriptor, Access.of(descriptor, mounters), "")
    finally:
        os.close(descriptor)


def _names(path: str) -> list[str]:
    """Return the names that a path is made of, the last first."""
    return [name for name in path.split("/")[::-1] if name not in {"", "."}]
