"""
Whether everything that the dynamic loader would follow in a file leads somewhere: in C.

The loader follows a file without looking, and a damaged one kills the process. `find_defect`
walks through all of it before: csrc/dl/check.h tells what, and in which order.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nativeplug._dl import ffi, lib
from nativeplug.load.layout import Target

if TYPE_CHECKING:
    from nativeplug.load.layout import Bytes

_X86_64: Final = Target(62, 64, "<")
_AARCH64: Final = Target(183, 64, "<")
# The numbers of a file are read as the process has them.
_CHECKED: Final = frozenset({_X86_64, _AARCH64}) if sys.byteorder == "little" else frozenset()
#: The C libraries that files are for, and what stands for any of them.
LIBCS: Final = {"glibc": lib.NP_LIBC_GNU, "musl": lib.NP_LIBC_MUSL}
ANY_LIBC: Final = lib.NP_LIBC_ANY


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a file cannot be loaded."""

    #: In words, one line.
    text: str
    #: Where in the file it was found, in bytes; None where it is not in one place.
    offset: int | None = None
    #: A part of the file is missing.
    is_cut: bool = False

    def __str__(self) -> str:
        """Return the words."""
        return self.text


def is_checked(target: Target) -> bool:
    """Tell whether files for a target are checked."""
    return target in _CHECKED


def host_libc() -> str:
    """Return which libc this process has, by its name in `LIBCS`."""
    number = lib.np_check_libc()
    return next(name for name in LIBCS if LIBCS[name] == number)


def find_defect(data: Bytes, target: Target, libc: int | None = None) -> Defect | None:
    """
    Say what the dynamic loader would stumble over in a file.

    Never raises, whatever the bytes are; runs without the GIL, and takes a time that is
    linear in the size of the file. Safe to call from several threads.

    Args:
        data: The whole file.
        target: What it is for. Other files than those for x86-64 and AArch64 are not checked.
        libc: What it is for, one of `LIBCS` or `ANY_LIBC`; None for this process's.

    Returns:
        The first finding; None when there is none.
    """
    if not is_checked(target):
        return None
    found: Any = ffi.new("struct np_finding *")
    if libc is None:
        libc = lib.np_check_libc()
    if lib.np_check(ffi.from_buffer("uint8_t[]", data), len(data), target.machine, libc, found):
        return None
    text = os.fsdecode(ffi.string(found.text))
    return Defect(f"{text} (byte 0x{found.offset:x})", found.offset)
