"""Types as cffi compiles them, kept as literals and loaded without a parser."""

from __future__ import annotations

from typing import Any

import pytest

from nativeplug.declare.cffi_types import (
    RefusedTypeError,
    check_types,
    compile_types,
    constants_of,
    is_known_as,
    load_types,
    problem_with,
    reason,
    same_types,
)
from nativeplug.declare.unit import TypeDeclaration
from support import RunPython


def declared(*texts: str, packed: bool = False) -> list[TypeDeclaration]:
    """Return declarations of types, each named by its first or last word."""
    return [
        TypeDeclaration((text.split("{")[0].strip(),), text, "x.h:1:1", packed) for text in texts
    ]


def loaded(*texts: str) -> Any:
    """Compile types and load them."""
    return load_types(compile_types([], declared(*texts), {}), None)


class TestCompile:
    """C text -> literals -> types."""

    def test_nothing(self) -> None:
        """Without types and constants there is nothing to compile."""
        assert {} == compile_types([], [], {})
        assert ([], [], []) == load_types({}, None).list_types()

    def test_types(self) -> None:
        """Compiled types are there."""
        ffi = loaded("struct S { int x; }", "typedef struct S *T", "union U { int i; float f; }")
        assert (["T"], ["S"], ["U"]) == ffi.list_types()
        assert 7 == ffi.new("T", {"x": 7}).x

    def test_literals(self) -> None:
        """Literals are plain data: text, numbers, tuples of such."""
        literals = compile_types([], declared("enum e { A = 1 }"), {"B": 2})
        assert literals == eval(repr(literals), {"__builtins__": {}})  # noqa: S307 - our own data

    def test_constants(self) -> None:
        """Constants and enumerators have their values, over the whole range."""
        constants = {"LOW": -(2**63), "HIGH": 2**64 - 1, "ZERO": 0}
        literals = compile_types([], declared("enum e { A = -1, B }"), constants)
        assert {**constants, "A": -1, "B": 0} == constants_of(literals)
        assert {} == constants_of({})

    def test_packed(self) -> None:
        """Packed types have no gaps, the others have."""
        text = "{ char c; int i; }"
        types = [*declared(f"struct P {text}", packed=True), *declared(f"struct Q {text}")]
        ffi = load_types(compile_types([], types, {}), None)
        assert (5, 8) == (ffi.sizeof("struct P"), ffi.sizeof("struct Q"))

    def test_base(self) -> None:
        """Types may use those that were compiled before, and get the same objects."""
        base = declared("struct S { int x; }", "typedef struct S T")
        first = load_types(compile_types([], base, {}), None)
        second = load_types(compile_types(base, declared("struct U { T t; }"), {}), first)
        assert first.typeof("T") is second.typeof("struct U").fields[0][1].type
        assert first.typeof("struct S *") is second.typeof("struct S *")
        assert first is load_types({}, first)

    def test_no_warnings(self, recwarn: pytest.WarningsRecorder) -> None:
        """Cffi has nothing to warn of."""
        loaded("struct S", "enum e { A }", "typedef int (*f)(const char *, ...)")
        assert [] == list(recwarn)


class TestRefused:
    """What cffi cannot serve is told with the declaration that it is about."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("struct B { __int128 x; }", "Unsupported type: '__int128'"),
            ("struct B { struct unknown x; }", "of an opaque type"),
            ("enum B { A }", "multiple declarations of constant"),
            ("not c", "cannot parse"),
        ],
    )
    def test_compile(self, text: str, expected: str) -> None:
        """The first that cffi does not compile."""
        types = declared("enum a { A = 5 }", text, "struct C { int y; }")
        with pytest.raises(RefusedTypeError, match=expected) as caught:
            compile_types([], types, {})
        assert types[1] is caught.value.declaration

    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("struct B", "struct B { int a; int a; }", "^duplicate field name 'a'$"),
            ("struct B", "struct B { void v; }", "^field 'struct B.v' has ctype 'void' of unknown"),
            ("typedef B", "typedef int (*B)(struct C)", "^ctype 'struct C' has incomplete type$"),
        ],
    )
    def test_check(self, name: str, text: str, expected: str) -> None:
        """The first that cffi does not lay out."""
        types = [*declared("struct A { int x; }"), TypeDeclaration((name,), text, "x:1:1")]
        ffi = load_types(compile_types([], types, {}), None)
        with pytest.raises(RefusedTypeError, match=expected) as caught:
            check_types(ffi, types)
        assert types[1] is caught.value.declaration

    def test_opaque(self) -> None:
        """A struct without members is fine, and a typedef of a function is."""
        types = declared("struct S", "typedef int T(int)")
        types[1] = TypeDeclaration(("typedef T",), "typedef int T(int)", "x:1:1")
        check_types(load_types(compile_types([], types, {}), None), types)

    @pytest.mark.parametrize(
        ("ctype", "expected"),
        [
            ("int", None),
            ("int[]", None),
            ("struct S", None),
            ("int (*)(struct S *)", None),
            ("int (*)(struct S)", "ctype 'struct S' has incomplete type"),
            ("int (*)(unknown, int)", "undefined type name: 'unknown,'"),
            ("int (*)(struct T)", "undefined struct/union name: 'T)'"),
        ],
    )
    def test_problem(self, ctype: str, expected: str | None) -> None:
        """The type of a symbol is served, or there is a reason."""
        assert expected == problem_with(loaded("struct S"), ctype)

    def test_unforeseen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is wrong with no single type is raised as it is."""
        monkeypatch.setattr("ast.parse", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            compile_types([], [], {"A": 1})

    def test_reason(self) -> None:
        """An error without words is told by its class."""
        assert "NotImplementedError" == reason(NotImplementedError())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("size_t", "unsigned long", True),
        ("size_t", "unsigned int", False),
        ("size_t", "long", False),
        ("int8_t", "signed char", True),
        ("bool", "unsigned char", True),
        ("FILE", "struct _IO_FILE", False),
        ("FILE", "int", False),
        ("wchar_t", "my_type", False),
    ],
)
def test_known_types(name: str, text: str, expected: bool) -> None:  # noqa: FBT001 - parametrized
    """A name that cffi knows means a number of the same size and sign, or something else."""
    assert expected is is_known_as(name, text)


def test_loading_needs_no_parser(run_python: RunPython) -> None:
    """Types are loaded without cffi's parser, and without cffi."""
    literals = compile_types([], declared("struct S { int x; }"), {})
    code = f"""
        import sys
        from nativeplug.declare.cffi_types import load_types
        print(load_types({literals!r}, None).sizeof("struct S"))
        print({{"cffi", "pycparser"}} & sys.modules.keys())
    """
    done = run_python(code)
    assert ("4\nset()\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("int64_t (*)(int64_t *, size_t)", "long (*)(long *, unsigned long)", True),
        ("uint8_t[3]", "unsigned char[3]", True),
        ("int32_t", "int", True),
        ("int64_t", "long long", False),
        ("int8_t", "char", False),
        ("size_t", "long", False),
        ("int (*)(int)", "int (*)(int, ...)", False),
        ("int (*)(int)", "int (*)(int, int)", False),
        ("int[3]", "int[4]", False),
        ("int *", "int[1]", False),
        ("float", "double", False),
    ],
)
def test_same_types(one: str, other: str, expected: bool) -> None:  # noqa: FBT001
    """Types are the same if they are to C, whatever names headers give to its integers."""
    ffi = loaded()
    assert expected is same_types(ffi, ffi.typeof(one), ffi.typeof(other))
