"""What a plugin's file asks of the dynamic loader for its own protection, elf(5), ld(1) -z."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nativeplug.elf import layout

if TYPE_CHECKING:
    from nativeplug.elf.layout import File

_PT_GNU_STACK = 0x6474E551
_DT_TEXTREL, _DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 22, 24, 30, 0x6FFFFFFB
_DF_TEXTREL, _DF_BIND_NOW, _DF_1_NOW = 0x4, 0x8, 0x1

#: What can be wanted, and what to say where it is missing.
WANTED: Final = {
    "nx": "it asks for an executable stack: link it with -z noexecstack",
    "relro": "what it relocates stays writable: link it with -z relro",
    "bind_now": "it binds its functions late: link it with -z now",
    "no_textrel": "it writes to its code while it is relocated: compile it with -fPIC",
}


def find_missing(data: File, wanted: frozenset[str]) -> Iterator[str]:
    """Say what a file has not of what is wanted, a reason each; damaged files have nothing."""
    missing = wanted - _found(data)
    yield from (reason for name, reason in WANTED.items() if name in missing)


def _found(data: File) -> set[str]:
    target = layout.Target.of(data)
    segments = layout.find_segments(data)
    if target is None:
        return set()
    found = set()
    stacks = [segment for segment in segments if segment.kind == _PT_GNU_STACK]
    # Without one the loader takes the machine's default, which may be an executable stack.
    if stacks and not any(segment.flags & layout.PF_X for segment in stacks):
        found.add("nx")
    if any(segment.kind == layout.PT_GNU_RELRO and segment.size for segment in segments):
        found.add("relro")
    entries = [*layout.iter_dynamic(data, target, segments)]
    if _has_flag(entries, _DT_BIND_NOW, {_DT_FLAGS: _DF_BIND_NOW, _DT_FLAGS_1: _DF_1_NOW}):
        found.add("bind_now")
    if entries and not _has_flag(entries, _DT_TEXTREL, {_DT_FLAGS: _DF_TEXTREL}):
        found.add("no_textrel")
    return found


def _has_flag(entries: list[tuple[int, int]], tag: int, bits: dict[int, int]) -> bool:
    """Tell whether a flag is set, by an entry of its own or by a bit of another."""
    return any(found == tag or value & bits.get(found, 0) for found, value in entries)
