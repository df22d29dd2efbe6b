"""Damages of a plugin's ELF header and program headers."""

from __future__ import annotations

import struct
from collections.abc import Callable

from elf_parts import (
    HUGE,
    OUTSIDE,
    P_ALIGN,
    P_FILESZ,
    P_FLAGS,
    P_MEMSZ,
    P_OFFSET,
    P_VADDR,
    PT_GNU_EH_FRAME,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_NOTE,
    PT_PHDR,
    PT_TLS,
    Damage,
    Made,
    Parts,
)
from nativeplug.elf.numbers import PT_DYNAMIC, PT_LOAD
from support import E_PHOFF

_NUL = 0
_PROPERTIES = 5  # NT_GNU_PROPERTY_TYPE_0
_BAD_DYNAMIC = "damaged: the dynamic section "
_NOT_LOADED = "not in a segment that is loaded"


def _flag_of(kind: int, flags: int) -> Callable[[Parts], Made]:
    return lambda f: f.put(f.segment(kind) + P_FLAGS, "I", flags, at=f.segment(kind))


def _field(kind: int, field: int, value: int) -> Callable[[Parts], Made]:
    return lambda f: f.put(f.segment(kind) + field, "Q", value, at=f.segment(kind))


def _writable(field: int, value: int) -> Callable[[Parts], Made]:
    return lambda f: f.put(f.writable() + field, "Q", value, at=f.writable())


def _too_many_loads(f: Parts) -> Made:
    more = b"".join(
        struct.pack("<IIQQQQQQ", PT_LOAD, 6, 0, 0x100_0000 + n * 0x1000, 0, 0, 1, 0x1000)
        for n in range(65)
    )
    made = f.with_headers(more, 65)
    loads = sum(segment.kind == PT_LOAD for segment in f.segments)
    return made.data, made.segment(PT_LOAD, 64 if loads < 64 else 0)


def _read_only(f: Parts) -> Made:
    """Let the writable segment be one that is not, without the zeros after it."""
    size = f.word(f.writable() + P_FILESZ)
    made = Parts(f.put(f.writable() + P_MEMSZ, "Q", size)[0])
    return made.put(f.writable() + P_FLAGS, "I", 4, at=f.segment(PT_DYNAMIC))


