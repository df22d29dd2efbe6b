"""
The debug sections of a file: found by name, decompressed, and in bounds.

Section headers as in elf(5), compressed sections as in the gABI's chapter "Sections", and
``.zdebug`` sections as binutils wrote them before there were those.
"""

from __future__ import annotations

import contextlib
import importlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nativeplug.load import layout

_SECTIONS_AT, _COUNTS_AT = 40, 58  # e_shoff; e_shentsize, e_shnum and e_shstrndx
_HEADER: Final = struct.Struct("<IIQQQQIIQQ")
_COMPRESSION: Final = struct.Struct("<IIQQ")
_SHT_NOBITS, _SHF_COMPRESSED = 8, 0x800
_ELFCOMPRESS_ZLIB, _ELFCOMPRESS_ZSTD = 1, 2
_OLD_MAGIC, _OLD_SIZE = b"ZLIB", 12
_PREFIXES = (b".debug_", b".zdebug_")
# The marks of a file that has debug information.
_INFO = (b"\0.debug_info\0", b"\0.zdebug_info\0")
# The debug information of 100 MB of code; more is not worth the time that it would take.
_MOST = 1 << 29


class UnreadableError(Exception):
    """The debug information cannot be read; says why."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section's header."""

    name: bytes
    kind: int
    flags: int
    offset: int
    size: int


def has_debug(data: bytes) -> bool:
    """
    Tell whether a file has a section of debug information, in microseconds.

    Never raises.
    """
    try:
        table = _find_names(data)
    except struct.error:
        return False
    if table is None:
        return False
    names = data[table.offset : table.offset + table.size]
    return any(mark in names for mark in _INFO)


def size_of(data: bytes) -> int:
    """
    Return how many bytes of debug information a file has, as they are in it.

    Never raises.
    """
    with contextlib.suppress(struct.error):
        return sum(each.size for each in find(data) if each.name.startswith(_PREFIXES))
    return 0


def load(data: bytes) -> dict[str, bytes]:
    """
    Return the debug sections of a file by name (``.debug_info``), decompressed.

    Raises:
        UnreadableError: One of them is damaged, too large, or compressed in an unknown way.
        struct.error: The section headers are damaged.
    """
    found, total = {}, 0
    for section in find(data):
        name = section.name.decode("ascii", "replace")
        if not name.startswith((".debug_", ".zdebug_")) or section.kind == _SHT_NOBITS:
            continue
        if section.offset + section.size > len(data):
            raise UnreadableError(f"{name} ends after the file")
        content = _content(name, section, data[section.offset : section.offset + section.size])
        total += len(content)
        if total > _MOST:
            raise UnreadableError(f"more than {_MOST} bytes of it")
        found[name.replace(".z", ".", 1)] = content
    return found


def _find_names(data: bytes) -> Section | None:
    """Return the table of the sections' names, itself without a name."""
    target = layout.Target.of(data)
    if target is None or (target.word_size, target.byte_order) != (64, "<"):
        return None
    (start,) = struct.unpack_from("<Q", data, _SECTIONS_AT)
    size, _, index = struct.unpack_from("<HHH", data, _COUNTS_AT)
    if not start or size != _HEADER.size:
        return None
    return _section(data, start + index * size)


def _section(data: bytes, at: int, names: bytes = b"") -> Section:
    name, kind, flags, _, offset, size, *_ = _HEADER.unpack_from(data, at)
    return Section(names[name : names.find(b"\0", name)], kind, flags, offset, size)


def find(data: bytes) -> Iterator[Section]:
    """
    Give the headers of a file's sections.

    Raises:
        struct.error: They are damaged.
    """
    table = _find_names(data)
    if table is None:
        return
    names = data[table.offset : table.offset + table.size]
    (start,) = struct.unpack_from("<Q", data, _SECTIONS_AT)
    size, count, _ = struct.unpack_from("<HHH", data, _COUNTS_AT)
    for index in range(count):
        yield _section(data, start + index * size, names)


def _content(name: str, section: Section, data: bytes) -> bytes:
    if section.flags & _SHF_COMPRESSED:
        method, _, size, _ = _COMPRESSION.unpack_from(data)
        return _decompress(name, method, size, data[_COMPRESSION.size :])
    if name.startswith(".z") and data.startswith(_OLD_MAGIC):
        size = int.from_bytes(data[len(_OLD_MAGIC) : _OLD_SIZE], "big")
        return _decompress(name, _ELFCOMPRESS_ZLIB, size, data[_OLD_SIZE:])
    return data


def _decompress(name: str, method: int, size: int, data: bytes) -> bytes:
    if size > _MOST:
        raise UnreadableError(f"{name} has {size} bytes")
    if method == _ELFCOMPRESS_ZLIB:
        try:
            content = zlib.decompressobj().decompress(data, size) if size else b""
        except zlib.error as error:
            raise UnreadableError(f"{name}: {error}") from None
    elif method == _ELFCOMPRESS_ZSTD:
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
