"""
Loads a file and perhaps unloads it again: the probe's process, see `nativeplug.loader.probe`.

It does that as the parent will: by C's dlopen, without the GIL. Its answer is shared memory, as
constructors may close every descriptor.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # as type checkers know it: importing typing takes longer than all of this
if TYPE_CHECKING:
    import ctypes
    from typing import Any

#: How many bytes the answer has: how far it has come, what constructors have altered, and then
#: what the dynamic loader has said against the file.
ANSWER_SIZE = 8192
#: How far it has come: the constructors run; they have returned; the file is unloaded, too.
BEGUN, RETURNED, UNLOADED = 1, 2, 3
#: What constructors may have altered, a bit each: denormal numbers are zero; rounding.
DENORMALS, ROUNDING = 1, 2

#: How many times in a row, a millisecond apart, threads are seen waiting until they count as done.
_LOOKS = 3
_PROC = "/proc/self"


def main(answer: str, name: str, flags: str, unloads: str, patience: str) -> None:
    """
    Load what has a name, and say in the answer how far that went.

    Args:
        answer: The number of the descriptor of the answer, as text.
        name: What to give to dlopen(3).
        flags: The flags of dlopen(3), as text.
        unloads: ``1`` to unload it, too.
        patience: For how many seconds to wait for threads that are busy, as text.
    """
    import ctypes  # not for the parent, which has the numbers above from here
    import mmap

    os.environ["NATIVEPLUG_PROBE"] = "1"
    os.ftruncate(int(answer), ANSWER_SIZE)
    told, own = mmap.mmap(int(answer), ANSWER_SIZE), os.getpid()
    libc = _libc()
    told[0] = BEGUN
    handle = libc.dlopen(os.fsencode(name), int(flags))
    words = b"" if handle else (libc.dlerror() or b"")[: ANSWER_SIZE - 2]
    told[1] = _altered()
    if os.getpid() != own:  # a process that constructors have forked has nothing to say
        return
    if handle:
        _wait_for_go(libc, handle)
    _wait_for_threads(own, float(patience))
    told[2 : 2 + len(words)] = words
    told[0] = RETURNED
    if handle and unloads == "1":
        _keep_others(libc, name)
        libc.dlclose(ctypes.c_void_p(handle))
        _wait_for_threads(own, float(patience))
        if os.getpid() == own:
            told[0] = UNLOADED


def _libc() -> ctypes.CDLL:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.dlopen.restype = libc.dlsym.restype = ctypes.c_void_p
    libc.dlerror.restype = ctypes.c_char_p
    libc.dlsym.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    return libc


def _wait_for_go(libc: ctypes.CDLL, handle: int) -> None:
    """
    Wait until Go has run the init functions of all packages, in a thread of its own.

    As np_dl_wait_for_go does, by a call into Go of a C function that does nothing.
    """
    from ctypes import c_int, c_size_t, c_void_p, cast

    wait = _function(libc, handle, b"_cgo_wait_runtime_init_done", c_size_t)
    call = _function(libc, handle, b"crosscall2", None, c_void_p, c_void_p, c_int, c_size_t)
    if wait and call:
        call(cast(libc.abs, c_void_p), None, 0, wait())


def _function(libc: ctypes.CDLL, handle: int, name: bytes, result: Any, *arguments: Any) -> Any:
    """Return a function of what was loaded; None where there is none."""
    import ctypes

    address = libc.dlsym(handle, name)
    return ctypes.CFUNCTYPE(result, *arguments)(address) if address else None


def _wait_for_threads(own: int, most: float) -> None:
    """Wait for what constructors have left to other threads: while those are busy, with an end."""
    if not os.path.isdir(f"{_PROC}/task"):  # nobody can tell
        time.sleep(most)
        return
    quiet, end = 0, time.monotonic() + most
    while quiet < _LOOKS and time.monotonic() < end:
        others = {*os.listdir(f"{_PROC}/task")} - {str(own)}
        if not others:
            return
        quiet = 0 if any(map(_is_busy, others)) else quiet + 1
        time.sleep(0.001)


def _is_busy(thread: str) -> bool:
    try:
        with open(f"{_PROC}/task/{thread}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in {b"R", b"D"}
    except OSError:  # it has ended
        return False


def _keep_others(libc: ctypes.CDLL, name: str) -> None:
    """Keep all libraries but this one mapped: the parent has them for other reasons, too."""
    try:
        with open(f"{_PROC}/maps", "rb") as file:
            paths = {line.split(None, 5)[-1].rstrip() for line in file if b".so" in line}
    except OSError:  # there is no /proc
        return
    for path in paths - {os.path.realpath(os.fsencode(name))}:
        libc.dlopen(path, os.RTLD_LAZY | os.RTLD_NOLOAD | os.RTLD_NODELETE)


def _altered() -> int:
    """Return what constructors have altered of how this thread computes."""
    one, some, tiny = map(float, ("1", "1e-20", "1e-310"))
    is_nearest = (one + some, one - some, -one - some) == (1.0, 1.0, -1.0)
    return DENORMALS * (tiny / 2 == 0.0) | ROUNDING * (not is_nearest)
