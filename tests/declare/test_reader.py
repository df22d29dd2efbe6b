"""What of a text can be served, and what its types are."""

from __future__ import annotations

import pytest

from nativeplug import declare
from nativeplug.errors import DeclarationError


class TestServed:
    """What only C can handle is refused when it is used, and nothing else is."""

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("#include <stdarg.h>\nint f(va_list ap);", "a va_list can be made in C only"),
            ("__int128 f(void);", "undefined type name: '__int128'"),
            ("_Atomic int f;", "undefined type name: '_Atomic'"),
            ("_Float16 f(void);", "Python has no such floating-point number"),
            ("int f(int n, double a[n][n]);", "expected a positive integer constant: 'n"),
            ("int f(struct unknown s);", "ctype 'struct unknown' has incomplete type"),
            ("struct unknown f(void);", "result type 'struct unknown' is opaque"),
            ("extern struct unknown f[];", "array item of unknown size: 'struct unknown'"),
            ("void f;", "void has no values"),
            ("int f(int)[3];", "invalid result type: 'int[3]'"),
            ("extern __thread int f;", "it is thread-local: it has another address in each thread"),
            ("extern _Thread_local int f;", "it is thread-local"),
            (
                'int f(void) asm("g");',
                "its asm label names the symbol 'g': declare it by that name",
            ),
            (
                "int f(int) __attribute__((ms_abi));",
                "its attribute 'ms_abi' changes how it is used",
            ),
        ],
    )
    def test_refused(self, text: str, problem: str) -> None:
        """The rest of the text can be used; this says where it stands and why it cannot."""
        found = declare.read(f"{text}\nint other(void);")
        assert declare.usable(found.lines["other"])
        with pytest.raises(DeclarationError) as caught:
            declare.usable(found.lines["f"])
        symbol = found.symbols["f"]
        expected = f"{symbol.place}: cannot use {symbol.text!r}: {problem}"
        assert str(caught.value).startswith(expected)
        assert ("<declarations>", text.count("\n") + 1) == (caught.value.file, caught.value.line)


