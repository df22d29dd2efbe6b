"""Damages of a plugin's symbols, relocations and functions that are called."""

from __future__ import annotations

from collections.abc import Callable

from damages_dynamic import set_tag
from elf_parts import (
    HUGE,
    OUTSIDE,
    R_ADDEND,
    R_INFO,
    RELOCATION_SIZE,
    ST_INFO,
    ST_OTHER,
    ST_SHNDX,
    ST_SIZE,
    ST_VALUE,
    Damage,
    Made,
    Parts,
)
from nativeplug.load.layout import PT_DYNAMIC, host_target

_UNKNOWN_TYPE = 200
# Types of relocations: a word, GLOB_DAT, JUMP_SLOT, RELATIVE, one of a thread-local variable,
# one of its place in all threads, IRELATIVE.
_TYPES = {62: (1, 6, 7, 8, 16, 18, 37), 183: (257, 1025, 1026, 1027, 1031, 1030, 1032)}
_WORD, _GLOB_DAT, _JUMP_SLOT, _RELATIVE, _TLS, _TLS_PLACE, _IRELATIVE = _TYPES.get(
    host_target().machine, (0,) * 7
)
_ABSOLUTE = 0xFFF1
_NOT_LOADED = "not in a segment that is loaded"


def _symbol(name: str, field: int, form: str, value: int) -> Callable[[Parts], Made]:
    return lambda f: f.put(f.symbol(name) + field, form, value, at=f.symbol(name))


def _relocation(kind: int, field: int, value: int, table: str = "RELA") -> Callable[[Parts], Made]:
    def make(f: Parts) -> Made:
        place = f.relocation(kind, table)
        return f.put(place + field, "Q", value, at=place)

    return make


def _version_of(f: Parts, name: str) -> int:
    return f.table("VERSYM") + 2 * f.index(name)


def _packed(*words: int | str) -> Callable[[Parts], Made]:
    """Add packed relocations; names stand for the addresses of symbols."""

    def make(f: Parts) -> Made:
        numbers = [f.address(word) if isinstance(word, str) else word for word in words]
        return f.with_packed(*numbers).data, f.at(f.address("packed")) + 8 * (len(words) - 1)

    return make


def _relocation_of_dynamic(f: Parts) -> Made:
    address = f.word(f.segment(PT_DYNAMIC) + 16)
    return f.put(f.relocation(_GLOB_DAT), "Q", address)


def _unfilled(f: Parts) -> Made:
    """Let what gives DT_INIT_ARRAY's first function its address write somewhere else."""
    return f.put(f.relocation(_RELATIVE), "Q", f.address("values"), at=f.table("INIT_ARRAY"))


def _twice(f: Parts) -> Made:
    """Let two relocations write to DT_INIT_ARRAY's first function, and none to its second."""
    first = f.relocation(_RELATIVE)
    return f.put(first + RELOCATION_SIZE, "Q", f.word(first))


def _moved(kind: int, symbol: str | None = None, into: int = 0) -> Callable[[Parts], Made]:
    """Let a relocation by a symbol write to DT_INIT_ARRAY's first function."""

    def make(f: Parts) -> Made:
        place = f.relocation(kind, symbol=symbol)
        return f.put(place, "Q", f.value("INIT_ARRAY") + into)

    return make


def _weak(f: Parts) -> Made:
    """Let the address of DT_INIT_ARRAY's first function be that of a symbol that may be missing."""
    return _moved(_WORD, "missing")(Parts(_unfilled(f)[0]))[0], f.table("INIT_ARRAY")


