"""Types as lines, and back."""

from __future__ import annotations

import json

import pytest

from nativeplug.abi import (
    VOID,
    Array,
    Enumeration,
    Field,
    FunctionType,
    Pointer,
    Record,
    Scalar,
    Type,
    TypeTable,
)

INT = Scalar("integer", 4, signed=True, name="int")
POINT = Record("struct point", 8, 4, (Field(INT, 0, None, "x"), Field(INT, 4, None, "y")))
BITS = Record("union u", 4, 4, (Field(INT, 0, (1, 3), "b"),), is_union=True, is_transparent=True)
ALL: list[Type] = [
    VOID,
    INT,
    Scalar("integer", 8, name="uintptr_t", is_address=True),
    Enumeration(4, "enum color"),
    Pointer(None, "char *"),
    Pointer(POINT, "struct point *"),
    Array(Array(INT, 3), None, "int[][3]"),
    POINT,
    BITS,
    Record("union u", 4, 4, (Field(INT, 0),), is_union=True),
    Record("R", 4, 4, (Field(INT, 0),), is_transparent=True),
    FunctionType(INT, (POINT, INT, INT), is_variadic=True),
    FunctionType(VOID, None),
]


def test_round_trip() -> None:
    """Every type is the same again, its names too."""
    table = TypeTable()
    numbers = [table.add(each) for each in ALL]
    again = TypeTable(json.loads(json.dumps(table.lines)))
    assert list(map(repr, ALL)) == [repr(again[number]) for number in numbers]


def test_each_once() -> None:
    """A type has one line, however often it is used."""
    table = TypeTable()
    first = table.add(FunctionType(INT, (INT, POINT)))
    lines = len(table.lines)
    assert first == table.add(FunctionType(INT, (INT, POINT)))
    assert lines == len(table.lines)
    assert first == TypeTable(table.lines).add(FunctionType(INT, (INT, POINT)))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "3",
        '["what"]',
        '["scalar"]',
        '["array",1,2,""]',
        '["array",-1,2,""]',
        '["array",5,2,""]',
        '["record","struct s",1]',
        '["function",0,[0,7],false]',
    ],
)
def test_damaged(line: str) -> None:
    """A line that is not one of ours is an error, also one that is made of itself."""
    with pytest.raises(ValueError, match=r"."):
        TypeTable(['["scalar","integer",4,1,"int"]', line])[1]


def test_later_line() -> None:
    """What a type is made of stands before it, also where there is such a line behind it."""
    table = TypeTable(['["array",1,2,""]', '["scalar","integer",4,1,"int"]'])
    with pytest.raises(ValueError, match="not a type: it is made of number 1"):
        table[0]


def test_pointer_to_a_number() -> None:
    """Only records are pointed to."""
    with pytest.raises(ValueError, match="only records"):
        TypeTable(['["scalar","integer",4,1,"int"]', '["pointer",0,""]'])[1]


def test_no_such_number() -> None:
    """A number that no line has is an error."""
    with pytest.raises(ValueError, match="not a type"):
        TypeTable()[0]
