"""
Put a section into an ELF file without touching what is mapped of it.

The section, the names of all sections and the headers of all sections are written behind the
rest of the file; the ELF header's e_shoff, e_shnum and e_shstrndx, which the dynamic loader never
reads, are all that changes in what was there. ``objcopy --add-section`` is no substitute: it lays
the whole file out anew, and not every machine has it.
"""

from __future__ import annotations

import struct

from nativeplug.load import sections
from nativeplug.load.layout import Target, find_segments, read_header
from nativeplug.load.sections import SHF_ALLOC, Section, Table

_SHT_PROGBITS = 1
_ET_DYN = 3
# In the ELF header: e_shoff, and e_shnum with e_shstrndx behind it.
_OFFSET_AT, _COUNT_AT = {32: (32, "I"), 64: (40, "Q")}, {32: 48, 64: 60}
# Section headers lie where a 64 bit linker would put them.
_ALIGNMENT = 8


class SectionError(Exception):
    """A file cannot take a section; the text says why."""


def with_section(data: bytes, name: str, content: bytes) -> bytes:
    """
    Return an ELF file with a section that is not loaded.

    A section of that name is replaced; to do it twice is the same as to do it once.

    Args:
        data: The file: a shared object, for whatever machine.
        name: The section's name.
        content: What it is to hold.

    Raises:
        SectionError: The file has no section headers, or none that could be extended.
    """
    table = _table_of(data)
    headers = table.read(data)
    names, old = table.header(data, table.names), sections.find(data, name)
    if names.end > len(data) or names.flags & SHF_ALLOC or (old and old.flags & SHF_ALLOC):
        raise SectionError(f"its names of sections, or its section {name}, are part of the program")
    texts = data[names.offset : names.end]
    if old is None:
        old = Section(len(texts), *[0] * (len(Section._fields) - 1))
        headers.append(old)
        texts += name.encode() + b"\0"
    kept = data[: _end_of_kept(data, table, names, old)]
    at = len(kept)
    new = Section(old.name, _SHT_PROGBITS, 0, 0, at, len(content), 0, 0, 1, 0)
    headers[headers.index(old)] = new
    headers[table.names] = names._replace(offset=new.end, size=len(texts))
    padding = bytes(-(new.end + len(texts)) % _ALIGNMENT)
    written = b"".join(table.layout.pack(*header) for header in headers)
    made = bytearray(b"".join([kept, content, texts, padding]))
    _point(made, table, len(headers))
    return bytes(made + written)


def _table_of(data: bytes) -> Table:
    """Return where a shared object's section headers are."""
    target = Target.of(data)
    if target is None or len(data) < target.header_size:
        raise SectionError("it is not an ELF file")
    if read_header(data, target).kind != _ET_DYN:
        raise SectionError("it is not a shared object")
    table = Table.of(data)
    if table is None:
        raise SectionError(
            "it has no section headers, or damaged ones; was it stripped of them (sstrip), "
            "or is it truncated?"
        )
    return table


def _end_of_kept(data: bytes, table: Table, names: Section, own: Section) -> int:
    """Return where the file ends but for what `with_section` has put there before."""
    ours = {own, names}
    others = [each.end for each in table.read(data) if each not in ours]
    others += [segment.end for segment in find_segments(data)]
    is_ours = own.end == names.offset <= table.offset < names.end + _ALIGNMENT
    if own.offset >= max(others) and is_ours and table.end == len(data):
        return own.offset
    return len(data)


def _point(made: bytearray, table: Table, count: int) -> None:
    """Make the ELF header lead to headers behind *made*."""
    order, size = table.target.byte_order, table.target.word_size
    offset_at, form = _OFFSET_AT[size]
    struct.pack_into(order + form, made, offset_at, len(made))
    struct.pack_into(order + "HH", made, _COUNT_AT[size], count, table.names)
