"""
The sections of an ELF file, which linkers and debuggers use and loading does not.

A file may have none, or headers that lead nowhere: the dynamic loader never looks. So damage
here is no reason to refuse a file; there is then nothing to be found. Names and numbers as in
elf(5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nativeplug.elf.layout import Target

if TYPE_CHECKING:
    from nativeplug.elf.layout import Bytes, File

SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_DYNSYM = 2, 3, 4, 8, 11
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 0x2, 0x4, 0x800

_TABLE = {32: "32xI10xHHH", 64: "40xQ10xHHH"}
_SECTION = {32: "IIIIIIIIII", 64: "IIQQQQIIQQ"}
# SHN_LORESERVE: from here on e_shnum says it otherwise, for object files of thousands of units.
_MOST = 0xFF00


class Section(NamedTuple):
    """One section header, with the fields of elf(5) in their order."""

    #: Where in the names its name begins.
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def end(self) -> int:
        """Where in the file it ends; one that has no bytes there ends where it begins."""
        return self.offset if self.kind == SHT_NOBITS else self.offset + self.size


@dataclass(frozen=True, slots=True)
class SectionTable:
    """Where a file's section headers are."""

    target: Target
    offset: int
    count: int
    #: The number of the section that holds the names.
    names: int

    @classmethod
    def of(cls, data: Bytes) -> SectionTable | None:
        """Return the table of a file; None when there is none, or none that lies in the file."""
        target = Target.of(data)
        if target is None or len(data) < target.header_size:
            return None
        form = target.byte_order + _TABLE[target.word_size]
        offset, size, count, names = struct.unpack_from(form, data)
        table = cls(target, offset, count, names)
        fits = offset and size == table.layout.size and offset + count * size <= len(data)
        return table if fits and names < count < _MOST else None

    @property
    def layout(self) -> struct.Struct:
        """How one section header is laid out."""
        return struct.Struct(self.target.byte_order + _SECTION[self.target.word_size])

    @property
    def end(self) -> int:
        """Where in the file it ends."""
        return self.offset + self.count * self.layout.size

    def header(self, data: Bytes, number: int) -> Section:
        """Return one section header."""
        return Section._make(self.layout.unpack_from(data, self.offset + number * self.layout.size))

    def read(self, data: Bytes) -> list[Section]:
        """Return the section headers."""
        rows = self.layout.iter_unpack(memoryview(data)[self.offset : self.end])
        return [*map(Section._make, rows)]


def find(data: File, name: str) -> Section | None:
    """
    Return the first section of that name; None when there is none.

    Never raises, and costs microseconds. That the section lies in the file is not checked.

    Args:
        data: The whole file.
        name: The section's name: ``.debug_info``.
    """
    table = SectionTable.of(data)
    if table is None:
        return None
    wanted = name.encode() + b"\0"
    names = table.header(data, table.names)
    if data.find(wanted, names.offset, names.end) < 0:
        return None
    for section in table.read(data):
        start = names.offset + section.name
        if data[start : start + len(wanted)] == wanted:
            return section
    return None
