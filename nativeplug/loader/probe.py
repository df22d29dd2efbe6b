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
from nativeplug.loader.child_programs import load, path_of
from nativeplug.loader.messages import in_users_words
from nativeplug.loader.options import SECONDS
from nativeplug.loader.private_copy import Image

#: For how many seconds at most what they have left to other threads is waited for.
_MOST = 1.0

_PROGRAM: Final = path_of("load")
#: What constructors may have altered, by its bit.
_ALTERED: Final = {
    load.DENORMALS: "its constructors make denormal numbers zero, in the thread that loads it "
    "(-ffast-math?)",
    load.ROUNDING: "its constructors change how numbers are rounded, in the thread that loads it",
}


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
    try:
        arguments = child.ANSWER, name, flags, int(unloads), _MOST
        ended = child.run(_PROGRAM, *arguments, data=data, seconds=SECONDS)
    except child.ChildError as error:
        raise _cannot_probe(path, str(error)) from None
    mark, bits, *_ = ended.output.ljust(2, b"\0")
    text = ended.output[2:].rstrip(b"\0")
    words = ended.ending
    if ended.last_words:
        words += f": {in_users_words(ended.last_words, name, path)}"
    if mark == load.BEGUN:
        return Probed(f"loading it in a process of its own ended that: {words}")
    if mark not in {load.RETURNED, load.UNLOADED}:
        raise _cannot_probe(path, f"Python {words}")
    refusal = in_users_words(os.fsdecode(text), name, path) or None
    death = None
    if unloads and mark == load.RETURNED and refusal is None:
        death = f"unloading it in a process of its own ended that: {words}"
    altered = tuple(text for bit, text in _ALTERED.items() if bits & bit)
    return Probed(death, refusal, altered)


def _cannot_probe(path: str, reason: str) -> OpenError:
    reason = f"cannot probe it: {reason}; probe=False does without"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
