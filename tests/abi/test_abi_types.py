"""Declared symbols as the ABI sees them."""

from __future__ import annotations

import platform

import pytest

from nativeplug import abi, declare
from nativeplug.abi import Array, Enumeration, Field, FunctionType, Pointer, Record, Scalar
from nativeplug.declare.abi_types import abi_of

IS_X86 = platform.machine() == "x86_64"


def type_of(text: str, name: str = "x") -> abi.Type | None:
    """Return the type of a declared symbol."""
    declared = declare.read(text)
    return abi_of(declared.ffi, declared.lines[name])


class TestVariables:
    """The types of variables, which are those of parameters too."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("int x", Scalar("integer", 4, signed=True)),
            ("unsigned long x", Scalar("integer", 8)),
            ("uint8_t x", Scalar("integer", 1)),
            ("signed char x", Scalar("integer", 1, signed=True)),
            ("char x", Scalar("integer", 1, signed=IS_X86)),
            ("wchar_t x", Scalar("integer", 4, signed=IS_X86)),
            ("char16_t x", Scalar("integer", 2)),
            ("char32_t x", Scalar("integer", 4)),
            ("_Bool x", Scalar("boolean", 1)),
            ("float x", Scalar("float", 4)),
            ("double x", Scalar("float", 8)),
            ("long double x", Scalar("x87" if IS_X86 else "float", 16)),
            ("float _Complex x", Scalar("complex", 8)),
            ("double _Complex x", Scalar("complex", 16)),
            ("intptr_t x", Scalar("integer", 8, signed=True, is_address=True)),
            ("uintptr_t x", Scalar("integer", 8, is_address=True)),
            ("enum color { RED }; enum color x", Enumeration(4)),
            ("void *x", Pointer()),
            ("int (*x)(int)", Pointer()),
            ("struct opaque *x", Pointer()),
            ("int x[3]", Array(Scalar("integer", 4, signed=True), 3)),
            ("int x[]", Array(Scalar("integer", 4, signed=True), None)),
            ("char *x[2][3]", Array(Array(Pointer(), 3), 2)),
        ],
    )
    def test_type(self, text: str, expected: abi.Type) -> None:
        """Class, size and sign are the platform's."""
        before, _, last = text.rpartition("; ")
        assert expected == type_of(f"{before and before + ';'} extern {last};")

    def test_names(self) -> None:
        """A type is called as it is written, typedefs too."""
        found = type_of("typedef int number; extern number x;")
        assert isinstance(found, Scalar)
        assert "number" == found.name


class TestRecords:
    """Structs and unions."""

    def test_members(self) -> None:
        """Members have their places, bit-fields their bits; pointers in them lead nowhere."""
        text = "struct s { char a; int b : 3; int c : 5; struct s *next; short tail[]; };"
        found = type_of(f"{text} extern struct s *x;")
        integer, short = (Scalar("integer", size, signed=True) for size in (4, 2))
        assert (
            Pointer(
                Record(
                    "struct s",
                    16,
                    8,
                    (
                        Field(Scalar("integer", 1, signed=IS_X86), 0),
                        Field(integer, 1, (8, 3)),
                        Field(integer, 1, (11, 5)),
                        Field(Pointer(), 8),
                        Field(Array(short, None), 16),
                    ),
                )
            )
            == found
        )

    def test_union(self) -> None:
        """A union is one."""
        found = type_of("union u { int i; double d; }; extern union u x;")
        assert isinstance(found, Record)
        assert (True, 8, [0, 0]) == (
            found.is_union,
            found.size,
            [field.offset for field in found.fields],
        )


class TestFunctions:
    """Functions."""

    def test_function(self) -> None:
        """A function has its result, its parameters as C adjusts them, and more."""
        found = type_of("struct s { int a; }; int x(struct s s, int xs[3], int f(void), ...);")
        assert isinstance(found, FunctionType)
        assert found.parameters is not None
        kinds = [type(each) for each in found.parameters]
        assert ([Record, Pointer, Pointer], True) == (kinds, found.is_variadic)

    def test_none(self) -> None:
        """A function without parameters has none."""
        assert FunctionType(abi.VOID, ()) == type_of("void x(void);")

    def test_union_with_bit_fields(self) -> None:
        """A function that cffi cannot call without a compiler is not variadic for that."""
        found = type_of("union u { int a : 3; }; int x(union u u);")
        assert isinstance(found, FunctionType)
        assert not found.is_variadic


@pytest.mark.parametrize(
    "text",
    [
        "struct s; int x(struct s s);",
        "struct s; extern struct s x;",
        "__int128 x(void);",
        "int x(__builtin_va_list list);",
        "extern __thread int x;",
        'int x(void) __asm__("y");',
        "_Float128 x(int a);",
    ],
)
def test_only_c_could_tell(text: str) -> None:
    """Of what is declared and not served, there is no type."""
    assert type_of(text) is None
