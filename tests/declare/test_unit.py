"""A unit is plain data, on disk as in memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativeplug.declare.declarations import Declarations
from nativeplug.declare.parsing import parse
from nativeplug.declare.preprocess import read
from nativeplug.declare.unit import (
    Lines,
    Row,
    TypeDeclaration,
    Unit,
    from_line,
    to_line,
)

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


def read_symbols(text: str) -> Lines:
    """Return the lines of what C text declares."""
    return parse(read(text), "x.h", Declarations()).symbols


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
    row = ["variable", "name", f"{text} name{text}", text, False, f"{text}:1:2", text]
    unit = Unit(text, Lines.of([to_line(row)]), types, ffi)
    found = Unit.from_bytes(unit.to_bytes())
    assert unit == found
    assert row == from_line(found.symbols["name"])


def test_lines_that_are_alike_share_their_pattern() -> None:
    """What is known of one symbol holds for all of its pattern; a length makes another one."""
    text = (
        "int f(int a); int g(int a);\nint h(int b); int i(int n, int x[n]); int j(int n, int x[]);"
    )
    found = parse(read(text), "x.h", Declarations()).symbols
    assert found["f"][0] == found["g"][0]
    assert 4 == len({line[0] for line in found.values()})


class TestLines:
    """Lines are found by name, however many are looked for."""

    ROWS: tuple[Row, ...] = (
        ["function", "f", "struct f f(int f)", "T", "r", [["f"]], False, "T", "x.h:1:10", None],
        ["function", "ff", "struct ff ff(int f)", "T", "r", [["f"]], False, "T", "x.h:2:11", None],
        ["function", "g", "void g(void)", "U", "void", [], False, "U [1]", "x.h:3:6", None],
        ["variable", "v", "int v", "int", False, "a:b.h:4:5", "it is no good"],
    )
    LINES = Lines.of(map(to_line, ROWS))

    def test_all(self) -> None:
        """Rows come back, in their order."""
        assert [*self.ROWS] == [from_line(line) for line in self.LINES.values()]
        assert (4, ["f", "ff", "g", "v"]) == (len(self.LINES), [*self.LINES])

    def test_one_by_one(self) -> None:
        """The first few are searched for, the others come from an index."""
        lines = Lines(*self.LINES.parts())
        for row in [*self.ROWS] * 5:
            assert row == from_line(lines[row[1]])

    @pytest.mark.parametrize("name", ["", "h", "F", "f\t0", "f\t0\t1:10", "v\n", "\nf", "0"])
    def test_absent(self, name: str) -> None:
        """What is no name is not found, by search or by index."""
        lines = Lines(*self.LINES.parts())
        assert [False] * 20 == [name in lines for _ in range(20)]

    def test_patterns(self) -> None:
        """Functions that differ in name and place only share what else is kept of them."""
        found = read_symbols("int f(char *s);\nint g(char *s);\nint h(char *t);\nint k(char *s);")
        patterns, text = found.parts()
        assert (2, "\nf\t0\t1:5\ng\t0\t2:5\nh\t1\t3:5\nk\t0\t4:5\n") == (len(patterns), text)

    def test_together(self) -> None:
        """Lines of two texts; where both have a name, the second counts."""
        more = Lines.of([to_line([*self.ROWS[2][:-2], "y.h:1:6", None])])
        none = Lines.of([])
        both = self.LINES | more
        assert [*self.LINES] == [*both]
        assert (self.LINES["f"], more["g"]) == (both["f"], both["g"])
        assert (more, more, none) == (none | more, more | none, none | none)
        assert "Lines.of([])" == repr(none)


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
        b'["x", [], {}]',
        b"\n\n",
        b"5\n\n",
        b"{}\n\n",
        b"[]\n\n",
        b"[1, 2, 3]\n\n",
        b'["x", [], {}, 1]\n\n',
        b'["x", [5], {}]\n\n',
        b'["x", [["a"]], {}]\n\n',
        b'["x", 5, {}]\n\n',
        b'["x", {}, 5]\n\n',
        b'["x", [], {"_types": "\\u1234"}]\n\n',
        b'["x", [], [1]]\n\n',
        b"[" * 100_000 + b"\n\n",
        json.dumps({"origin": "x", "symbols": {}, "types": []}).encode() + b"\n\n",
    ],
)
def test_other_data(data: bytes) -> None:
    """Data that is no unit is a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Unit.from_bytes(data)
