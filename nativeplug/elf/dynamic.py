"""
What a file tells the dynamic loader, read in microseconds: what it exports, what it takes.

This is on the path of ``open`` and of updates, while other threads call plugins; `facts` reads
a file as a whole, a hundred times slower. Names and numbers as in elf(5).
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING

from nativeplug.elf import defects, layout, sections
from nativeplug.elf.symbols import GO_RUNTIME, LINKER_NAMES

if TYPE_CHECKING:
    from nativeplug.elf.layout import File, Segment, Target
    from nativeplug.elf.symbols import Kind

_DT_HASH, _DT_STRTAB, _DT_SYMTAB = 4, 5, 6
_DT_GNU_HASH, _DT_VERSYM, _DT_FLAGS_1 = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFB
_DF_1_NODELETE = 0x8

_SYMBOL = {32: "IIIBBH", 64: "IBBHQQ"}
# Which of these are name, info, other, section, value and size.
_FIELDS = {32: itemgetter(0, 3, 4, 5, 1, 2), 64: itemgetter(0, 1, 2, 3, 4, 5)}
_INFO = {32: 12, 64: 4}
_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE = 1, 2, 10
_BINDINGS = frozenset({_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE})
_VISIBILITIES = frozenset({0, 3})  # STV_DEFAULT, STV_PROTECTED
_STT_NOTYPE = 0
_KINDS: dict[int, Kind] = {1: "variable", 2: "function", 5: "variable", 6: "tls", 10: "ifunc"}
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1
_VERSION_HIDDEN = 0x8000


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
    is_go, symbols, section = defects.is_go(data), _DynamicSymbols(), _Section.of(data)
    is_rust = not is_go and _is_rust(data)
    with contextlib.suppress(struct.error, ValueError, OverflowError):
        symbols.read(section)
    exports = symbols.exports
    if is_go:
        exports = {name: kind for name, kind in exports.items() if not GO_RUNTIME.match(name)}
    stays = bool(section.value(_DT_FLAGS_1) & _DF_1_NODELETE)
    return Dynamic(
        is_go,
        is_rust,
        stays,
        symbols.unique,
        exports,
        addresses=symbols.addresses,
        untyped=frozenset(symbols.untyped),
        sizes=symbols.sizes,
        readonly=frozenset(symbols.readonly),
        imports=frozenset(symbols.imports),
    )


def _is_rust(data: File) -> bool:
    """Tell whether the Rust compiler is among those that have left their names."""
    comment = sections.find(data, ".comment")
    return comment is not None and b"rustc " in data[comment.offset : comment.end]


@dataclass(frozen=True, slots=True)
class _Section:
    """The dynamic section of a file; empty where there is none."""

    data: File
    target: Target
    segments: list[Segment]
    entries: list[tuple[int, int]]

    @classmethod
    def of(cls, data: File) -> _Section:
        target = layout.Target.of(data) or layout.host_target()
        segments = layout.find_segments(data)
        return cls(data, target, segments, list(layout.iter_dynamic(data, target, segments)))

    def value(self, wanted: int) -> int:
        """Return the first value of a tag; 0 when there is none."""
        return next((value for tag, value in self.entries if tag == wanted), 0)

    def offset(self, tag: int) -> int | None:
        """Return where in the file the table is that a tag points to; None when nowhere."""
        address = self.value(tag)
        return layout.file_offset(self.segments, address) if address else None

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(self.target.byte_order + form, self.data, offset)

    def count_symbols(self) -> int:
        """Return how many symbols there are, which only the hash tables tell."""
        table = self.offset(_DT_GNU_HASH)
        if table is None:
            table = self.offset(_DT_HASH)
            return 0 if table is None else self.unpack("4xI", table)[0]
        buckets, first, blooms, _ = self.unpack("IIII", table)
        start = table + 16 + blooms * self.target.word_size // 8
        last = max(self.unpack(f"{buckets}I", start))
        chains = start + 4 * (buckets - first)
        if last < first:
            return first
        while not self.unpack("I", chains + 4 * last)[0] & 1:  # which marks a chain's end
            last += 1
        return last + 1


class _DynamicSymbols:
    """What is found in the table of dynamic symbols."""

    def __init__(self) -> None:
        self.exports: dict[str, Kind] = {}
        self.addresses: dict[str, int] = {}
        self.untyped: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.readonly: set[str] = set()
        self.imports: set[str] = set()
        self.unique: dict[str, int] = {}

    def read(self, section: _Section) -> None:
        table, names = section.offset(_DT_SYMTAB), section.offset(_DT_STRTAB)
        if table is None or names is None:
            return
        data, target, count = section.data, section.target, section.count_symbols()
        form = struct.Struct(target.byte_order + _SYMBOL[target.word_size])
        rows = form.iter_unpack(memoryview(data)[table : table + count * form.size])
        versions = section.offset(_DT_VERSYM)
        marks = repeat(0) if versions is None else section.unpack(f"{count}H", versions)
        places = range(table + _INFO[target.word_size], len(data), form.size)
        for at, mark, (name, info, other, place, value, size) in zip(
            places, marks, map(_FIELDS[target.word_size], rows), strict=False
        ):
            binding, visibility = info >> 4, other & 3
            if binding not in _BINDINGS or visibility not in _VISIBILITIES:
                continue
            start = names + name
            end = data.find(b"\0", start)
            if end < 0:
                raise ValueError
            text = data[start:end].decode("utf-8", "surrogateescape")
            if place == _SHN_UNDEF:
                self.imports.add(text)
                continue
            if binding == _STB_GNU_UNIQUE:
                self.unique[text] = at
            if place != _SHN_ABS and not mark & _VERSION_HIDDEN and text not in LINKER_NAMES:
                self._export(section, text, info & 0xF, value, size)

    def _export(self, section: _Section, name: str, written: int, address: int, size: int) -> None:
        kind = _KINDS.get(written)
        if written == _STT_NOTYPE:
            kind = _kind_by_place(section, address)
            self.untyped.add(name)
        elif kind == "variable" and size:
            self.sizes[name] = size
        if kind == "variable" and _is_readonly(section, address):
            self.readonly.add(name)
        if kind:
            self.exports[name], self.addresses[name] = kind, address


def _kind_by_place(section: _Section, address: int) -> Kind:
    """Return the kind of a symbol without a type: a function lies in executable memory."""
    inside = any(
        segment.flags & layout.PF_X and 0 <= address - segment.address < segment.size
        for segment in section.segments
    )
    return "function" if inside else "variable"


def _is_readonly(section: _Section, address: int) -> bool:
    """Tell whether an address lies where nobody can write once the file is loaded."""
    return any(
        start <= address < end
        for segment in section.segments
        for start, end in _readonly_ranges(segment)
    )


def _readonly_ranges(segment: Segment) -> Iterator[tuple[int, int]]:
    start, end = segment.address, segment.address + segment.size
    if segment.kind == layout.PT_LOAD and not segment.flags & layout.PF_W:
        yield start, end
    elif segment.kind == layout.PT_GNU_RELRO:  # by whole pages, as in _dl_protect_relro of glibc
        yield start & -mmap.PAGESIZE, end & -mmap.PAGESIZE
