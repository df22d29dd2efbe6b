"""The sections of a file are found by name, and damage is as if there were none."""

from __future__ import annotations

import io

import pytest
from elftools.elf.elffile import ELFFile

from nativeplug.elf import sections
from nativeplug.elf.sections import Section
from support import E_MACHINE, E_SHOFF, patched

E_SHENTSIZE, E_SHNUM, E_SHSTRNDX = 58, 60, 62


def test_find(elf_bytes: bytes) -> None:
    """Every section is found where pyelftools sees it; one that shares its end is not it."""
    for section in ELFFile(io.BytesIO(elf_bytes)).iter_sections():
        if section.name:
            header = section.header
            found = sections.find(elf_bytes, section.name)
            assert found is not None
            assert (header["sh_offset"], header["sh_size"]) == (found.offset, found.size)
    assert sections.find(elf_bytes, ".rela.dyn") is not None
    assert None is sections.find(elf_bytes, ".dyn")
    assert None is sections.find(elf_bytes, ".dynsy")


def test_end() -> None:
    """A section without bytes in the file, such as .bss, ends where it begins."""
    zeros = Section(0, sections.SHT_NOBITS, 0, 0, 64, 8, 0, 0, 1, 0)
    assert (64, 72) == (zeros.end, zeros._replace(kind=1).end)


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [
        (E_SHOFF, "<Q", 0),
        (E_SHOFF, "<Q", 1 << 63),
        (E_SHENTSIZE, "<H", 40),
        (E_SHNUM, "<H", 0),
        (E_SHNUM, "<H", 0xFEFF),
        (E_SHSTRNDX, "<H", 0xFFFF),
        (0, "B", 0),
        (4, "B", 3),
    ],
)
def test_damaged(elf_bytes: bytes, offset: int, form: str, value: int) -> None:
    """A file without section headers, or with such that are not there, has no sections."""
    assert None is sections.find(patched(elf_bytes, offset, form, value), ".text")


def test_names_elsewhere(elf_bytes: bytes) -> None:
    """Names that lie behind the file's end are no names."""
    table = sections.SectionTable.of(elf_bytes)
    assert table is not None
    at = table.offset + table.names * table.layout.size + 24
    assert None is sections.find(patched(elf_bytes, at, "<Q", 1 << 62), ".text")


def test_short() -> None:
    """What is too short for an ELF header has no sections."""
    assert None is sections.SectionTable.of(b"\x7fELF\2\1\1" + bytes(20))
    assert None is sections.find(b"", ".text")


def test_other_machines(elf_bytes: bytes) -> None:
    """Files for other machines are read like any other."""
    data = patched(elf_bytes, E_MACHINE, "<H", 183)
    assert sections.find(elf_bytes, ".text") == sections.find(data, ".text") != None  # noqa: E711
