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
from typing import Final

from nativeplug.load import sections
from nativeplug.load.sections import SHF_COMPRESSED, SHT_NOBITS, Section

_COMPRESSION: Final = struct.Struct("<IIQQ")
_ELFCOMPRESS_ZLIB, _ELFCOMPRESS_ZSTD = 1, 2
_OLD_MAGIC, _OLD_SIZE = b"ZLIB", 12
# The debug information of 100 MB of code; more is not worth the time that it would take.
_MOST = 1 << 29


class UnreadableError(Exception):
    """The debug information cannot be read; says why."""


def has_debug(data: bytes) -> bool:
    """
    Tell whether a file has a section of debug information, in microseconds.

    Never raises.
    """
    return any(sections.find(data, name) for name in (".debug_info", ".zdebug_info"))


def find_build_id(data: bytes) -> str | None:
    """Return a file's build id in hexadecimal digits; None when the linker has written none."""
    section = sections.find(data, ".note.gnu.build-id")
    # Three numbers and the name "GNU" come first, elf(5).
    return None if section is None else data[section.offset + 16 : section.end].hex() or None


def size_of(data: bytes) -> int:
    """
    Return how many bytes of debug information a file has, as they are in it.

    Never raises.
    """
    return sum(section.size for _, section in find_all(data))


def load(data: bytes) -> dict[str, bytes]:
    """
    Return the debug sections of a file by name (``.debug_info``), decompressed.

    Raises:
        UnreadableError: One of them is damaged, too large, or compressed in an unknown way.
    """
    found, total = {}, 0
    for name, section in find_all(data):
        if section.end > len(data):
            raise UnreadableError(f"{name} ends after the file")
        content = _content(name, section, data[section.offset : section.end])
        total += len(content)
        if total > _MOST:
            raise UnreadableError(f"more than {_MOST} bytes of it")
        found[name.replace(".z", ".", 1)] = content
    return found


def find_all(data: bytes) -> Iterator[tuple[str, Section]]:
    """Give the debug sections of a file that have content, and their names."""
    table = sections.Table.of(data)
    if table is None or (table.target.word_size, table.target.byte_order) != (64, "<"):
        return
    names = table.header(data, table.names)
    for section in table.read(data):
        start = names.offset + section.name
        name = data[start : data.find(b"\0", start)].decode("ascii", "replace")
        if name.startswith((".debug_", ".zdebug_")) and section.kind != SHT_NOBITS:
            yield name, section


def _content(name: str, section: Section, data: bytes) -> bytes:
    if section.flags & SHF_COMPRESSED:
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
