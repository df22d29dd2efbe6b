"""
ELF files of whatever machine: the one place where headers, tables and symbols are read.

They are read by `struct`, in pieces and without anything else, because this is on the path of
``open``, and a library may be a gigabyte. Whether the dynamic loader would survive a file is for
`defects` to say; debug information is read in `dwarf`. Names as in elf(5).
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from nativeplug.elf.numbers import (
    DT_GNU_HASH,
    DT_HASH,
    DT_NULL,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERDEF,
    DT_VERDEFNUM,
    DT_VERSYM,
    NT_GNU_BUILD_ID,
    PF_X,
    PT_DYNAMIC,
    PT_LOAD,
    PT_NOTE,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHT_NOBITS,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_WEAK,
    STV_DEFAULT,
    STV_PROTECTED,
    VER_FLG_BASE,
    VERSYM_HIDDEN,
)

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from typing import TypeAlias

    #: What is in a file: read, or mapped.
    File: TypeAlias = bytes | mmap.mmap
    Bytes: TypeAlias = File | memoryview
    #: Gives so many bytes from an offset on, or what there is of them.
    Read: TypeAlias = Callable[[int, int], bytes]

MAGIC: Final = b"\x7fELF"
#: How many bytes `Target.of` needs: e_ident, e_type and e_machine, which all ELF files have at the
#: same place.
TARGET_SIZE: Final = 20
_HEADER_SIZE: Final = 64  # of the larger one

_WORD_SIZES: Final = {1: 32, 2: 64}  # EI_CLASS
_BYTE_ORDERS: Final = {1: "<", 2: ">"}  # EI_DATA
# The layouts of tables by the size of a word.
_HEADER: Final = {32: "16xHHIIIIIHHHHHH", 64: "16xHHIQQQIHHHHHH"}
_SEGMENT: Final = {32: "IIIIIIII", 64: "IIQQQQQQ"}
_SECTION: Final = {32: "IIIIIIIIII", 64: "IIQQQQIIQQ"}
_DYNAMIC: Final = {32: "iI", 64: "qQ"}
_SYMBOL: Final = {32: "IIIBBH", 64: "IBBHQQ"}
# Which fields of these are those of `Segment`; name, info, other, section, value and size.
_SEGMENT_FIELDS: Final = {32: itemgetter(0, 6, 1, 2, 4, 7), 64: itemgetter(0, 1, 2, 3, 5, 7)}
_SYMBOL_FIELDS: Final = {32: itemgetter(0, 3, 4, 5, 1, 2), 64: itemgetter(0, 1, 2, 3, 4, 5)}
_SYMBOL_INFO: Final = {32: 12, 64: 4}  # where st_info is
_BINDINGS: Final = frozenset({STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE})
_VISIBILITIES: Final = frozenset({STV_DEFAULT, STV_PROTECTED})
# The most that is read of one table of headers: 65,535 program headers.
_MOST_BYTES: Final = 1 << 22
# The most symbols and versions, and texts; plugins have some thousand, and some ten.
_MOST_SYMBOLS, _MOST_TEXTS = 1 << 24, 4096
# How many times as long as the table of texts all names of symbols may be.
_MOST_TIMES: Final = 64
# The most that is read of a text that may be several paths, and of a name of a section or version;
# and how many words at once.
_LONGEST_TEXT, _LONGEST_NAME, _BLOCK = 1 << 16, 256, 1024

_MACHINES = {
    2: "SPARC",
    3: "i386",
    4: "m68k",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC64",
    22: "s390x",
    40: "ARM",
    43: "SPARC64",
    50: "IA-64",
    62: "x86-64",
    183: "AArch64",
    243: "RISC-V",
    247: "BPF",
    258: "LoongArch",
}
_MACHINES_BY_UNAME = {
    "x86_64": 62,
    "amd64": 62,
    "aarch64": 183,
    "arm64": 183,
    "riscv64": 243,
    "ppc64le": 21,
    "s390x": 22,
}


_struct = cache(struct.Struct)
# As `Symbol(*fields)`, at half the time: there may be tens of thousands.
_make = tuple.__new__


class DamagedError(ValueError):
    """A file is no ELF file, or what is to be read of it does not lie in it; says why."""


class Target(NamedTuple):
    """The kind of process that a file is built for."""

    #: e_machine: the processor's number.
    machine: int
    #: 32 or 64.
    word_size: int
    #: ``<`` or ``>``, as `struct` writes it.
    byte_order: str

    @classmethod
    def of(cls, data: Bytes) -> Target | None:
        """Return the target of the file that begins with *data*; None when *data* does not tell."""
        if len(data) < TARGET_SIZE or bytes(data[:4]) != MAGIC:
            return None
        word_size, byte_order = _WORD_SIZES.get(data[4]), _BYTE_ORDERS.get(data[5])
        if word_size is None or byte_order is None:
            return None
        (machine,) = struct.unpack_from(byte_order + "H", data, TARGET_SIZE - 2)
        return cls(machine, word_size, byte_order)

    @property
    def header_size(self) -> int:
        """How many bytes the ELF header has."""
        return self.layout(_HEADER).size

    @property
    def segment_size(self) -> int:
        """How many bytes a program header has."""
        return self.layout(_SEGMENT).size

    @property
    def section_header(self) -> struct.Struct:
        """How a section header is laid out."""
        return self.layout(_SECTION)

    def layout(self, forms: dict[int, str]) -> struct.Struct:
        """Return how something is laid out, of which *forms* has the form by size of a word."""
        return _struct(self.byte_order + forms[self.word_size])

    def __str__(self) -> str:
        """Return the name of the machine."""
        return _MACHINES.get(self.machine, f"machine {self.machine}")

    def describe(self, other: Target) -> str:
        """Return the machine's name and what else tells it from *other*."""
        words = [str(self)]
        if self.word_size != other.word_size:
            words.append(f"{self.word_size} bit")
        if self.byte_order != other.byte_order:
            words.append("little-endian" if self.byte_order == "<" else "big-endian")
        return " ".join(words)


