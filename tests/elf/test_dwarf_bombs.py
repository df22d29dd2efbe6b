"""Debug information that is made to take for ever: every step of reading it looks at the clock."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

import pytest

import nativeplug
from nativeplug.elf import dwarf, dynamic
from nativeplug.elf.dwarf import debug_sections, entries, units
from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.numbers import SHF_COMPRESSED
from support import Compile

_MANY = 100_000
# Of two parts, so that its unit has a list of ranges.
_SOURCE = """
int f(int x) { return x; }
__attribute__((section("other"))) int g(int x) { return x; }
"""
# DW_TAG_*, DW_AT_* and DW_FORM_* of DWARF 5, sections 7.5.3 to 7.5.6.
_UNIT, _FUNCTION, _NAME, _RANGES, _LOCATION = 0x11, 0x2E, 0x03, 0x55, 0x02
_STRING, _BLOCK, _UDATA, _OFFSET, _INDIRECT, _STRP = 0x08, 0x09, 0x0F, 0x17, 0x16, 0x0E


def number(value: int) -> bytes:
    """Return a number as DWARF has them (ULEB128)."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def abbreviation(code: int, tag: int, *attributes: int, children: bool = False) -> bytes:
    """Return an entry of a table of abbreviations: attributes and forms in turn."""
    return number(code) + bytes([tag, children, *attributes, 0, 0])


def unit(body: bytes, version: int = 4) -> bytes:
    """Return a unit whose abbreviations are the first ones."""
    header = struct.pack("<HIB", version, 0, 8)
    return struct.pack("<I", len(header) + len(body)) + header + body


def with_sections(data: bytes, changed: dict[str, bytes], flags: int = 0) -> bytes:
    """Return a file with another content of debug sections that it has."""
    file, made = ElfFile.of(data), bytearray(data)
    layout = file.target.section_header
    for name, content in changed.items():
        section = dict(debug_sections.find_all(data))[name]
        place = file.header.sections_offset + file.sections.index(section) * layout.size
        new = section._replace(flags=flags, offset=len(made), size=len(content))
        made[place : place + layout.size] = layout.pack(*new)
        made += content
    return bytes(made)


@pytest.fixture
def plugin(compile_c: Compile) -> bytes:
    """Give a plugin that has debug information of every kind, in the place of which others go."""
    return compile_c(_SOURCE, "-g", "-gdwarf-4").read_bytes()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Let a second pass whenever somebody looks at the clock."""
    looks = itertools.count()
    monkeypatch.setattr("nativeplug.elf.dwarf.entries.time.monotonic", lambda: float(next(looks)))
    return looks


# A unit's own entry, which has the addresses of everything.
_TOP = abbreviation(1, _UNIT, 0x11, 0x01, 0x12, 0x07, children=True)
_EVERYWHERE = struct.pack("<QQ", 1, 1 << 40)

BOMBS = {
    "abbreviations": {
        ".debug_abbrev": b"".join(abbreviation(code, _FUNCTION) for code in range(1, _MANY)),
        ".debug_info": unit(number(1)),
    },
    "attributes": {
        ".debug_abbrev": b"\1\x11\0" + _MANY * bytes([_NAME, _UDATA]) + b"\0\0\0",
        ".debug_info": unit(number(1) + _MANY * b"\1"),
    },
    "text": {
        ".debug_abbrev": abbreviation(1, _UNIT, _NAME, _STRING) + b"\0",
        ".debug_info": unit(number(1) + 64 * _MANY * b"a" + b"\0"),
    },
    "text elsewhere": {
        ".debug_abbrev": abbreviation(1, _UNIT, _NAME, _STRP) + b"\0",
        ".debug_info": unit(number(1) + bytes(4)),
        ".debug_str": 64 * _MANY * b"a" + b"\0",
    },
    "block": {
        ".debug_abbrev": abbreviation(1, _UNIT, _LOCATION, _BLOCK) + b"\0",
        ".debug_info": unit(number(1) + number(_MANY) + bytes(_MANY)),
    },
    "number": {
        ".debug_abbrev": abbreviation(1, _UNIT, _NAME, _UDATA) + b"\0",
        ".debug_info": unit(number(1) + _MANY * b"\x80" + b"\1"),
    },
    "indirect": {
        ".debug_abbrev": abbreviation(1, _UNIT, _NAME, _INDIRECT) + b"\0",
        ".debug_info": unit(number(1) + _MANY * bytes([_INDIRECT]) + b"\x0b\1"),
    },
    "ranges": {
        ".debug_abbrev": abbreviation(1, _UNIT, _RANGES, _OFFSET) + b"\0",
        ".debug_info": unit(number(1) + bytes(4)),
        ".debug_ranges": _MANY * struct.pack("<QQ", 1, 2) + bytes(16),
    },
    "units": {".debug_abbrev": b"\0", ".debug_info": _MANY * unit(b"", 4)},
    "empty units": {".debug_abbrev": b"\0", ".debug_info": bytes(4 * _MANY)},
    "entries": {
        ".debug_abbrev": _TOP + abbreviation(2, 0x34) + b"\0",
        ".debug_info": unit(number(1) + _EVERYWHERE + _MANY * number(2) + b"\0"),
    },
    "nested": {
        ".debug_abbrev": _TOP + abbreviation(2, 0x34, children=True) + b"\0",
        ".debug_info": unit(number(1) + _EVERYWHERE + _MANY * number(2)),
    },
    "namespaces": {
        ".debug_abbrev": _TOP + abbreviation(2, 0x39, children=True) + b"\0",
        ".debug_info": unit(number(1) + _EVERYWHERE + _MANY * number(2)),
    },
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.usefixtures("clock")
def test_clock(bomb: str, plugin: bytes) -> None:
    """Whatever there is much of, reading ends when time has run out."""
    made = with_sections(plugin, BOMBS[bomb])
    loaded = debug_sections.load(made)
    assert BOMBS[bomb] == {name: loaded[name] for name in BOMBS[bomb]}
    found = dwarf.read(made)
    assert ("reading it takes more than 8 s", False) == (found.reason, found.is_final)


@pytest.mark.usefixtures("clock")
def test_addresses(plugin: bytes) -> None:
    """A symbol's address that stands everywhere is looked at for so long, and not kept so often."""
    address = dynamic.read(plugin).addresses["f"]
    filled = unit(number(1) + _MANY * struct.pack("<Q", address))
    found = dwarf.read(with_sections(plugin, {".debug_info": filled, ".debug_abbrev": b"\0"}))
    assert "reading it takes more than 8 s" == found.reason


