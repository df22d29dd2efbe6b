"""
What a file tells the dynamic loader, read in microseconds: what it exports, what it takes.

This is on the path of ``open`` and of updates, while other threads call plugins.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativeplug.elf import defects
from nativeplug.elf.elffile import AddressRanges, DamagedError, ElfFile, Segment
from nativeplug.elf.numbers import (
    DF_1_NODELETE,
    DT_FLAGS_1,
    PF_W,
    PT_GNU_RELRO,
    PT_LOAD,
    SHN_ABS,
    SHN_UNDEF,
    STB_GNU_UNIQUE,
    STT_NOTYPE,
)
from nativeplug.elf.symbols import GO_RUNTIME, KINDS, LINKER_NAMES, kind_by_place

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File
    from nativeplug.elf.symbols import Kind


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What a file tells the dynamic loader, and that it is Go's or Rust's."""

    #: It was linked by Go, and brings a Go runtime.
    is_go: bool
    #: The Rust compiler has made some of it.
    is_rust: bool
    #: It asks not to be unloaded (DF_1_NODELETE).
    stays: bool
    #: Its symbols that are one for all files of the process (STB_GNU_UNIQUE), and where in the file
    #: their bindings are (st_info).
    unique: Mapping[str, int]
    #: What it exports, leaving out its runtime's own: default versions, at a place in the file.
    exports: Mapping[str, Kind]
    #: Where in memory they are, counted from the file's beginning there.
    addresses: Mapping[str, int]
    #: Of those, the ones whose kind is only seen from where they lie: assembly often leaves it out.
    untyped: frozenset[str]
    #: How many bytes the variables among them have, where it says that.
    sizes: Mapping[str, int]
    #: Which of them lie in memory that can only be read.
    readonly: frozenset[str]
    #: What it takes from other files.
    imports: frozenset[str]


def read(data: File) -> Dynamic:
    """
    Read what a file tells the dynamic loader.

    Never raises: what is damaged is not there.

    Args:
        data: The whole file.
    """
    is_go, symbols, file = False, _Symbols(), ElfFile.find(data)
    if file is not None:
        is_go = defects.find_go_build_info(data, file) is not None
        with contextlib.suppress(DamagedError):
            symbols.read(file)
    exports = symbols.exports
    if is_go:
        exports = {name: kind for name, kind in exports.items() if not GO_RUNTIME.match(name)}
    return Dynamic(
        is_go,
        is_rust=file is not None and not is_go and _is_rust(data, file),
        stays=file is not None and bool(file.value(DT_FLAGS_1) & DF_1_NODELETE),
        unique=symbols.unique,
        exports=exports,
        addresses=symbols.addresses,
        untyped=frozenset(symbols.untyped),
        sizes=symbols.sizes,
        readonly=frozenset(symbols.readonly),
        imports=frozenset(symbols.imports),
    )


def _is_rust(data: File, file: ElfFile) -> bool:
    """Tell whether the Rust compiler is among those that have left their names."""
    comment = file.section(".comment")
    return comment is not None and b"rustc " in data[comment.offset : comment.end]


class _Symbols:
    """What is found in the table of dynamic symbols."""

    def __init__(self) -> None:
        self.exports: dict[str, Kind] = {}
        self.addresses: dict[str, int] = {}
        self.untyped: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.readonly: set[str] = set()
        self.imports: set[str] = set()
        self.unique: dict[str, int] = {}

    def read(self, file: ElfFile) -> None:
        # Of some libraries there are tens of thousands: one loop, and no calls for most of them.
        rows, code, readonly = file.rows_of_symbols(), file.code(), _readonly(file)
        for name, written, binding, section, address, size, _, info_offset in rows:
            if section == SHN_UNDEF:
                self.imports.add(name)
                continue
            if binding == STB_GNU_UNIQUE:
                self.unique[name] = info_offset
            if section == SHN_ABS or name in LINKER_NAMES:
                continue
            kind = KINDS.get(written)
            if written == STT_NOTYPE:
                kind = kind_by_place(code, section, address)
                self.untyped.add(name)
            elif kind == "variable" and size:
                self.sizes[name] = size
            if kind == "variable" and address in readonly:
                self.readonly.add(name)
            if kind:
                self.exports[name], self.addresses[name] = kind, address


def _readonly(file: ElfFile) -> AddressRanges:
    """Return the addresses where nobody can write once the file is loaded."""
    return AddressRanges(itertools.chain.from_iterable(map(_readonly_ranges, file.segments)))


def _readonly_ranges(segment: Segment) -> Iterator[tuple[int, int]]:
    start, end = segment.address, segment.address + segment.size
    if segment.kind == PT_LOAD and not segment.flags & PF_W:
        yield start, end
    elif segment.kind == PT_GNU_RELRO:  # by whole pages, as in _dl_protect_relro of glibc
        yield start & -mmap.PAGESIZE, end & -mmap.PAGESIZE
