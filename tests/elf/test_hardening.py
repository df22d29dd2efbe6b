"""What files ask of the dynamic loader for their own protection."""

from __future__ import annotations

import struct

import pytest

from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.hardening import WANTED, find_missing
from support import EXPORTS_C, Compile, patched

ALL = frozenset(WANTED)


def missing(data: bytes, wanted: frozenset[str] = ALL) -> list[str]:
    """Return the names of what is missing."""
    names = {reason: name for name, reason in WANTED.items()}
    return [names[reason] for reason in find_missing(data, wanted)]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["-z,noexecstack", "-z,relro", "-z,now"], []),
        (["-z,execstack", "-z,relro", "-z,now"], ["nx"]),
        (["-z,noexecstack", "-z,norelro", "-z,now"], ["relro"]),
        (["-z,noexecstack", "-z,relro", "-z,lazy"], ["bind_now"]),
        (["-z,execstack", "-z,norelro", "-z,lazy"], ["nx", "relro", "bind_now"]),
    ],
)
def test_linked(flags: list[str], expected: list[str], compile_c: Compile) -> None:
    """What the linker was told is found, and what it was not told is missing."""
    linker = [f"-Wl,{flag}" for flag in flags]
    assert expected == missing(compile_c(EXPORTS_C, *linker).read_bytes())


def test_each_way_to_say_it(compile_c: Compile) -> None:
    """One of the entries by which linkers say that functions are bound at once is enough."""
    data = compile_c(EXPORTS_C, "-Wl,-z,now").read_bytes()
    flags = {struct.pack("=QQ", tag, bit): tag for tag, bit in ((30, 0x8), (0x6FFFFFFB, 0x1))}
    assert all(data.count(entry) == 1 for entry in flags)
    without = {entry: struct.pack("=QQ", tag, 0) for entry, tag in flags.items()}
    neither = data
    for entry, empty in without.items():
        assert [] == missing(data.replace(entry, empty), frozenset({"bind_now"}))
        neither = neither.replace(entry, empty)
    assert ["bind_now"] == missing(neither, frozenset({"bind_now"}))


def test_text_relocations(compile_c: Compile) -> None:
    """A file that says that it writes to its code is one that does."""
    text = EXPORTS_C + '__asm__(".text\\n.quad add\\n");'
    data = compile_c(text, "-Wl,-z,notext,-z,now").read_bytes()
    assert ["no_textrel"] == missing(data)


def test_wanted(compile_c: Compile) -> None:
    """Only what is wanted is missed, and what to do about it is said."""
    data = compile_c(EXPORTS_C, "-Wl,-z,execstack,-z,lazy").read_bytes()
    reason = "it asks for an executable stack: link it with -z noexecstack"
    assert [reason] == [*find_missing(data, frozenset({"nx"}))]
    assert [] == [*find_missing(data, frozenset())]


def test_no_stack_header(elf_bytes: bytes) -> None:
    """A file that says nothing of its stack may be given an executable one."""
    file = ElfFile.of(elf_bytes)
    header, kinds = file.header, [segment.kind for segment in file.segments]
    place = header.segments_offset + header.segment_size * kinds.index(0x6474E551)
    assert [] == missing(elf_bytes, frozenset({"nx"}))
    assert ["nx"] == missing(patched(elf_bytes, place, "=I", 0), frozenset({"nx"}))


@pytest.mark.parametrize("data", [b"", b"no plugin", b"\x7fELF" + bytes(60)])
def test_none(data: bytes) -> None:
    """What is no plugin has nothing."""
    assert [*WANTED] == missing(data)
