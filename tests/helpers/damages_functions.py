"""Damages of the functions of a plugin that the dynamic loader calls."""

from __future__ import annotations

from collections.abc import Callable

from damages_dynamic import set_tag
from elf_parts import (
    GLOB_DAT,
    IRELATIVE,
    OUTSIDE,
    R_ADDEND,
    RELATIVE,
    RELOCATION_SIZE,
    WORD,
    Damage,
    Made,
    Parts,
)

_NOT_LOADED = "not in a segment that is loaded"


def _unfilled(f: Parts) -> Made:
    """Let what gives DT_INIT_ARRAY's first function its address write somewhere else."""
    return f.put(f.relocation(RELATIVE), "Q", f.address("values"), at=f.table("INIT_ARRAY"))


def _twice(f: Parts) -> Made:
    """Let two relocations write to DT_INIT_ARRAY's first function, and none to its second."""
    first = f.relocation(RELATIVE)
    return f.put(first + RELOCATION_SIZE, "Q", f.word(first))


def _moved(kind: int, symbol: str | None = None, into: int = 0) -> Callable[[Parts], Made]:
    """Let a relocation by a symbol write to DT_INIT_ARRAY's first function."""

    def make(f: Parts) -> Made:
        place = f.relocation(kind, symbol=symbol)
        return f.put(place, "Q", f.value("INIT_ARRAY") + into)

    return make


def _weak(f: Parts) -> Made:
    """Let the address of DT_INIT_ARRAY's first function be that of a symbol that may be missing."""
    return _moved(WORD, "missing")(Parts(_unfilled(f)[0]))[0], f.table("INIT_ARRAY")


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
        _moved(WORD, "numbers"),
    ),
    Damage(
        "half of a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        _moved(WORD, "fclose", 4),
    ),
    Damage(
        "another relocation of a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        _moved(GLOB_DAT),
    ),
    Damage(
        "resolver for a function",
        "damaged: a relocation overwrites a function of DT_INIT_ARRAY",
        lambda f: f.put(f.relocation(IRELATIVE, "JMPREL"), "Q", f.value("INIT_ARRAY")),
    ),
    Damage(
        "constructor",
        "damaged: a function of DT_INIT_ARRAY is not in an executable segment",
        lambda f: f.put(
            f.relocation(RELATIVE) + R_ADDEND,
            "Q",
            f.address("numbers"),
            at=f.relocation(RELATIVE),
        ),
    ),
)
