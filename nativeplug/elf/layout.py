"""
The layout of an ELF file as far as loading needs it: header, segments, dynamic entries.

`struct` over the file's bytes and nothing else, because this is on the path of
``open``. Names and numbers as in elf(5).
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from typing import TypeAlias

    #: What is in a file: read, or mapped.
    File: TypeAlias = bytes | mmap.mmap
    Bytes: TypeAlias = File | memoryview

MAGIC = b"\x7fELF"
#: How many bytes `Target.of` needs: e_ident, e_type and e_machine, which all ELF
#: files have at the same place.
TARGET_SIZE = 20
_WIDE = 64
PT_LOAD, PT_DYNAMIC, PT_GNU_RELRO = 1, 2, 0x6474E552
PF_X, PF_W = 1, 2

_WORD_SIZES = {1: 32, 2: 64}  # EI_CLASS
_BYTE_ORDERS = {1: "<", 2: ">"}  # EI_DATA
_HEADER = {32: "16xHHIIIIIHHHHHH", 64: "16xHHIQQQIHHHHHH"}
_SEGMENT = {32: "IIIIIIII", 64: "IIQQQQQQ"}
_DYNAMIC = {32: "iI", 64: "qQ"}
_DT_NULL = 0
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


@dataclass(frozen=True, slots=True)
class Target:
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
        return struct.calcsize(self.byte_order + _HEADER[self.word_size])

    @property
    def segment_size(self) -> int:
        """How many bytes a program header has."""
        return struct.calcsize(self.byte_order + _SEGMENT[self.word_size])

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


@dataclass(frozen=True, slots=True)
class Header:
    """The ELF header, as far as loading needs it."""

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

    @property
    def segments_end(self) -> int:
        """Where the program headers end."""
        return self.segments_offset + self.segment_size * self.segment_count

    @property
    def sections_end(self) -> int:
        """Where the section headers end."""
        return self.sections_offset + self.section_size * self.section_count


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header: a piece of the file and where it is mapped."""

    kind: int
    flags: int
    offset: int
    address: int
    #: How many bytes the file has of it.
    size: int

    @property
    def end(self) -> int:
        """Where in the file it ends."""
        return self.offset + self.size


def read_header(data: Bytes, target: Target) -> Header:
    """
    Return the ELF header of a file.

    Raises:
        struct.error: The file is too short.
    """
    fields = struct.unpack_from(target.byte_order + _HEADER[target.word_size], data)
    return Header(
        target,
        kind=fields[0],
        segments_offset=fields[4],
        segment_size=fields[8],
        segment_count=fields[9],
        sections_offset=fields[5],
        section_size=fields[10],
        section_count=fields[11],
    )


def read_segments(data: Bytes, header: Header) -> list[Segment]:
    """
    Return the program headers of a file, in their order.

    Raises:
        struct.error: The file is too short.
    """
    if header.segments_end > len(data):
        reason = "the program headers end after the file"
        raise struct.error(reason)
    layout = struct.Struct(header.target.byte_order + _SEGMENT[header.target.word_size])
    segments = []
    for index in range(header.segment_count):
        fields = layout.unpack_from(data, header.segments_offset + index * header.segment_size)
        if header.target.word_size == _WIDE:
            kind, flags, offset, address, _, size, _, _ = fields
        else:
            kind, offset, address, _, size, _, flags, _ = fields
        segments.append(Segment(kind, flags, offset, address, size))
    return segments


def find_segments(data: Bytes) -> list[Segment]:
    """Return the program headers of a file, in their order; none where they are damaged."""
    target = Target.of(data)
    try:
        return read_segments(data, read_header(data, target)) if target else []
    except struct.error:
        return []


def iter_dynamic(data: Bytes, target: Target, segments: list[Segment]) -> Iterator[tuple[int, int]]:
    """Give the tags and values of the dynamic section, as far as they lie in the file."""
    layout = struct.Struct(target.byte_order + _DYNAMIC[target.word_size])
    for segment in segments:
        if segment.kind != PT_DYNAMIC:
            continue
        for offset in range(
            segment.offset, min(segment.end, len(data)) - layout.size + 1, layout.size
        ):
            tag, value = layout.unpack_from(data, offset)
            if tag == _DT_NULL:
                break
            yield tag, value


def file_offset(segments: list[Segment], address: int) -> int | None:
    """Return where in the file an address of the loaded file lies; None when nowhere."""
    for segment in segments:
        if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size:
            return segment.offset + address - segment.address
    return None


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
