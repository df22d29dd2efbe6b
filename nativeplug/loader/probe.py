"""
The probe: a private copy is loaded in a process of its own first, to see whether that survives.

Constructors may do anything, and a file whose structure is right may still lead the dynamic
loader astray. What ends that process would have ended this one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from nativeplug.errors import OpenError
from nativeplug.loader import child, dlopen
from nativeplug.loader.messages import in_users_words
from nativeplug.loader.private_copy import Image

#: How long the constructors may take.
SECONDS = 30.0

# As the parent will: by C's dlopen, without the GIL. The answer is memory, as constructors may
# close every descriptor; and a process that they fork has nothing to say. Go runs the init
# functions of all packages in a thread: they are waited for as np_dl_wait_for_go does, by a call
# into Go of a C function that does nothing. What constructors leave to other threads is waited
# for, while those are busy, but not for ever. Python's own end is not run.
_CODE: Final = """
import contextlib, time
def find(handle, symbol, result, *arguments):
    address = libc.dlsym(handle, symbol)
    return ctypes.CFUNCTYPE(result, *arguments)(address) if address else None
def wait_for_go(handle):
    wait = find(handle, b"_cgo_wait_runtime_init_done", ctypes.c_size_t)
    call = find(handle, b"crosscall2", None, pointer, pointer, ctypes.c_int, ctypes.c_size_t)
    if wait and call:
        call(ctypes.cast(libc.abs, pointer), None, 0, wait())
