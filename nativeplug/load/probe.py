"""
The probe: a private copy is loaded in a process of its own first, to see whether that survives.

Constructors may do anything, and a file whose structure is right may still lead the dynamic
loader astray. What ends that process would have ended this one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from nativeplug._dl import lib
from nativeplug.errors import OpenError
from nativeplug.load import child
from nativeplug.load.image import Image
from nativeplug.load.words import in_users_words

#: How long the constructors may take.
SECONDS: Final = 30.0

# As the parent will: by C's dlopen, without the GIL. The answer is memory, as constructors may
# close every descriptor; and a process that they fork has nothing to say. What they leave to
# threads is waited for, while those are busy, but not for ever: Go's runtime, and the init
# functions of all packages, run in one. Nothing runs at the end, neither destructors nor Python's.
_CODE: Final = """
import time
def is_busy(thread):
    try:
        with open(f"/proc/self/task/{{thread}}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"R", b"D")
    except OSError:  # it has ended
        return False
def wait():
    quiet, end = 0, time.monotonic() + {most}
    while quiet < {looks} and time.monotonic() < end:
        others = {{*os.listdir("/proc/self/task")}} - {{str(own)}}
        if not others:
            return
        quiet = 0 if any(map(is_busy, others)) else quiet + 1
        time.sleep(0.001)
os.environ["NATIVEPLUG_PROBE"] = "1"
os.ftruncate({answer}, {size})
answer, own = mmap.mmap({answer}, {size}), os.getpid()
libc = ctypes.CDLL(None)
libc.dlopen.restype, libc.dlerror.restype = ctypes.c_void_p, ctypes.c_char_p
answer[0] = {begun}
words = b"" if libc.dlopen({name!r}, {flags}) else (libc.dlerror() or b"")[:{size} - 1]
if os.getpid() == own:
    wait()
    answer[1:1 + len(words)] = words
    answer[0] = {returned}
os._exit(0)
"""
_BEGUN, _RETURNED = 1, 2
_ANSWER_SIZE: Final = 8192
#: How many times in a row, a millisecond apart, threads are seen waiting until they count as
#: done; and for how many seconds they are looked at.
_LOOKS, _MOST = 3, 1.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What has become of a copy in a process of its own."""

    #: Why it must not be loaded here; None when the other process has survived it.
    death: str | None
    #: Why the dynamic loader has refused it there; None when it has not.
    refusal: str | None = None


def find_death(path: str, copy: Image, seconds: float = SECONDS) -> str | None:
    """
    Return why a private copy must not be loaded here; see `probe`.

    A refusal of the dynamic loader's is no death: it may find in this process what is missing
    in the other.
    """
    return probe(path, copy, seconds).death


def find_system_death(soname: str, seconds: float = SECONDS) -> str | None:
    """
    Return why a system library must not be loaded here: a process of its own has died of it.

    That process looks for it by its name, with the same environment.

    Raises:
        OpenError: This cannot be found out.
    """
    return _load_elsewhere(soname, soname, b"", seconds).death


def probe(path: str, copy: Image, seconds: float = SECONDS) -> Probed:
    """
    Load a private copy in a process of its own; other threads run meanwhile.

    The constructors run there with ``NATIVEPLUG_PROBE=1`` in their environment.

    Args:
        path: The user's path, for words.
        copy: What will be loaded.
        seconds: How long that may take.

    Raises:
        OpenError: This cannot be found out.
    """
    if copy.by_descriptor:
        return _load_elsewhere(path, f"/proc/self/fd/{child.DATA}", copy.descriptor, seconds)
    return _load_elsewhere(path, copy.name, b"", seconds)


def _load_elsewhere(path: str, name: str, data: bytes | int, seconds: float) -> Probed:
    """Load what has a name in a process that has this data."""
    code = _CODE.format(
        answer=child.ANSWER,
        size=_ANSWER_SIZE,
        begun=_BEGUN,
        returned=_RETURNED,
        looks=_LOOKS,
        most=_MOST,
        name=os.fsencode(name),
        flags=lib.RTLD_NOW | lib.RTLD_LOCAL,
    )
    try:
        ended = child.run(code, data=data, seconds=seconds)
    except child.ChildError as error:
        raise _cannot_probe(path, str(error)) from None
    mark, text = ended.output[:1], ended.output[1:].rstrip(b"\0")
    if mark == bytes([_RETURNED]):
        refusal = in_users_words(os.fsdecode(text), name, path)
        return Probed(None, refusal or None)
    words = ended.ending
    if ended.last_words:
        words += f": {in_users_words(ended.last_words, name, path)}"
    if mark != bytes([_BEGUN]):
        raise _cannot_probe(path, f"Python {words}")
    return Probed(f"loading it in a process of its own ended that: {words}")


def _cannot_probe(path: str, reason: str) -> OpenError:
    reason = f"cannot probe it: {reason}; probe=False does without"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