def test_not_kept_so_often(plugin: bytes) -> None:
    """Of many places of an address a thousand are kept."""
    address = dynamic.read(plugin).addresses["f"]
    filled = with_sections(plugin, {".debug_info": unit(5_000 * struct.pack("<Q", address))})
    read = entries.Dies(debug_sections.load(filled), entries.Budget())
    found = units.places(read, frozenset({address}))
    assert [(address, 1_000)] == [(each, len(places)) for each, places in found.items()]


def test_long_names(compile_c: Compile) -> None:
    """Long names are entries, too: they are copied wherever they are used."""
    data = compile_c(f"int {1000 * 'a'};", "-g").read_bytes()
    budget = entries.Budget()
    read = entries.Dies(debug_sections.load(data), budget)
    [variable] = [
        each
        for each in read.children(read.top(read.unit(read.offsets[0])))
        if each.tag == "DW_TAG_variable"
    ]
    before = budget.entries
    assert 1000 * "a" == read.name(variable)
    assert 3 == before - budget.entries


@pytest.mark.slow
def test_compressed(plugin: bytes) -> None:
    """What unpacks to more than 64 times its size is not unpacked."""
    table = b"".join(abbreviation(0x7F, _FUNCTION) for _ in range(10 * _MANY)) + b"\0"
    packed = struct.pack("<IIQQ", 1, 0, len(table), 1) + zlib.compress(table, 9)
    made = with_sections(plugin, {".debug_abbrev": packed}, SHF_COMPRESSED)
    found = dwarf.read(made)
    expected = f".debug_abbrev has {len(table)} bytes, compressed to {len(packed) - 24}"
    assert (expected, True) == (found.reason, found.is_final)
    assert dwarf.size_of(made) > len(table)  # so it is read in a process of its own


def test_paths(compile_c: Compile) -> None:
    """Types that have two of the next in them are few, on however many paths they are reached."""
    chain = "".join(f"struct S{level + 1} {{ struct S{level} a, b; }};\n" for level in range(29))
    text = "struct S0 { char c; };\n" + chain + "int f(struct S29 *p) { return p != 0; }"
    with nativeplug.open(compile_c(text, "-g")) as plg:
        assert "dwarf" == plg.lookup("f").checked