class Header(NamedTuple):
    """The ELF header."""

    target: Target
    #: e_type: relocatable, executable, shared object or core.
    kind: int
    #: Where the program headers begin.
    segments_offset: int
    #: How many bytes one program header has, as the file says.
    segment_size: int
    #: How many program headers there are.
    segment_count: int
    #: Where the section headers begin; 0 when there are none.
    sections_offset: int
    #: How many bytes one section header has, as the file says.
    section_size: int
    #: How many section headers there are.
    section_count: int
    #: The number of the section that holds the names of all.
    section_names: int

    @classmethod
    def of(cls, data: Bytes, target: Target) -> Header:
        """
        Read the header of the file that begins with *data*.

        Raises:
            DamagedError: The file is too short.
        """
        if len(data) < target.header_size:
            raise DamagedError("the ELF header ends after the file")
        fields = target.layout(_HEADER).unpack_from(data)
        kind, _, _, _, segments, sections, _, _, segment_size, segment_count, *rest = fields
        return cls(target, kind, segments, segment_size, segment_count, sections, *rest)

    @property
    def segments_end(self) -> int:
        """Where the program headers end."""
        return self.segments_offset + self.segment_size * self.segment_count

    @property
    def sections_end(self) -> int:
        """Where the section headers end."""
        return self.sections_offset + self.section_size * self.section_count


class Segment(NamedTuple):
    """One program header: a piece of the file and where it is mapped."""

    kind: int
    flags: int
    offset: int
    address: int
    #: How many bytes the file has of it.
    size: int
    alignment: int

    @property
    def end(self) -> int:
        """Where in the file it ends."""
        return self.offset + self.size


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


class Symbol(NamedTuple):
    """One dynamic symbol that other files can see."""

    #: Its name; bytes that are not UTF-8 as surrogates, as in names of files.
    name: str
    #: STT_*.
    kind: int
    #: STB_*.
    binding: int
    #: The number of its section, or SHN_*; SHN_UNDEF where the file takes it from others.
    section: int
    value: int
    size: int
    #: The index of its version.
    version: int
    #: Where in the file its st_info is.
    info_offset: int


