"""A unit is plain data, on disk as in memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativeplug.declare.ctext import parse
from nativeplug.declare.declarations import Declarations
from nativeplug.declare.plain import read
from nativeplug.declare.unit import Lines, TypeDeclaration, Unit, from_line, prototype_of, to_line

TEXT = """
#define LIMIT 0xffffffffffffffff
struct S { int x; const char *name; };
typedef struct { char c; long l; } __attribute__((packed)) P;
enum color { RED = -1, GREEN };
double f(const struct S *s, P p, ...);
extern const int table[3];
_Atomic int refused;
"""


@pytest.fixture(scope="module")
def unit() -> Unit:
    """Return a unit with something of everything."""
    return parse(read(TEXT), "x.h", Declarations())


def test_everything_comes_back(unit: Unit) -> None:
    """What is written is read again, type by type."""
    found = Unit.from_bytes(unit.to_bytes())
    assert unit == found
    assert repr(unit) == repr(found)


@given(st.binary(), st.text(), st.integers(-(2**63), 2**64))
def test_any_data(data: bytes, text: str, number: int) -> None:
    """Any bytes, text and numbers come back."""
    ffi = {"_types": data, "_globals": (data, number, b"x", 0), "_nested": ((data, (b"",)),)}
    types = [TypeDeclaration((text,), text, text, packed=True)]
    row = ["variable", text, text, text, False, text, None]
    unit = Unit(text, Lines.of({text: to_line(row)}), types, ffi)
    found = Unit.from_bytes(unit.to_bytes())
    assert unit == found
    assert row == from_line(found.symbols[text])


def test_lines_begin_with_the_prototype(unit: Unit) -> None:
    """A line tells, without being taken apart, what a function that is served is called like."""
    found = {name: prototype_of(line) for name, line in unit.symbols.items()}
    assert {"f": "double (*)(const struct S *, P, ...)", "table": "", "refused": ""} == found


def test_says_the_same() -> None:
    """Two declarations of a type say the same if text and packing are the same."""
    one = TypeDeclaration(("struct S",), "struct S { int x; }", "x.h:1:1")
    assert one.says_the_same(TypeDeclaration(("struct S",), "struct S { int x; }", "y.h:1:1"))
    assert not one.says_the_same(TypeDeclaration(("struct S",), "struct S { long x; }", "x.h:1:1"))
    packed = TypeDeclaration(("struct S",), "struct S { int x; }", "x.h:1:1", packed=True)
    assert not one.says_the_same(packed)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"nonsense",
        b"5",
        b"{}",
        b"[]",
        b"[1, 2, 3]",
        b'["x", {}, [], {}, 1]',
        b'["x", {}, [5], {}]',
        b'["x", {}, [["a"]], {}]',
        b'["x", {}, {}, 5]',
        b'["x", 5, [], {}]',
        b'["x", {}, [], {"_types": "\\u1234"}]',
        b'["x", {}, [], [1]]',
        b'["x", ["f"], [], {}]',
        b"[" * 100_000,
        json.dumps({"origin": "x", "symbols": {}, "types": [], "ffi": {}}).encode(),
    ],
)
def test_other_data(data: bytes) -> None:
    """Data that is no unit is a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Unit.from_bytes(data)
