"""Debug sections, found and decompressed."""

from __future__ import annotations

import struct
import zlib

import pytest

from nativeplug.elf.dwarf import debug_sections, has_debug
from nativeplug.elf.dwarf.debug_sections import UnreadableError
from support import Compile, patched

_HEADER = struct.Struct("<IIQQQQIIQQ")
_TEXT = b"what is told " * 9


def elf(name: bytes, content: bytes, *, flags: int = 0, kind: int = 1, size: int = -1) -> bytes:
    """Return a file of one section, and the names."""
    names = b"\0" + name + b"\0"
    at = 64 + 3 * _HEADER.size
    headers = _HEADER.pack(*[0] * 10)
    size = len(content) if size < 0 else size
    headers += _HEADER.pack(1, kind, flags, 0, at + len(names), size, 0, 0, 1, 0)
    headers += _HEADER.pack(0, 3, 0, 0, at, len(names), 0, 0, 1, 0)
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQ", 3, 62, 1, 0, 0, 64)
    start += struct.pack("<IHHHHHH", 0, 64, 56, 0, _HEADER.size, 3, 2)
    return start + headers + names + content


def compressed(method: int, size: int, data: bytes) -> bytes:
    """Return a section's content with a compression header."""
    return struct.pack("<IIQQ", method, 0, size, 1) + data


@pytest.mark.parametrize(
    ("name", "content", "flags"),
    [
        (b".debug_info", _TEXT, 0),
        (b".debug_info", compressed(1, len(_TEXT), zlib.compress(_TEXT)), 0x800),
        (b".zdebug_info", b"ZLIB" + len(_TEXT).to_bytes(8, "big") + zlib.compress(_TEXT), 0),
    ],
)
def test_content(name: bytes, content: bytes, flags: int) -> None:
    """A section is found under one name, however it is compressed."""
    data = elf(name, content, flags=flags)
    assert has_debug(data)
    assert {".debug_info": _TEXT} == debug_sections.load(data)


def test_others() -> None:
    """Other sections, and those without content, are not there."""
    assert {} == debug_sections.load(elf(b".text", _TEXT))
    assert {} == debug_sections.load(elf(b".debug_info", _TEXT, kind=8))
    assert {".debug_info": b""} == debug_sections.load(
        elf(b".debug_info", compressed(1, 0, b""), flags=0x800)
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (elf(b".debug_info", _TEXT, size=9999), "ends after the file"),
        (elf(b".debug_info", compressed(1, 7, b"nonsense"), flags=0x800), "incorrect header"),
        (elf(b".debug_info", compressed(3, 7, b"nonsense"), flags=0x800), r"unknown way \(3\)"),
        (
            elf(b".debug_info", compressed(1, 1 << 40, b""), flags=0x800),
            "more than 536870912 bytes of it",
        ),
        (
            elf(b".debug_info", compressed(1, 999, zlib.compress(_TEXT)), flags=0x800),
            "has 117 bytes of 999",
        ),
    ],
)
def test_unreadable(data: bytes, reason: str) -> None:
    """What cannot be read is said, and never decompressed beyond what it says it has."""
    with pytest.raises(UnreadableError, match=reason):
        debug_sections.load(data)


def test_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compressed by zstd is read from Python 3.14 on, as its module does."""
    data = elf(b".debug_info", compressed(2, len(_TEXT), _TEXT[::-1]), flags=0x800)
    with pytest.raises(UnreadableError, match=r"zstd, which Python knows from 3\.14 on"):
        debug_sections.load(data)
    monkeypatch.setattr("importlib.import_module", lambda _: _Zstd)
    assert {".debug_info": _TEXT} == debug_sections.load(data)
    other = elf(b".debug_info", compressed(2, len(_TEXT), b""), flags=0x800)
    with pytest.raises(UnreadableError, match="damaged"):
        debug_sections.load(other)


class _Zstd:
    """What stands for Python's module: it turns bytes round."""

    class ZstdError(Exception):
        """Raised for no bytes."""

    class ZstdDecompressor:
        """Decompresses."""

        def decompress(self, data: bytes, most: int) -> bytes:
            """Turn bytes round."""
            if not data:
                raise _Zstd.ZstdError("damaged")
            return data[::-1][:most]


def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sections together have a limit."""
    monkeypatch.setattr(debug_sections, "_MOST", 100)
    with pytest.raises(UnreadableError, match="more than 100 bytes"):
        debug_sections.load(elf(b".debug_info", _TEXT))


def test_damaged_headers(compile_c: Compile) -> None:
    """A file whose section headers are damaged or elsewhere has no debug information."""
    data = compile_c("int f;", "-g").read_bytes()
    assert has_debug(data)
    assert not has_debug(patched(data, 40, "<Q", 0))
    assert not has_debug(patched(data, 40, "<Q", 1 << 50))
    assert not has_debug(patched(data, 58, "<H", 3))
    assert not has_debug(patched(data, 4, "<B", 1))
    assert {} == debug_sections.load(patched(data, 40, "<Q", 0))