class AddressRanges:
    """Ranges of addresses, found by bisection: a file may have 65,000 segments."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take ranges, each with its start and its end, in any order; they may overlap."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(each for each in ranges if each[0] < each[1]):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def __contains__(self, address: int) -> bool:
        """Tell whether an address lies in one of them."""
        index = bisect(self._starts, address) - 1
        return index >= 0 and address < self._ends[index]


class ElfFile:
    """
    An ELF file.

    Immutable, but for what it remembers; safe to use from several threads.
    """

    def __init__(self, read: Read) -> None:
        """
        Read the headers.

        Args:
            read: Gives pieces of the file.

        Raises:
            DamagedError: It is no ELF file, or its headers are damaged.
        """
        self._read = read
        head = read(_HEADER_SIZE, 0)
        target = Target.of(head)
        if target is None:
            raise DamagedError("not an ELF file")
        self.target: Final = target
        self.header: Final = Header.of(head, target)
        #: The program headers, in their order.
        self.segments: Final = self._read_segments()
        self._dynamic: list[tuple[int, int]] | None = None
        self._values: dict[int, int] | None = None
        self._sections: list[Section] | None = None

    @classmethod
    def of(cls, data: Bytes) -> ElfFile:
        """
        Read a file of which all bytes are there.

        Raises:
            DamagedError: It is no ELF file, or its headers are damaged.
        """
        return cls(lambda size, offset: bytes(data[offset : offset + size]))

    @classmethod
    def find(cls, data: Bytes) -> ElfFile | None:
        """Read a file of which all bytes are there; None for what `of` raises an error for."""
        try:
            return cls.of(data)
        except DamagedError:
            return None

    @classmethod
    def of_descriptor(cls, descriptor: int) -> ElfFile:
        """
        Read an open regular file; the descriptor is borrowed for as long as the result is used.

        Raises:
            DamagedError: It is no ELF file, or its headers are damaged, or cannot be read.
        """
        end = os.fstat(descriptor).st_size

        def read(size: int, offset: int) -> bytes:
            try:
                return os.pread(descriptor, max(0, min(size, end - offset)), min(offset, end))
            except OSError as error:
                raise DamagedError(str(error)) from error

        return cls(read)

    def _read_segments(self) -> list[Segment]:
        header, layout = self.header, self.target.layout(_SEGMENT)
        size = header.segment_size * header.segment_count
        data = self._read(min(size, _MOST_BYTES), header.segments_offset)
        if not size:
            return []
        if len(data) < size or header.segment_size < layout.size:
            raise DamagedError("the program headers do not lie in the file")
        fields, places = _SEGMENT_FIELDS[self.target.word_size], range(0, size, header.segment_size)
        return [_make(Segment, fields(layout.unpack_from(data, place))) for place in places]

    def offset_of(self, address: int) -> int | None:
        """Return where in the file an address of the loaded file lies; None when nowhere."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        return None

    @property
    def dynamic(self) -> list[tuple[int, int]]:
        """The tags and values of the dynamic section, as far as they lie in the file."""
        if self._dynamic is None:
            self._dynamic = self._read_dynamic()
        return self._dynamic

    def _read_dynamic(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        segment = next((each for each in reversed(self.segments) if each.kind == PT_DYNAMIC), None)
        if segment is not None:  # of several the last, as the loader
            layout = self.target.layout(_DYNAMIC)
            data = self._read(min(segment.size, _MOST_BYTES), segment.offset)
            for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
                if tag == DT_NULL:
                    break
                found.append((tag, value))
        return found

    def code(self) -> AddressRanges:
        """Return the addresses of executable memory."""
        return AddressRanges(
            (each.address, each.address + each.size) for each in self.segments if each.flags & PF_X
        )

    def value(self, tag: int) -> int:
        """Return the value of a dynamic entry; of several the last, as the loader; 0 for none."""
        if self._values is None:
            self._values = dict(self.dynamic)
        return self._values.get(tag, 0)

    def table(self, tag: int) -> int | None:
        """Return where in the file the table is that a dynamic entry leads to; None if nowhere."""
        address = self.value(tag)
        return self.offset_of(address) if address else None

    def strings(self, *tags: int) -> tuple[str, ...]:
        """Return the texts of dynamic entries, in the file's order, as names of files."""
        start = self.table(DT_STRTAB)
        if start is None:
            return ()
        values = [value for tag, value in self.dynamic if tag in tags]
        return tuple(self._string(start + value) for value in values[:_MOST_TEXTS])

    def _string(self, offset: int, most: int = _LONGEST_TEXT) -> str:
        """Return a text, or its beginning where it has more than so many bytes."""
        return os.fsdecode(self._read(most, offset).partition(b"\0")[0])

    def symbols(self) -> Iterator[Symbol]:
        """Give what `rows_of_symbols` gives, with names."""
        return map(Symbol._make, self.rows_of_symbols())

    def rows_of_symbols(self) -> Iterator[tuple[str, int, int, int, int, int, int, int]]:
        """
        Give the dynamic symbols that other files can see: what it exports, and what it takes.

        Of what has versions only the default one: dlsym(3) finds no others. Each is a tuple with
        the fields of `Symbol`: there may be tens of thousands, on the way of ``open``.

        Raises:
            DamagedError: They do not lie in the file.
        """
        table, names = self.table(DT_SYMTAB), self.table(DT_STRTAB)
        if table is None or names is None:
            return
        count, layout = self._count_symbols(), self.target.layout(_SYMBOL)
        rows = layout.iter_unpack(self._piece(count * layout.size, table))
        texts = self._read(self.value(DT_STRSZ), names)
        marks = self.table(DT_VERSYM)
        versions = repeat(1) if marks is None else self._unpack(f"{count}H", marks)
        places = range(table + _SYMBOL_INFO[self.target.word_size], sys.maxsize, layout.size)
        in_order = _SYMBOL_FIELDS[self.target.word_size]
        # Linkers let names share their ends; names that all lie over each other have no end.
        rest = _MOST_TIMES * len(texts) + _MOST_BYTES
        for place, version, (name, info, other, section, value, size) in zip(
            places, versions, map(in_order, rows), strict=False
        ):
            binding = info >> 4
            if binding not in _BINDINGS or other & 3 not in _VISIBILITIES:
                continue
            if version & VERSYM_HIDDEN and section != SHN_UNDEF:
                continue
            end = texts.find(b"\0", name)
            rest -= end - name
            if end < 0 or rest < 0:
                raise DamagedError("a name of a symbol does not lie in the file")
            text = texts[name:end].decode("utf-8", "surrogateescape")
            yield text, info & 0xF, binding, section, value, size, version, place

    def _count_symbols(self) -> int:
        """Return how many dynamic symbols there are, which only the hash tables tell."""
        table = self.table(DT_GNU_HASH)
        if table is None:
            table = self.table(DT_HASH)
            return 0 if table is None else self._unpack("4xI", table)[0]
        buckets, first, blooms, _ = self._unpack("IIII", table)
        start = table + 16 + blooms * self.target.word_size // 8
        last = max(self._unpack(f"{buckets}I", start), default=0)
        chains = start + 4 * (buckets - first)
        if last < first:
            return first
        while last < _MOST_SYMBOLS:
            block = self._read(4 * _BLOCK, chains + 4 * last)
            for (word,) in struct.iter_unpack(
                f"{self.target.byte_order}I", block[: len(block) & -4]
            ):
                last += 1
                if word & 1:  # which marks a chain's end
                    return last
            if len(block) < 4 * _BLOCK:
                break
        raise DamagedError("the hash table of the symbols has no end in the file")

    def version_names(self) -> dict[int, str]:
        """
        Return the names of the versions that it defines, by their index.

        Raises:
            DamagedError: They do not lie in the file.
        """
        found: dict[int, str] = {}
        place, names = self.table(DT_VERDEF), self.table(DT_STRTAB)
        if place is None or names is None:
            return found
        for _ in range(min(self.value(DT_VERDEFNUM), _MOST_TEXTS)):
            _, flags, index, _, _, auxiliary, following = self._unpack("HHHHIII", place)
            if not flags & VER_FLG_BASE:  # that one names the file itself
                (name,) = self._unpack("I", place + auxiliary)
                found[index] = self._string(names + name, _LONGEST_NAME)
            if not following:
                break
            place += following
        return found

    def build_id(self) -> str | None:
        """Return the linker's build id in hexadecimal digits; None when there is none."""
        for kind, name, content in self._notes():
            if (kind, name) == (NT_GNU_BUILD_ID, b"GNU\0"):
                return content.hex() or None
        return None

    def _notes(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Give the type, name and content of each note, as far as they lie in the file."""
        layout, rest = _struct(f"{self.target.byte_order}III"), _MOST_BYTES
        for segment in self.segments:
            if segment.kind != PT_NOTE:
                continue
            data = self._read(min(segment.size, rest), segment.offset)
            rest -= len(data)  # they may lie over each other
            place, alignment = 0, 8 if segment.alignment == 8 else 4  # noqa: PLR2004 - as binutils
            while place + layout.size <= len(data):
                name_size, size, kind = layout.unpack_from(data, place)
                start = place + layout.size
                content = start + name_size + -(start + name_size) % alignment
                yield kind, data[start : start + name_size], data[content : content + size]
                place = content + size + -size % alignment

    @property
    def sections(self) -> list[Section]:
        """
        The section headers, in their order; none where they do not lie in the file.

        Linkers and debuggers use them, and loading does not: a file may have none, or some that
        lead nowhere, and is no worse for it.
        """
        if self._sections is None:
            self._sections = self._read_sections()
        return self._sections

    def _read_sections(self) -> list[Section]:
        header, layout = self.header, self.target.section_header
        count, size = header.section_count, header.section_size
        # From SHN_LORESERVE on the number is elsewhere: in object files of thousands of units.
        if not header.sections_offset or size != layout.size or count >= SHN_LORESERVE:
            return []
        data = self._read(count * size, header.sections_offset)
        if len(data) < count * size or header.section_names >= count:
            return []
        return [_make(Section, fields) for fields in layout.iter_unpack(data)]

    def section_names(self) -> list[bytes]:
        """Return the names of the sections, in their order; of long ones the beginning."""
        names = self._names_of_sections()
        # Names may lie over each other, and there may be 65,000: none of them without end.
        starts = [each.name for each in self.sections]
        return [names[at : at + _LONGEST_NAME].partition(b"\0")[0] for at in starts]

    def _names_of_sections(self) -> bytes:
        if not self.sections:
            return b""
        place = self.sections[self.header.section_names]
        return self._read(place.end - place.offset, place.offset)

    def section(self, name: str) -> Section | None:
        """
        Return the first section of a name; None when there is none.

        That it lies in the file is not checked.
        """
        wanted = name.encode() + b"\0"
        names = self._names_of_sections()
        if wanted not in names:
            return None
        return next((each for each in self.sections if names.startswith(wanted, each.name)), None)

    def has_debug_info(self) -> bool:
        """Tell whether it has a section of debug information."""
        return any(self.section(name) is not None for name in (".debug_info", ".zdebug_info"))

    def _piece(self, size: int, offset: int) -> bytes:
        data = self._read(size, offset)
        if len(data) < size:
            raise DamagedError("a table does not lie in the file")
        return data

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        layout = struct.Struct(self.target.byte_order + form)
        return layout.unpack(self._piece(layout.size, offset))


def find_section(data: Bytes, name: str) -> Section | None:
    """Return the first section of a name in a file's bytes; None where there is none."""
    file = ElfFile.find(data)
    return None if file is None else file.section(name)


@cache
def host_target() -> Target:
    """
    Return what this process is, which is what a plugin must be built for.

    ``/proc/self/exe`` knows it for certain; ``uname`` speaks of the kernel, which may
    be wider than the process.
    """
    try:
        with open("/proc/self/exe", "rb", buffering=0) as file:
            found = Target.of(file.read(TARGET_SIZE))
    except OSError:
        found = None
    return found or _guess_host_target()


def _guess_host_target() -> Target:
    import platform

    machine = _MACHINES_BY_UNAME.get(platform.machine().lower(), 0)
    return Target(machine, 8 * struct.calcsize("P"), "<" if sys.byteorder == "little" else ">")
