"""A file system in user space, fuse(4), of one file: it says what it likes of whose that is."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x20000, 0x4000, 1 << 18, 2

# include/uapi/linux/fuse.h, version 7.31.
_IN, _OUT = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _RELEASE, _FLUSH = 1, 2, 3, 14, 15, 18, 25
_INIT, _OPENDIR, _RELEASEDIR, _BATCH_FORGET = 26, 27, 29, 42
_ROOT, _FILE = 1, 2
_VALID = 3600


def new_mounts() -> None:
    """Let what this process mounts be seen by no other, and end with it; that needs root."""
    _check(_LIBC.unshare(_CLONE_NEWNS))
    _check(_LIBC.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))


@contextlib.contextmanager
def mounted(place: Path, name: str, data: bytes, user: int) -> Iterator[None]:
    """Mount a file system with one file of root's, as fusermount(1) does for a user."""
    descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={descriptor},rootmode=40000,user_id={user},group_id=0,allow_other"
    kind, flags = b"fuse.of\\040others - x", ctypes.c_ulong(0)
    _check(_LIBC.mount(b"a source", os.fsencode(place), kind, flags, options.encode()))
    server = threading.Thread(target=_serve, args=(descriptor, name.encode(), data))
    server.start()
    try:
        yield
    finally:
        unmount(place)
        server.join(60)
        os.close(descriptor)


def unmount(place: Path) -> None:
    """Take a file system off its place; it goes on for who has something of it open."""
    if _LIBC.umount2(os.fsencode(place), _MNT_DETACH) and ctypes.get_errno() != errno.EINVAL:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _serve(descriptor: int, name: bytes, data: bytes) -> None:
    """Answer until it is unmounted, and nobody has anything of it open."""
    while True:
        try:
            request = os.read(descriptor, 1 << 18)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return
            raise
        _, operation, unique, node, *_ = _IN.unpack_from(request)
        answer = _answer(operation, node, request[_IN.size :], name, data)
        if answer is None:
            continue
        number, body = (-answer, b"") if isinstance(answer, int) else (0, answer)
        os.write(descriptor, _OUT.pack(_OUT.size + len(body), number, unique) + body)


#: What is answered whatever is asked: None where nothing is expected.
_ANSWERS = {
    _INIT: struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 16, 0, 12, 9, 1 << 16, 1, 0, 0, 0),
    **dict.fromkeys((_OPEN, _OPENDIR), bytes(16)),
    **dict.fromkeys((_RELEASE, _RELEASEDIR, _FLUSH), b""),
    **dict.fromkeys((_FORGET, _BATCH_FORGET)),
}


def _answer(
    operation: int, node: int, request: bytes, name: bytes, data: bytes
) -> bytes | int | None:
    """Return the answer, or an error's number."""
    if operation == _LOOKUP and request.rstrip(b"\0") == name:
        return struct.pack("<QQQQII", _FILE, 0, _VALID, _VALID, 0, 0) + _attributes(_FILE, data)
    if operation == _GETATTR:
        return struct.pack("<QII", _VALID, 0, 0) + _attributes(node, data)
    if operation == _READ:
        _, offset, size = struct.unpack_from("<QQI", request)
        return data[offset : offset + size]
    missing = errno.ENOENT if operation == _LOOKUP else errno.ENOSYS
    return _ANSWERS.get(operation, missing)


def _attributes(node: int, data: bytes) -> bytes:
    """Return what stat(2) is told: everything is root's, and nobody else can write to it."""
    is_root = node == _ROOT
    size = 0 if is_root else len(data)
    mode = stat.S_IFDIR | 0o755 if is_root else stat.S_IFREG | 0o644
    return struct.pack("<QQQQQQIIIIIIIIII", node, size, 1, *6 * (1,), mode, 1, 0, 0, 0, 4096, 0)