def is_busy(thread):
    try:
        with open(f"/proc/self/task/{{thread}}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"R", b"D")
    except OSError:  # it has ended
        return False
def wait():
    if not os.path.isdir("/proc/self/task"):  # nobody can tell
        time.sleep({most})
        return
    quiet, end = 0, time.monotonic() + {most}
    while quiet < {looks} and time.monotonic() < end:
        others = {{*os.listdir("/proc/self/task")}} - {{str(own)}}
        if not others:
            return
        quiet = 0 if any(map(is_busy, others)) else quiet + 1
        time.sleep(0.001)
def keep_others():
    paths = set()
    with contextlib.suppress(OSError), open("/proc/self/maps", "rb") as file:
        paths = {{line.split(None, 5)[-1].rstrip() for line in file if b".so" in line}}
    for path in paths - {{os.path.realpath({name!r})}}:
        libc.dlopen(path, os.RTLD_LAZY | os.RTLD_NOLOAD | os.RTLD_NODELETE)
def altered():
    one, some, tiny = map(float, ("1", "1e-20", "1e-310"))
    is_nearest = (one + some, one - some, -one - some) == (1.0, 1.0, -1.0)
    return {denormals} * (tiny / 2 == 0.0) | {rounding} * (not is_nearest)
os.environ["NATIVEPLUG_PROBE"] = "1"
os.ftruncate({answer}, {size})
answer, own, pointer = mmap.mmap({answer}, {size}), os.getpid(), ctypes.c_void_p
libc = ctypes.CDLL(None)
libc.dlopen.restype, libc.dlerror.restype, libc.dlsym.restype = pointer, ctypes.c_char_p, pointer
libc.dlsym.argtypes, libc.dlclose.argtypes = (pointer, ctypes.c_char_p), (pointer,)
answer[0] = {begun}
handle = libc.dlopen({name!r}, {flags})
words = b"" if handle else (libc.dlerror() or b"")[:{size} - 2]
answer[1] = altered()
if os.getpid() == own:
    if handle:
        wait_for_go(handle)
    wait()
    answer[2:2 + len(words)] = words
    answer[0] = {returned}
    if handle and {unloads}:
        keep_others()
        libc.dlclose(handle)
        wait()
        if os.getpid() == own:
            answer[0] = {unloaded}
os._exit(0)
"""
_BEGUN, _RETURNED, _UNLOADED = b"\1", b"\2", b"\3"
_ANSWER_SIZE: Final = 8192
#: What constructors may have altered, by its bit.
_ALTERED: Final = {
    1: "its constructors make denormal numbers zero, in the thread that loads it (-ffast-math?)",
    2: "its constructors change how numbers are rounded, in the thread that loads it",
}
_DENORMALS, _ROUNDING = _ALTERED
#: How many times in a row, a millisecond apart, threads are seen waiting until they count as
#: done; and for how many seconds they are looked at.
_LOOKS, _MOST = 3, 1.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What has become of a copy in a process of its own."""

    #: Why it must not be loaded here; None when the other process has survived that, and
    #: unloading it where that was asked for.
    death: str | None = None
    #: Why the dynamic loader has refused it there; None when it has not.
    refusal: str | None = None
    #: What its constructors have altered of how the thread computes, one text each.
    altered: tuple[str, ...] = ()


def probe_name(path: str, name: str, *, flags: int = dlopen.FLAGS) -> Probed:
    """
    Load what has a name in a process of its own, and never unload it there.

    That process looks for a system library by its soname, with the same environment.

    Args:
        path: The user's path or soname, for words.
        name: What to give to dlopen(3).
        flags: As it will be loaded; see dlopen(3).

    Raises:
        OpenError: This cannot be found out.
    """
    return _load_elsewhere(path, name, b"", unloads=False, flags=flags)


def probe_copy(
    path: str,
    copy: Image,
    *,
    unloads: bool,
    flags: int = dlopen.FLAGS,
) -> Probed:
    """
    Load a private copy in a process of its own; other threads run meanwhile.

    The constructors run there with ``NATIVEPLUG_PROBE=1`` in their environment. A refusal of the
    dynamic loader's is no death: it may find in this process what is missing in the other.

    Args:
        path: The user's path, for words.
        copy: What will be loaded.
        unloads: Unload it there as well: its destructors run.
        flags: As it will be loaded; see dlopen(3).

    Raises:
        OpenError: This cannot be found out.
    """
    if copy.descriptor is not None:
        name = f"/proc/self/fd/{child.DATA}"
        return _load_elsewhere(path, name, copy.descriptor, unloads=unloads, flags=flags)
    return _load_elsewhere(path, copy.name, b"", unloads=unloads, flags=flags)


def _load_elsewhere(
    path: str, name: str, data: bytes | int, *, unloads: bool, flags: int
) -> Probed:
    """Load what has a name in a process that has this data."""
    code = _CODE.format(
        answer=child.ANSWER,
        size=_ANSWER_SIZE,
        begun=_BEGUN[0],
        returned=_RETURNED[0],
        unloaded=_UNLOADED[0],
        denormals=_DENORMALS,
        rounding=_ROUNDING,
        looks=_LOOKS,
        most=_MOST,
        name=os.fsencode(name),
        flags=flags,
        unloads=unloads,
    )
    try:
        ended = child.run(code, data=data, seconds=SECONDS)
    except child.ChildError as error:
        raise _cannot_probe(path, str(error)) from None
    mark, bits, text = ended.output[:1], ended.output[1:2], ended.output[2:].rstrip(b"\0")
    words = ended.ending
    if ended.last_words:
        words += f": {in_users_words(ended.last_words, name, path)}"
    if mark == _BEGUN:
        return Probed(f"loading it in a process of its own ended that: {words}")
    if mark not in {_RETURNED, _UNLOADED}:
        raise _cannot_probe(path, f"Python {words}")
    refusal = in_users_words(os.fsdecode(text), name, path) or None
    death = None
    if unloads and mark == _RETURNED and refusal is None:
        death = f"unloading it in a process of its own ended that: {words}"
    altered = tuple(text for bit, text in _ALTERED.items() if bits[0] & bit)
    return Probed(death, refusal, altered)


def _cannot_probe(path: str, reason: str) -> OpenError:
    reason = f"cannot probe it: {reason}; probe=False does without"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