SYMBOLS = (
    Damage("name of a symbol", "damaged: the name of .*", _symbol("numbers", 0, "I", HUGE)),
    Damage("kind", "damaged: .* the kind 0x19", _symbol("numbers", ST_INFO, "B", 0x19)),
    Damage("binding", "damaged: .* the kind 0x51", _symbol("numbers", ST_INFO, "B", 0x51)),
    Damage("section", "damaged: .* section 0xff80", _symbol("numbers", ST_SHNDX, "H", 0xFF80)),
    Damage("place", f"damaged: .* {_NOT_LOADED}", _symbol("numbers", ST_VALUE, "Q", OUTSIDE)),
    Damage("size", f"damaged: .* {_NOT_LOADED}", _symbol("numbers", ST_SIZE, "Q", OUTSIDE)),
    Damage(
        "thread-local symbol",
        "damaged: a symbol is not among the thread-local variables",
        _symbol("per_thread", ST_VALUE, "Q", 0x100),
    ),
    Damage(
        "function",
        "damaged: a function is not in an executable segment",
        lambda f: f.put(f.symbol("use") + ST_VALUE, "Q", f.address("packed"), at=f.symbol("use")),
    ),
    Damage(
        "symbol of another file",
        "damaged: a symbol of another file has a place in this one",
        _symbol("fopen", ST_VALUE, "Q", 8),
    ),
    Damage(
        "local symbol of another file",
        "damaged: a symbol of another file is local",
        _symbol("fopen", ST_INFO, "B", 0x02),
    ),
    Damage(
        "hidden symbol of another file",
        "damaged: a symbol of another file is local",
        _symbol("fopen", ST_OTHER, "B", 2),
    ),
    Damage(
        "protected symbol of another file",
        "damaged: a symbol of another file is local",
        _symbol("fopen", ST_OTHER, "B", 3),
    ),
    Damage(
        "function nowhere",
        "damaged: a function, or a thread-local variable, is not in the file",
        _symbol("use", ST_SHNDX, "H", _ABSOLUTE),
    ),
    Damage(
        "thread-local variable nowhere",
        "damaged: a function, or a thread-local variable, is not in the file",
        _symbol("per_thread", ST_SHNDX, "H", _ABSOLUTE),
    ),
    Damage(
        "version of a symbol",
        "damaged: a symbol has the version 77, which the file does not have",
        lambda f: f.put(_version_of(f, "numbers"), "H", 77),
    ),
    Damage("versions of symbols", f"damaged: .* {_NOT_LOADED}", set_tag("VERSYM", OUTSIDE)),
)
CALLED = (
    Damage("DT_INIT", "damaged: the function of DT_INIT .*", set_tag("INIT", OUTSIDE)),
    Damage(
        "DT_FINI",
        "damaged: the function of DT_FINI .*",
        lambda f: f.set("FINI", f.address("numbers")),
    ),
    Damage("DT_INIT_ARRAY", f"damaged: .* {_NOT_LOADED}", set_tag("INIT_ARRAY", OUTSIDE)),
    Damage(
        "its size",
        f"damaged: .* DT_FINI_ARRAY .* {_NOT_LOADED}",
        lambda f: f.set("FINI_ARRAYSZ", 7, f.entry("FINI_ARRAY")),
    ),
    Damage("its functions", "damaged: DT_INIT_ARRAY has 2 .* 1 are relocated", _unfilled),
    Damage("function twice", "damaged: .* of DT_INIT_ARRAY is relocated twice", _twice),
    Damage("weak function", "damaged: DT_INIT_ARRAY has 2 .* 1 are relocated", _weak),
    Damage(
        "data for a function",
        "damaged: a function of DT_INIT_ARRAY is not in an executable segment",
        _moved(_WORD, "numbers"),
    ),
    Damage(
        "half of a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        _moved(_WORD, "fclose", 4),
    ),
    Damage(
        "another relocation of a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        _moved(_GLOB_DAT),
    ),
    Damage(
        "resolver for a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        lambda f: f.put(f.relocation(_IRELATIVE, "JMPREL"), "Q", f.value("INIT_ARRAY")),
    ),
    Damage(
        "constructor",
        "damaged: a function of DT_INIT_ARRAY is not in an executable segment",
        lambda f: f.put(
            f.relocation(_RELATIVE) + R_ADDEND,
            "Q",
            f.address("numbers"),
            at=f.relocation(_RELATIVE),
        ),
    ),
)
RELOCATIONS = (
    Damage("relocations", f"damaged: .* {_NOT_LOADED}", set_tag("RELA", OUTSIDE)),
    Damage(
        "their size", f"damaged: .* {_NOT_LOADED}", lambda f: f.set("RELASZ", 25, f.entry("RELA"))
    ),
    Damage("DT_RELACOUNT", "damaged: DT_RELACOUNT is more .*", set_tag("RELACOUNT", HUGE)),
    Damage(
        "first relocations",
        "damaged: DT_RELACOUNT is more than there are",
        _relocation(_RELATIVE, R_INFO, _WORD),
    ),
    Damage("type", "damaged: .* the type 200, .*", _relocation(_GLOB_DAT, R_INFO, _UNKNOWN_TYPE)),
    Damage("copy", "damaged: .* the type 5, .*", _relocation(_GLOB_DAT, R_INFO, 5)),
    Damage("target", "damaged: .* writes to 0x70000000, .*", _relocation(_RELATIVE, 0, OUTSIDE)),
    Damage("text relocation", "damaged: .* writes to 0x0, .*", _relocation(_WORD, 0, 0)),
    Damage(
        "dynamic section",
        "damaged: a relocation writes to the dynamic section",
        _relocation_of_dynamic,
    ),
    Damage(
        "symbol of a relocation",
        "damaged: a relocation has the symbol 4096, which there is not",
        _relocation(_GLOB_DAT, R_INFO, 4096 << 32 | _GLOB_DAT),
    ),
    Damage(
        "no symbol",
        "damaged: a relocation has no symbol",
        _relocation(_GLOB_DAT, R_INFO, _GLOB_DAT),
    ),
    Damage(
        "another kind of symbol",
        "damaged: a relocation is for another kind of symbol",
        lambda f: f.put(
            f.relocation(_TLS) + R_INFO,
            "Q",
            f.index("numbers") << 32 | _TLS,
            at=f.relocation(_TLS),
        ),
    ),
    Damage(
        "thread-local variable of another file",
        "damaged: a relocation is for another kind of symbol",
        lambda f: f.put(
            f.relocation(_GLOB_DAT) + R_INFO, "I", _TLS_PLACE, at=f.relocation(_GLOB_DAT)
        ),
    ),
    Damage(
        "slot",
        "damaged: a slot of the global offset table is not aligned",
        lambda f: f.put(f.relocation(_GLOB_DAT), "Q", f.address("values") + 4),
    ),
    Damage(
        "no function",
        "damaged: a relocation has no symbol",
        _relocation(_JUMP_SLOT, R_INFO, _JUMP_SLOT, "JMPREL"),
    ),
    Damage(
        "relocation that cannot wait",
        "damaged: a relocation of DT_JMPREL has the type .*",
        _relocation(_JUMP_SLOT, R_INFO, _GLOB_DAT, "JMPREL"),
    ),
    Damage(
        "no relocations",
        f"damaged: .* {_NOT_LOADED}",
        lambda f: f.set("RELASZ", 0, f.entry("RELA")),
    ),
    Damage(
        "variable that is called",
        "damaged: a relocation is for another kind of symbol",
        lambda f: f.put(
            f.relocation(_JUMP_SLOT, "JMPREL") + R_INFO,
            "Q",
            f.index("numbers") << 32 | _JUMP_SLOT,
            at=f.relocation(_JUMP_SLOT, "JMPREL"),
        ),
    ),
    Damage(
        "own address with a symbol",
        "damaged: a relocation by the file's own address has a symbol",
        _relocation(_RELATIVE, R_INFO, 1 << 32 | _RELATIVE),
    ),
    Damage(
        "own address",
        "damaged: a relocation is for 0x70000000, which is not in the file",
        _relocation(_RELATIVE, R_ADDEND, OUTSIDE),
    ),
    Damage(
        "resolver",
        "damaged: the resolver of a function is not in an executable segment",
        _relocation(_IRELATIVE, R_ADDEND, 0, "JMPREL"),
    ),
)
PACKED = (
    Damage("first packed word", "damaged: the packed .* without an address", _packed(3)),
    Damage("packed target", "damaged: .* writes to 0x70000000, .*", _packed(OUTSIDE)),
    Damage("packed bit", "damaged: .* writes to .*", _packed("values", 1 | 1 << 63)),
    Damage("packed value", "damaged: .* not in the file", _packed("values", 1 | 1 << 1)),
    Damage(
        "packed relocations",
        f"damaged: the table of packed relocations is {_NOT_LOADED}",
        lambda f: Parts(f.with_packed(f.address("values")).data).set("RELR", OUTSIDE),
    ),
)