class TestTypes:
    """Structs, unions, enums and typedefs."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("typedef struct P { int x; } P, *PP;", {"P": "struct P", "PP": "struct P *"}),
            ("typedef struct { int x; } A, *B, C[2];", {"A": "A", "B": "A *", "C": "A[2]"}),
            (
                "typedef struct { int x; } *B, A;",
                {"B": "struct B_struct *", "A": "struct B_struct"},
            ),
            ("typedef struct T { struct T *next; } const *t;", {"t": "struct T *"}),
            ("typedef struct S S; struct S { S *next; };", {"S": "struct S"}),
            ("typedef struct S *S;", {"S": "struct S *", "struct S": "struct S"}),
            ("typedef enum { A } e; typedef enum t { B } f;", {"e": "e", "f": "enum t"}),
            ("struct o { struct i { int x; } a; };", {"struct i": "struct i"}),
            ("typedef int (*cb)(struct s *, int);", {"cb": "int(*)(struct s *, int)"}),
            ("typedef unsigned long size_t;", {"size_t": "size_t"}),
            ("typedef unsigned int size_t;", {"size_t": "unsigned int"}),
            ("typedef int bool;", {"bool": "int"}),
            ("typedef unsigned char bool;", {"bool": "_Bool"}),
            ("typedef struct _file FILE;", {"FILE": "struct _file"}),
            ("__extension__ typedef long long ll;", {"ll": "long long"}),
            ("typedef __signed__ char s8;", {"s8": "signed char"}),
            (
                "extern struct { struct { int x; }; int y; } v;",
                {"struct v_struct": "struct v_struct"},
            ),
        ],
    )
    def test_names(self, text: str, expected: dict[str, str]) -> None:
        """Every name means what it means in C."""
        ffi = declare.read(text).ffi
        assert expected == {name: ffi.typeof(name).cname for name in expected}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("struct S { int a; int a; };", "1:8: duplicate field name 'a'"),
            ("struct S { void v; };", "1:8: field 'struct S.v' has ctype 'void' of unknown size"),
            ("struct S { struct T t; };", "1:8: struct S: field 'S.t' is of an opaque type"),
            ("enum e f(void);", "1:8: unknown 'enum e'"),
            (
                "struct S { int x; }; struct S { long x; };",
                (
                    "1:29: 'struct S { long x; }' contradicts 'struct S { int x; }', declared at "
                    "<declarations>:1:8"
                ),
            ),
            (
                "typedef int t; typedef long t;",
                "1:29: 'typedef long t' contradicts 'typedef int t'",
            ),
            ("enum a { X = 1 }; enum b { X = 2 };", "1:19: the enumerator 'X' is 2"),
            ("int f(int); int f(long);", "1:17: 'int f(long)' contradicts 'int f(int)'"),
            ("int f(int); extern int f;", "1:24: 'int f' contradicts 'int f(int)'"),
            ("int f(__int128); int f(int);", "1:22: 'int f(int)' contradicts 'int f(__int128)'"),
            ("int f(int, ..., int);", "1:15: cannot read this as C before ','"),
            ("int f(...);", "1:7: cannot read this as C"),
        ],
    )
    def test_mistakes(self, text: str, message: str) -> None:
        """Mistakes in the text's own types are errors at their place."""
        with pytest.raises(DeclarationError) as caught:
            declare.read(text)
        assert str(caught.value).startswith(f"<declarations>:{message}")

    @pytest.mark.parametrize(
        "text",
        [
            "int f(int a); int f(int b);",
            "int f(const int a); int f(int a);",
            "int f(int a[3]); int f(int *a);",
            "extern int v; int v;",
            "typedef int t; typedef int t;",
            "struct S; struct S { int x; }; struct S;",
            "typedef int t; int f(t); int f(int);",
        ],
    )
    def test_repetitions(self, text: str) -> None:
        """The same may be declared again."""
        assert declare.read(text).origins


class TestEnumerators:
    """One name has one value, and belongs to the type that defines it."""

    @pytest.mark.parametrize(
        "text",
        [
            "enum color { RED = 1, BLUE = 7 }; enum { RED = 1 }; enum { BLUE = 7 };",
            "enum { RED = 1 }; enum color { RED = 1, BLUE = 7 };",
        ],
    )
    def test_repeated(self, text: str) -> None:
        """What a type has and the text repeats is the type's; cffi took the process down."""
        found = declare.read(f"{text} enum color f(enum color c);")
        assert {"RED": 1, "BLUE": 7} == found.constants
        assert {1: "RED", 7: "BLUE"} == found.ffi.typeof("enum color").elements

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("enum color { RED = 1 };\nenum { RED = 2 };", "2:1"),
            ("enum { RED = 1 }; enum { RED = 2 };", "1:19"),
            ("enum a { RED = 1 }; enum b { RED = 2 };", "1:21"),
        ],
    )
    def test_contradiction(self, text: str, place: str) -> None:
        """Another value is refused at its place."""
        with pytest.raises(DeclarationError) as caught:
            declare.read(text)
        said = f"<declarations>:{place}: the enumerator 'RED' is 2, but was 1 before"
        assert said == str(caught.value)


@pytest.mark.parametrize(
    "text", ["struct _IO_FILE { int x; };", "typedef struct _IO_FILE {} FILE;"]
)
def test_members_of_file(text: str) -> None:
    """What cffi takes FILE for ends the process when it has members: that is refused."""
    with pytest.raises(DeclarationError, match="cffi has 'struct _IO_FILE' without members"):
        declare.read(f"{text} int fflush(struct _IO_FILE *file);")
    opaque = declare.read("struct _IO_FILE; int fflush(struct _IO_FILE *file);")
    assert ["fflush"] == list(opaque.symbols)