HEADER = (
    Damage("ELF version in e_ident", "damaged: ELF version 9", lambda f: f.put(6, "B", 9)),
    Damage("OS ABI", r"built for another .* \(ELF OS ABI 9\)", lambda f: f.put(7, "B", 9)),
    Damage("padding", "damaged: .* padding is not zero", lambda f: f.put(12, "B", 9, at=8)),
    Damage("ELF version", "damaged: ELF version 7", lambda f: f.put(20, "I", 7)),
    Damage("size of the header", "damaged: .* header of 60 bytes", lambda f: f.put(52, "H", 60)),
    Damage(
        "many program headers",
        "damaged: it has 6.. program headers",
        lambda f: (f.with_headers(bytes(56 * 600), 600).data, 56),
    ),
    Damage(
        "place of the program headers",
        "damaged: the program headers are at byte 0x[0-9a-f]+",
        lambda f: (f.with_headers(shift=4).data, E_PHOFF),
    ),
)
LOADS = (
    Damage(
        "more in the file than in memory",
        "damaged: a segment has more bytes in the file than in memory",
        _field(PT_LOAD, P_MEMSZ, 1),
    ),
    Damage(
        "fewer in the file than in memory",
        "damaged: a segment that is not writable has fewer bytes in the file than in memory",
        lambda f: f.put(f.segment(PT_LOAD, 1) + P_FILESZ, "Q", 16, at=f.segment(PT_LOAD, 1)),
    ),
    Damage(
        "same bytes",
        "damaged: a segment shares bytes of the file with another",
        lambda f: f.put(f.segment(PT_LOAD, 1) + P_OFFSET, "Q", 0, at=f.segment(PT_LOAD, 1)),
    ),
    Damage("large segment", "damaged: .* too large for any .*", _writable(P_MEMSZ, 1 << 48)),
    Damage("alignment", "damaged: .* not aligned to pages", _field(PT_LOAD, P_ALIGN, 3)),
    Damage("page", "damaged: .* not aligned to pages", _writable(P_VADDR, 1)),
    Damage(
        "writable and executable",
        "not safe: a segment is writable and executable",
        lambda f: f.put(f.writable() + P_FLAGS, "I", 7, at=f.writable()),
    ),
    Damage(
        "overlap",
        "damaged: a segment overlaps the one before, or is out of order",
        lambda f: f.put(
            f.writable() + P_VADDR, "Q", f.word(f.writable() + P_OFFSET) % 4096, at=f.writable()
        ),
    ),
    Damage("many segments", "damaged: it has more than 64 segments", _too_many_loads),
)
SEGMENTS = (
    Damage(
        "two dynamic sections",
        "damaged: it has two dynamic sections",
        lambda f: f.copy_segment(PT_DYNAMIC, PT_NOTE),
    ),
    Damage("place of it", f"{_BAD_DYNAMIC}is {_NOT_LOADED}", _field(PT_DYNAMIC, P_VADDR, OUTSIDE)),
    Damage(
        "written dynamic section",
        f"{_BAD_DYNAMIC}is writable, its segment is not",
        _read_only,
    ),
    Damage(
        "two TLS segments",
        "damaged: it has two segments of thread-local variables",
        lambda f: f.copy_segment(PT_TLS, PT_GNU_EH_FRAME),
    ),
    Damage("values of TLS", f"damaged: .* are {_NOT_LOADED}", _field(PT_TLS, P_VADDR, OUTSIDE)),
    Damage("size of TLS", "damaged: .* are not .* loaded", _field(PT_TLS, P_MEMSZ, 1)),
    Damage("alignment of TLS", "damaged: no thread .*", _field(PT_TLS, P_ALIGN, 3)),
    Damage("no alignment of TLS", "damaged: no thread .*", _field(PT_TLS, P_ALIGN, 0)),
    Damage(
        "RELRO", "damaged: .* not in a writable segment", _field(PT_GNU_RELRO, P_VADDR, OUTSIDE)
    ),
    Damage("length of RELRO", "damaged: .* writable .*", _field(PT_GNU_RELRO, P_MEMSZ, OUTSIDE)),
    Damage("notes", f"damaged: its notes are {_NOT_LOADED}", _field(PT_NOTE, P_VADDR, OUTSIDE)),
    Damage(
        "note",
        "damaged: a note ends after its segment",
        lambda f: f.put(f.content(PT_NOTE) + 4, "I", HUGE, at=f.content(PT_NOTE)),
    ),
    Damage(
        "notes nobody can read",
        f"damaged: its notes are {_NOT_LOADED}",
        lambda f: f.put(f.segment(PT_LOAD) + P_FLAGS, "I", 0, at=f.segment(PT_NOTE)),
    ),
    Damage(
        "notes in memory",
        f"damaged: its notes are {_NOT_LOADED}",
        _field(PT_NOTE, P_MEMSZ, OUTSIDE),
    ),
    Damage(
        "note with properties",
        "damaged: a note with properties has 0 bytes",
        lambda f: f.put(f.content(PT_NOTE) + 4, "II", 0, _PROPERTIES, at=f.content(PT_NOTE)),
    ),
    Damage("unwinding", "damaged: its unwind .*", _field(PT_GNU_EH_FRAME, P_VADDR, OUTSIDE)),
    Damage(
        "own place",
        "damaged: the program headers are not where they say",
        lambda f: f.put(f.segment(PT_GNU_EH_FRAME), "I", PT_PHDR),
    ),
    Damage("executable stack", "not safe: it asks for an .*", _flag_of(PT_GNU_STACK, 7)),
    Damage(
        "no word on the stack",
        "not safe: it lacks PT_GNU_STACK, .* -z noexecstack",
        lambda f: f.put(f.segment(PT_GNU_STACK), "I", _NUL, at=f.word(E_PHOFF)),
    ),
)
