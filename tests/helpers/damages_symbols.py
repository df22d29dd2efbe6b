"""Damages of a plugin's symbols, relocations and functions that are called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from damages_dynamic import set_tag
from elf_parts import (
    GLOB_DAT,
    HUGE,
    IRELATIVE,
    JUMP_SLOT,
    OUTSIDE,
    R_ADDEND,
    R_INFO,
    RELATIVE,
    ST_INFO,
    ST_OTHER,
    ST_SHNDX,
    ST_SIZE,
    ST_VALUE,
    TAGS,
    TLS,
    TLS_PLACE,
    WORD,
    Damage,
    Made,
    Parts,
)
from nativeplug.elf.numbers import PT_DYNAMIC

_UNKNOWN_TYPE = 200
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
    return f.put(f.relocation(GLOB_DAT), "Q", address)


def _relocation_of(f: Parts, table: str) -> Made:
    """Let a relocation write to a table, in a file that says that it writes to its code."""
    made = Parts(f.add(TAGS["TEXTREL"])[0])
    return made.put(f.relocation(WORD), "Q", f.value(table))


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
RELOCATIONS = (
    Damage("relocations", f"damaged: .* {_NOT_LOADED}", set_tag("RELA", OUTSIDE)),
    Damage(
        "their size", f"damaged: .* {_NOT_LOADED}", lambda f: f.set("RELASZ", 25, f.entry("RELA"))
    ),
    Damage("DT_RELACOUNT", "damaged: DT_RELACOUNT is more .*", set_tag("RELACOUNT", HUGE)),
    Damage(
        "first relocations",
        "damaged: DT_RELACOUNT is more than there are",
        _relocation(RELATIVE, R_INFO, WORD),
    ),
    Damage("type", "damaged: .* the type 200, .*", _relocation(GLOB_DAT, R_INFO, _UNKNOWN_TYPE)),
    Damage("copy", "damaged: .* the type 5, .*", _relocation(GLOB_DAT, R_INFO, 5)),
    Damage("target", "damaged: .* writes to 0x70000000, .*", _relocation(RELATIVE, 0, OUTSIDE)),
    Damage("text relocation", "damaged: .* writes to 0x0, .*", _relocation(WORD, 0, 0)),
    *(
        Damage(
            f"relocated {table}",
            "damaged: a relocation writes to a table that the dynamic loader reads",
            partial(_relocation_of, table=table),
        )
        for table in ("STRTAB", "SYMTAB", "RELA", "JMPREL")
    ),
    Damage(
        "dynamic section",
        "damaged: a relocation writes to the dynamic section",
        _relocation_of_dynamic,
    ),
    Damage(
        "symbol of a relocation",
        "damaged: a relocation has the symbol 4096, which there is not",
        _relocation(GLOB_DAT, R_INFO, 4096 << 32 | GLOB_DAT),
    ),
    Damage(
        "no symbol",
        "damaged: a relocation has no symbol",
        _relocation(GLOB_DAT, R_INFO, GLOB_DAT),
    ),
    Damage(
        "another kind of symbol",
        "damaged: a relocation is for another kind of symbol",
        lambda f: f.put(
            f.relocation(TLS) + R_INFO,
            "Q",
            f.index("numbers") << 32 | TLS,
            at=f.relocation(TLS),
        ),
    ),
    Damage(
        "thread-local variable of another file",
        "damaged: a relocation is for another kind of symbol",
        lambda f: f.put(f.relocation(GLOB_DAT) + R_INFO, "I", TLS_PLACE, at=f.relocation(GLOB_DAT)),
    ),
    Damage(
        "slot",
        "damaged: a slot of the global offset table is not aligned",
        lambda f: f.put(f.relocation(GLOB_DAT), "Q", f.address("values") + 4),
    ),
    Damage(
        "slot of a thread-local variable",
        "damaged: a slot of the global offset table is not aligned",
        lambda f: f.put(f.relocation(TLS), "Q", f.address("values") + 4),
    ),
    Damage(
        "no function",
        "damaged: a relocation has no symbol",
        _relocation(JUMP_SLOT, R_INFO, JUMP_SLOT, "JMPREL"),
    ),
    Damage(
        "relocation that cannot wait",
        "damaged: a relocation of DT_JMPREL has the type .*",
        _relocation(JUMP_SLOT, R_INFO, GLOB_DAT, "JMPREL"),
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
            f.relocation(JUMP_SLOT, "JMPREL") + R_INFO,
            "Q",
            f.index("numbers") << 32 | JUMP_SLOT,
            at=f.relocation(JUMP_SLOT, "JMPREL"),
        ),
    ),
    Damage(
        "own address with a symbol",
        "damaged: a relocation by the file's own address has a symbol",
        _relocation(RELATIVE, R_INFO, 1 << 32 | RELATIVE),
    ),
    Damage(
        "own address",
        "damaged: a relocation is for 0x70000000, which is not in the file",
        _relocation(RELATIVE, R_ADDEND, OUTSIDE),
    ),
    Damage(
        "resolver",
        "damaged: the resolver of a function is not in an executable segment",
        _relocation(IRELATIVE, R_ADDEND, 0, "JMPREL"),
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
