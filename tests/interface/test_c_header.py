"""The C header of an interface: what its author includes, and what declares its members."""

# mypy: disable-error-code="empty-body"
# ruff: noqa: N802 - the names are those of C

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated, Any, Final

import pytest

import nativeplug
from nativeplug import CType, Interface, declare, int64
from nativeplug._util import programs
from nativeplug.interface import declarations_of

POINT = """
typedef struct {
    double x, y;
} Point;
enum Color { RED /* a colour, and */, GREEN = 5 };
"""


class Greeter(Interface, name="greeter", version="1.2", types=POINT):
    """
    Greets */ people.

    In /* two paragraphs.
    """

    LIMIT: Final = 12
    LARGEST: Final = (1 << 64) - 1
    LEAST: Final = -(1 << 63)
    LESS: Final = -7
    GREEN: Final = 5
    Name: str
    Motto: Annotated[str | None, nativeplug.optional]
    origin: Annotated[Any, CType("Point")]
    hook: Annotated[Any, CType("int (*)(int)")]

    @property
    def limit(self) -> nativeplug.size:
        """How many there may be."""

    def Add(self, a: int64, b: int64) -> int64:
        """
        Add two numbers.

        Wraps around.
        """

    def is_long(self, text: str) -> bool:
        """Tell."""

    @nativeplug.optional
    def show(self, form: str, *args: Any) -> nativeplug.ssize:
        """Print."""


HEADER = f"""\
/*
 * Interface greeter 1.2 ({__name__}.Greeter)
 *
 * To be told by the plugin: NATIVEPLUG_INTERFACE("greeter", 1, 2), of nativeplug.h.
 *
 * Greets * / people.
 *
 * In / * two paragraphs.
 */
#ifndef GREETER_H
#define GREETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define LIMIT 12
#define LARGEST 18446744073709551615ULL
#define LEAST (-9223372036854775807LL - 1)
#define LESS (-7)

typedef struct {{
    double x, y;
}} Point;
enum Color {{ RED /* a colour, and */, GREEN = 5 }};

extern const char *Name;
/* A plugin may lack it. */
extern const char *Motto;
extern Point origin;
extern int (*hook)(int);
/* How many there may be. */
extern const size_t limit;
/*
 * Add two numbers.
 *
 * Wraps around.
 */
int64_t Add(int64_t a, int64_t b);
/* Tell. */
bool is_long(const char *text);
/*
 * Print.
 *
 * A plugin may lack it.
 */
ssize_t show(const char *form, ...);

#ifdef __cplusplus
}}
#endif

#endif /* GREETER_H */
"""


class Small(Interface):
    """One function."""

    def nop(self) -> None:
        """Do nothing."""


def test_all_of_it() -> None:
    """Constants, types, variables and functions follow each other, with their docstrings."""
    assert HEADER == declarations_of(Greeter)


def test_small() -> None:
    """What is not needed is not there."""
    lines = [line for line in declarations_of(Small).splitlines() if line]
    expected = [
        "/*",
        f" * Interface {__name__}.Small",
        " *",
        " * One function.",
        " */",
        "#ifndef SMALL_H",
        "#define SMALL_H",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "/* Do nothing. */",
        "void nop(void);",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif /* SMALL_H */",
    ]
    assert expected == lines


@pytest.mark.parametrize("language", ["c11", "c99", "c++11", "c++20"])
def test_compiles(language: str, tmp_path: Path) -> None:
    """C and C++ take it without a warning, also twice."""
    compiler = programs.c_compiler()
    assert compiler is not None
    (tmp_path / "greeter.h").write_text(declarations_of(Greeter))
    suffix = "cpp" if "++" in language else "c"
    source = tmp_path / f"greeter.{suffix}"
    source.write_text('#include "greeter.h"\n#include "greeter.h"\nint64_t least = LEAST;\n')
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    subprocess.run([*compiler, f"-std={language}", *flags, source], check=True)


def test_is_read_as_it_is() -> None:
    """The header declares what the class says."""
    found = declare.read(declarations_of(Greeter))
    expected = ["Name", "Motto", "origin", "hook", "limit", "Add", "is_long", "show"]
    assert expected == list(found.symbols)
    constants = {"GREEN": 5, "RED": 0, "LIMIT": 12, "LESS": -7}
    numbers = {"LARGEST": 18446744073709551615, "LEAST": -9223372036854775808}
    assert constants | numbers == found.constants
    assert (16, True) == (found.ffi.sizeof("Point"), found.symbols["limit"].readonly)  # type: ignore[union-attr]


def test_constants_in_types() -> None:
    """Types may use the constants of the class."""

    class Table(Interface, types="typedef struct { int cells[LIMIT]; } Row;"):
        LIMIT: Final = 12
        row: Annotated[Any, CType("Row")]

    assert 48 == declare.read(declarations_of(Table)).ffi.sizeof("Row")
