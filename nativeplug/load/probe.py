"""
The probe: a private copy is loaded in a process of its own first, to see whether that survives.

Constructors may do anything, and a file whose structure is right may still lead the dynamic
loader astray. What ends that process would have ended this one.
"""

from __future__ import annotations

import os
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
os.ftruncate({answer}, 1)
answer, own = mmap.mmap({answer}, 1), os.getpid()
dlopen = ctypes.CDLL(None).dlopen
answer[0] = {begun}
dlopen({name!r}, {flags})
if os.getpid() == own:
    wait()
    answer[0] = {returned}
os._exit(0)
"""
_BEGUN, _RETURNED = 1, 2
#: How many times in a row, a millisecond apart, threads are seen waiting until they count as
#: done; and for how many seconds they are looked at.
_LOOKS, _MOST = 3, 1.0


def find_death(path: str, copy: Image, seconds: float = SECONDS) -> str | None:
    """
    Load a private copy in a process of its own; other threads run meanwhile.

    The constructors run there with ``NATIVEPLUG_PROBE=1`` in their environment. A refusal of
    the dynamic loader's is no death: it may find in this process what is missing in the other.

    Args:
        path: The user's path, for words.
        copy: What will be loaded.
        seconds: How long that may take.

    Returns:
        Why it must not be loaded here; None when the other process has survived it.

    Raises:
        OpenError: This cannot be found out.
    """
    name = f"/proc/self/fd/{child.DATA}" if copy.by_descriptor else copy.name
    code = _CODE.format(
        answer=child.ANSWER,
        begun=_BEGUN,
        returned=_RETURNED,
        looks=_LOOKS,
        most=_MOST,
        name=os.fsencode(name),
        flags=lib.RTLD_NOW | lib.RTLD_LOCAL,
    )
    try:
        ended = child.run(
            code, data=copy.descriptor if copy.by_descriptor else b"", seconds=seconds
        )
    except child.ChildError as error:
        raise _cannot_probe(path, str(error)) from None
    if ended.output == bytes([_RETURNED]):
        return None
    words = ended.ending
    if ended.last_words:
        words += f": {in_users_words(ended.last_words, name, path)}"
    if ended.output != bytes([_BEGUN]):
        raise _cannot_probe(path, f"Python {words}")
    return f"loading it in a process of its own ended that: {words}"


def _cannot_probe(path: str, reason: str) -> OpenError:
    reason = f"cannot probe it: {reason}; probe=False does without"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
