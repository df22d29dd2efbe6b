"""What agrees to the ABI, what does not, and how that is said."""

from __future__ import annotations

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
    differ,
)

INT = Scalar("integer", 4, signed=True, name="int")
UNSIGNED = Scalar("integer", 4, name="unsigned int")
INT64 = Scalar("integer", 8, signed=True, name="int64_t")
CHAR = Scalar("integer", 1, signed=True, name="char")
DOUBLE = Scalar("float", 8, name="double")
INTPTR = Scalar("integer", 8, signed=True, name="intptr_t", is_address=True)
LONG_DOUBLE = Scalar("x87", 16, name="long double")
QUAD = Scalar("float", 16, name="_Float128")
BOOL = Scalar("boolean", 1, name="_Bool")
COLOR = Enumeration(4, "enum color")
TEXT = Pointer(None, "const char *")


def record(*types: Type, name: str = "struct s", align: int = 8, gap: int = 8) -> Record:
    """Return a struct whose members are *gap* bytes apart."""
    fields = tuple(Field(each, index * gap) for index, each in enumerate(types))
    return Record(name, gap * len(types), align, fields)


def union(*types: Type) -> Record:
    """Return a union."""
    return Record("union u", 8, 8, tuple(Field(each, 0) for each in types), is_union=True)


def function(*parameters: Type, result: Type = VOID, is_variadic: bool = False) -> FunctionType:
    """Return a function's type."""
    return FunctionType(result, parameters, is_variadic)


class TestAgree:
    """What is one to the ABI."""

    @pytest.mark.parametrize(
        ("declared", "known"),
        [
            (INT, Scalar("integer", 4, signed=True, name="int32_t")),
            (TEXT, Pointer(record(INT), "struct s *")),
            (INTPTR, TEXT),
            (COLOR, INT),
            (COLOR, UNSIGNED),
            (COLOR, Enumeration(4)),
            (CHAR, Scalar("integer", 1, name="char")),
            (record(INT, DOUBLE), record(INT, DOUBLE, name="struct t")),
            (record(COLOR, TEXT), record(INT, INTPTR)),
            (Array(INT, None), Array(INT, 3)),
            (Array(INT, 3), Array(INT, None)),
            (record(Array(INT, 2), gap=8), record(INT, INT, gap=4)),
            (union(INT, DOUBLE), union(DOUBLE, INT, INT)),
            (union(record(INT, INT, gap=4), DOUBLE), union(Array(INT, 2), DOUBLE)),
            (record(union(INT)), record(INT)),
            (function(INT), FunctionType(VOID, None)),
            (function(TEXT, INT, is_variadic=True), FunctionType(VOID, None, is_variadic=True)),
            (Pointer(record(INT, name="struct s")), Pointer(record(DOUBLE, name="struct t"))),
            (Pointer(record(INT)), Pointer()),
            (record(INT, align=4), record(INT, align=1)),
        ],
    )
    def test_same(self, declared: Type, known: Type) -> None:
        """They agree, whichever is declared."""
        assert [None, None] == [differ(declared, known), differ(known, declared)]

    def test_transparent(self) -> None:
        """Rust's record of one field is that field, and the record that it is."""
        handle = Record("struct Handle", 8, 8, (Field(INT64, 0),), is_transparent=True)
        assert differ(INT64, handle) is None
        assert differ(handle, INT64) is None
        assert differ(record(INT64), handle) is None
        assert differ(DOUBLE, handle) is not None
        assert differ(INT64, record(INT64)) is not None


class TestDiffer:
    """What is not."""

    @pytest.mark.parametrize(
        ("declared", "known"),
        [
            (INT, UNSIGNED),
            (INT, INT64),
            (INT64, DOUBLE),
            (INT64, TEXT),
            (BOOL, CHAR),
            (BOOL, Enumeration(1)),
            (COLOR, INT64),
            (COLOR, Scalar("float", 4, name="float")),
            (COLOR, Scalar("vector", 4)),
            (CHAR, Scalar("integer", 1, name="uint8_t")),
            (CHAR, Scalar("integer", 1, name="byte")),
            (Scalar("integer", 1, signed=True, name="a"), Scalar("integer", 1, name="a")),
            (LONG_DOUBLE, QUAD),
            (VOID, INT),
            (record(INT), INT64),
            (record(INT), record(DOUBLE)),
            (record(INT), record(INT, INT)),
            (record(INT64, gap=16, align=8), record(INT64, gap=16, align=16)),
            (union(INT), union(INT, DOUBLE)),
            (Array(INT, 3), Array(INT, 4)),
            (Array(INT, 3), Array(UNSIGNED, 3)),
            (Array(INT, 3), TEXT),
            (function(INT), function(INT, INT)),
            (function(INT), function(INT, is_variadic=True)),
            (function(INT), INT),
            (function(result=INT), FunctionType(INT64, None)),
            (Pointer(record(INT)), Pointer(record(DOUBLE))),
            (Pointer(record(INT, name="s")), Pointer(record(INT, INT))),
            (Pointer(record(Array(CHAR, 5))), Pointer(record(Array(CHAR, 6)))),
        ],
    )
    def test_other(self, declared: Type, known: Type) -> None:
        """They differ, whichever is declared."""
        assert differ(declared, known) is not None
        assert differ(known, declared) is not None

    @pytest.mark.parametrize("bits", [(0, 4), (1, 3)])
    def test_bit_fields(self, bits: tuple[int, int]) -> None:
        """Bit-fields agree when they have the same bits, whatever they are cut from."""

        def packed(type_: Type, first: int, count: int) -> Record:
            return Record("struct s", 4, 4, (Field(type_, 0, (first, count)),))

        byte = Scalar("integer", 1, name="uint8_t")
        assert differ(packed(UNSIGNED, 0, 3), packed(byte, 0, 3)) is None
        assert differ(packed(UNSIGNED, 0, 3), packed(INT, 0, 3)) is not None
        assert differ(packed(UNSIGNED, 0, 3), packed(UNSIGNED, *bits)) is not None

    def test_large_records(self) -> None:
        """A record of very many runs is compared by its size."""
        pair = record(INT, DOUBLE, gap=8)
        large = [record(Array(pair, count), gap=16 * count) for count in (5000, 5001)]
        assert differ(large[0], large[0]) is None
        assert differ(*large) is not None


