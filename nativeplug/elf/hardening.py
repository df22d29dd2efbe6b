"""What a plugin's file asks of the dynamic loader for its own protection, elf(5), ld(1) -z."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.numbers import (
    DF_1_NOW,
    DF_BIND_NOW,
    DF_TEXTREL,
    DT_BIND_NOW,
    DT_FLAGS,
    DT_FLAGS_1,
    DT_TEXTREL,
    PF_X,
    PT_GNU_RELRO,
    PT_GNU_STACK,
)

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

#: What can be wanted, and what to say where it is missing.
WANTED: Final = {
    "nx": "it asks for an executable stack: link it with -z noexecstack",
    "relro": "what it relocates stays writable: link it with -z relro",
    "bind_now": "it binds its functions late: link it with -z now",
    "no_textrel": "it writes to its code while it is relocated: compile it with -fPIC",
}


def find_missing(data: File, wanted: frozenset[str]) -> Iterator[str]:
    """Say what a file has not of what is wanted, a reason each; damaged files have nothing."""
    missing = wanted - _found(data) if wanted else wanted
    yield from (reason for name, reason in WANTED.items() if name in missing)


def _found(data: File) -> set[str]:
    file = ElfFile.find(data)
    if file is None:
        return set()
    found = set()
    stacks = [segment for segment in file.segments if segment.kind == PT_GNU_STACK]
    # Without one the loader takes the machine's default, which may be an executable stack.
    if stacks and not any(segment.flags & PF_X for segment in stacks):
        found.add("nx")
    if any(segment.kind == PT_GNU_RELRO and segment.size for segment in file.segments):
        found.add("relro")
    if _has_flag(file, DT_BIND_NOW, {DT_FLAGS: DF_BIND_NOW, DT_FLAGS_1: DF_1_NOW}):
        found.add("bind_now")
    if file.dynamic and not _has_flag(file, DT_TEXTREL, {DT_FLAGS: DF_TEXTREL}):
        found.add("no_textrel")
    return found


def _has_flag(file: ElfFile, tag: int, bits: dict[int, int]) -> bool:
    """Tell whether a flag is set, by an entry of its own or by a bit of another."""
    return any(found == tag or value & bits.get(found, 0) for found, value in file.dynamic)
