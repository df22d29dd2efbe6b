"""
The debug sections of a file: found by name, decompressed, and in bounds.

Compressed sections as in the gABI's chapter "Sections", and ``.zdebug`` sections as binutils
wrote them before there were those.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from nativeplug.elf.elffile import ElfFile, Section
from nativeplug.elf.numbers import (
    ELFCOMPRESS_ZLIB,
    ELFCOMPRESS_ZSTD,
    SHF_COMPRESSED,
    SHT_NOBITS,
)

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

_COMPRESSION: Final = struct.Struct("<IIQQ")
_OLD_MAGIC, _OLD_SIZE = b"ZLIB", 12
#: The sections that are read.
READ: Final = tuple(
    f".debug_{name}"
    for name in (
        *("info", "types", "abbrev", "str", "line_str", "str_offsets", "addr", "ranges"),
        *("rnglists", "loclists"),  # entries refer to these by index
    )
)
# The debug information of 100 MB of code; more is not worth the time that it would take.
_MOST = 1 << 29
# Compilers' debug information becomes a fifth of its size, where it is tables a tenth; what was
# made for that becomes a thousandth. What is small is not worth a refusal.
_MOST_TIMES, _SMALL = 64, 1 << 20


class UnreadableError(Exception):
    """The debug information cannot be read; says why."""


def has_debug(data: File) -> bool:
    """
    Tell whether a file has a section of debug information, in microseconds.

    Never raises.
    """
    file = ElfFile.find(data)
    return file is not None and file.has_debug_info()


def size_of(data: File) -> int:
    """
    Return how many bytes of debug information are to be read, decompressed, as the file says it.

    Never raises.
    """
    return sum(_Packing.of(name, section, data).size for name, section in _find_read(data))


def load(data: File) -> dict[str, bytes]:
    """
    Return the debug sections of a file that are read, by name (``.debug_info``), decompressed.

    Raises:
        UnreadableError: One of them is damaged, too large, or compressed in an unknown way.
    """
    found, total = {}, 0
    for name, section in _find_read(data):
        if section.end > len(data):
            raise UnreadableError(f"{name} ends after the file")
        packing = _Packing.of(name, section, data)
        total += packing.size
        if total > _MOST:
            raise UnreadableError(f"more than {_MOST} bytes of it")
        content = data[section.offset + packing.header : section.end]
        found[_plain(name)] = _unpack(name, packing, content)
    return found


def _find_read(data: File) -> Iterator[tuple[str, Section]]:
    return (each for each in find_all(data) if _plain(each[0]) in READ)


def _plain(name: str) -> str:
    return name.replace(".z", ".", 1)


def find_all(data: File) -> Iterator[tuple[str, Section]]:
    """Give the debug sections of a file that have content, and their names."""
    file = ElfFile.find(data)
    if file is None or (file.target.word_size, file.target.byte_order) != (64, "<"):
        return
    for written, section in zip(file.section_names(), file.sections, strict=True):
        name = written.decode("ascii", "replace")
        if name.startswith((".debug_", ".zdebug_")) and section.kind != SHT_NOBITS:
            yield name, section


class _Packing(NamedTuple):
    """How a section is compressed."""

    #: ELFCOMPRESS_*; None where it is not.
    method: int | None
    #: How many bytes it has when it is not any more.
    size: int
    #: How many bytes say that.
    header: int

    @classmethod
    def of(cls, name: str, section: Section, data: File) -> _Packing:
        """Read that."""
        start = data[section.offset : min(section.offset + _COMPRESSION.size, section.end)]
        if section.flags & SHF_COMPRESSED and len(start) == _COMPRESSION.size:
            method, _, size, _ = _COMPRESSION.unpack(start)
            return cls(method, size, _COMPRESSION.size)
        if name.startswith(".z") and start.startswith(_OLD_MAGIC):
            size = int.from_bytes(start[len(_OLD_MAGIC) : _OLD_SIZE], "big")
            return cls(ELFCOMPRESS_ZLIB, size, _OLD_SIZE)
        return cls(None, section.size, 0)


def _unpack(name: str, packing: _Packing, data: bytes) -> bytes:
    method, size, _ = packing
    if method is None:
        return data
    if size > max(_SMALL, _MOST_TIMES * len(data)):
        raise UnreadableError(f"{name} has {size} bytes, compressed to {len(data)}")
    if method == ELFCOMPRESS_ZLIB:
        try:
            content = zlib.decompressobj().decompress(data, size) if size else b""
        except zlib.error as error:
            raise UnreadableError(f"{name}: {error}") from None
    elif method == ELFCOMPRESS_ZSTD:
        content = _decompress_zstd(name, data, size)
    else:
        raise UnreadableError(f"{name} is compressed in an unknown way ({method})")
    if len(content) != size:
        raise UnreadableError(f"{name} has {len(content)} bytes of {size}")
    return content


def _decompress_zstd(name: str, data: bytes, size: int) -> bytes:
    """Decompress what Python can from 3.14 on."""
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError:
        raise UnreadableError(
            f"{name} is compressed by zstd, which Python knows from 3.14 on; link with "
            "--compress-debug-sections=zlib"
        ) from None
    try:
        return bytes(zstd.ZstdDecompressor().decompress(data, size))
    except zstd.ZstdError as error:
        raise UnreadableError(f"{name}: {error}") from None
