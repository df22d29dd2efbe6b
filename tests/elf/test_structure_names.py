"""The structural check of a plugin's file: names that are too long for anybody."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from elf_parts import ABSENT, SYMBOL_SIZE, Parts, build
from nativeplug.elf import defects
from nativeplug.elf.elffile import host_target
from nativeplug.elf.numbers import PT_LOAD
from support import EXPORTS_C, Compile, patched


def text_of(data: bytes, libc: int | None = None) -> str:
    """Return what is said of a file; nothing when nothing is found."""
    found = defects.find_structure_defect(data, host_target(), libc)
    return found.text if found else ""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Return a plugin that has something of everything."""
    return Parts(build(tmp_path_factory.mktemp("damages")))


LONG = "a" * 4096
#: What linkers are told, and what is said of the file.
NAMED = {
    "name": ([f"-soname={LONG}"], "the string of the tag 0xe is longer than any path"),
    "filter": ([f"-f{LONG}"], "the string of the tag 0x7ffffffd is longer than any path"),
    "expanded names": (["-f$LIB/$LIB"] * 33, "the string of the tag 0x7ffffffd is longer"),
    "many names": ([f"-f{n}" for n in range(5000)], "it names more than 4096 files"),
    "directory": ([f"-rpath=/:/{LONG}:/"], "a directory of its search path is longer"),
    "expanded directory": (["-rpath=" + "$ORIGIN" * 65], "a directory of its search path is"),
    "many directories": (["-rpath=" + "/:" * 5000], "its search path is longer than any path"),
    "search path": ([f"-rpath=/{'a' * 100}{n}" for n in range(2600)], "longer than 262144 bytes"),
}
LONGEST = [f"-soname={LONG[1:]}", f"-rpath={LONG[1:]}:{'$ORIGIN' * 64}", *["-f$LIB"] * 64]


class TestFiles:
    """Names of files, and where they are searched: the dynamic loader copies them to its stack."""

    def test_not_expanded(self, parts: Parts) -> None:
        """Only what the dynamic loader expands is expanded in the names of files."""
        assert "" == text_of(parts.naming_libc("$ib$c.so."), libc=0)

    def link(self, compile_c: Compile, folder: Path, options: list[str]) -> bytes:
        """Build a plugin with options of the linker, which may be long."""
        told = folder / "options"
        told.write_text("\n".join(f'"{option}"' for option in options))
        return compile_c(EXPORTS_C, f"-Wl,@{told}").read_bytes()

    @pytest.mark.parametrize("case", NAMED)
    def test_long(self, case: str, compile_c: Compile, tmp_path: Path) -> None:
        """A name that no file can have is found, and a search path that nobody has."""
        options, said = NAMED[case]
        assert said in text_of(self.link(compile_c, tmp_path, options))

    def test_longest(self, compile_c: Compile, tmp_path: Path) -> None:
        """Names as long as a path may be are as they should be."""
        assert "" == text_of(self.link(compile_c, tmp_path, LONGEST))


def with_one_long_name(parts: Parts, symbols: int) -> bytes:
    """Give a file symbols that have the same name, each at its place in the hash table."""
    name = b"\0" + b"n" * 500_000 + b"\0"
    real = 5381  # what GNU's hash function begins with
    for byte in name[1:-1]:
        real = (real * 33 + byte) & 0xFFFF_FFFF
    table = bytes(SYMBOL_SIZE) + struct.pack("<IBBHQQ", 1, 0x11, 0, 1, 0, 0) * symbols
    bits = 1 << real % 64 | 1 << (real >> 1) % 64
    hashes = struct.pack("<IIIIQI", 1, 1, 1, 1, bits, 1) + struct.pack("<I", real & ~1) * symbols
    start, place = 1 << 24, len(parts.data) + -len(parts.data) % 4096
    content = table + hashes + name
    sizes = (len(content), len(content))
    load = struct.pack("<IIQQQQQQ", PT_LOAD, 4, place, start, 0, *sizes, 4096)
    grown = Parts(parts.data.ljust(place, b"\0") + content).with_headers(load, 1)
    data = grown.data
    values = {
        "SYMTAB": start,
        "GNU_HASH": start + len(table),
        "STRTAB": start + len(table) + len(hashes),
        "STRSZ": len(name),
    }
    for tag, value in values.items():
        data = patched(data, grown.entry(tag) + 8, "<Q", value)
    for entry in grown.entries("NEEDED", "VERSYM", "VERNEED", "VERNEEDNUM", "VERDEF", "VERDEFNUM"):
        data = patched(data, entry, "<Q", ABSENT)
    return data


class TestSymbols:
    """Names of symbols, which the check reads."""

    @pytest.mark.parametrize("symbols", [1_000, 50_000])
    def test_long_names(self, parts: Parts, symbols: int) -> None:
        """Symbols that share one long name are refused: to read them would have no bounds."""
        data = with_one_long_name(parts, symbols)
        assert "damaged: the names of its symbols never end (byte 0x0)" == text_of(data)