class TestWords:
    """How a difference is said."""

    @pytest.mark.parametrize(
        ("declared", "known", "words"),
        [
            (
                function(TEXT, INT),
                function(TEXT, INT64),
                "parameter 2 is 'int' (4 bytes, signed), it takes 'int64_t' (8 bytes, signed)",
            ),
            (
                function(result=COLOR),
                function(result=DOUBLE),
                (
                    "the result is 'enum color' (4 bytes, an enumeration), it returns 'double' "
                    "(8 bytes, floating-point)"
                ),
            ),
            (
                function(result=VOID),
                function(result=TEXT),
                "the result is 'void', it returns 'const char *' (a pointer)",
            ),
            (function(INT), function(), "it is declared with 1 parameter, it takes 0"),
            (
                function(INT),
                function(INT, is_variadic=True),
                "it is not declared as variadic, it is (...)",
            ),
            (
                function(INT, is_variadic=True),
                function(INT),
                "it is declared as variadic (...), it is not",
            ),
            (
                function(),
                BOOL,
                "it is declared as a function, it is a variable: '_Bool' (1 byte, boolean)",
            ),
            (
                INT,
                function(),
                "it is declared as a variable: 'int' (4 bytes, signed), it is a function",
            ),
            (
                Array(INT, 3, "int[3]"),
                Array(INT, 4, "int[4]"),
                "it is declared as 'int[3]' (12 bytes), it is 'int[4]' (16 bytes)",
            ),
            (
                function(record(INT, DOUBLE)),
                function(record(INT, INT64)),
                (
                    "parameter 1 is 'struct s' (16 bytes), it takes 'struct s' (16 bytes), which "
                    "differ at byte 8: 'double' (8 bytes, floating-point) and 'int64_t' (8 bytes, "
                    "signed)"
                ),
            ),
            (
                function(Pointer(record(INT), "struct s *")),
                function(Pointer(record(INT, INT), "struct s *")),
                (
                    "parameter 1 is 'struct s *' (a pointer), it takes 'struct s *' (a pointer), "
                    "and they point to records of 8 and 16 bytes"
                ),
            ),
            (
                function(Pointer(record(INT, INT), "struct s *")),
                function(Pointer(record(INT), "struct s *")),
                (
                    "parameter 1 is 'struct s *' (a pointer), it takes 'struct s *' (a pointer), "
                    "and they point to records of 16 and 8 bytes"
                ),
            ),
            (
                LONG_DOUBLE,
                INT,
                (
                    "it is declared as 'long double' (16 bytes, extended floating-point), it is "
                    "'int' (4 bytes, signed)"
                ),
            ),
            (
                record(INT64, gap=16, align=8),
                record(INT64, gap=16, align=16),
                (
                    "it is declared as 'struct s' (16 bytes), it is 'struct s' (16 bytes), aligned "
                    "to 8 and 16 bytes"
                ),
            ),
        ],
    )
    def test_difference(self, declared: Type, known: Type, words: str) -> None:
        """Both sides are shown in C's terms and the ABI's."""
        assert words == differ(declared, known)

    def test_place(self) -> None:
        """A bit-field's place is told to the bit, and where one side has nothing."""
        with_bits = Record("struct s", 4, 4, (Field(UNSIGNED, 0, (3, 2)),))
        bare = Record("struct s", 4, 4, ())
        place, there = "at bit 3 of byte 0", "'unsigned int' (4 bytes, unsigned)"
        assert f"{place}: {there} and nothing" in str(differ(with_bits, bare))
        assert f"{place}: nothing and {there}" in str(differ(bare, with_bits))

    def test_without_names(self) -> None:
        """What has no name is called what it is."""
        assert "it is declared as 'integer' (2 bytes, unsigned)" in str(
            differ(Scalar("integer", 2), Pointer())
        )
