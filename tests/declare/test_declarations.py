"""Declarations as a value, and what is added to them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gates import at_once
from nativeplug import declare
from nativeplug.declare import Declarations
from nativeplug.declare.sources import from_caller
from nativeplug.errors import DeclarationError


def chain(*texts: str) -> list[Declarations]:
    """Read texts, each after those before it."""
    found = [Declarations()]
    for text in texts:
        found.append(declare.extend(found[-1], from_caller(text)))
    return found[1:]


class TestSymbols:
    """The functions and variables by name."""

    def test_mapping(self) -> None:
        """They are a mapping in the order of the text."""
        symbols = declare.read("int b(void); extern int a; int c(void);").symbols
        assert (["b", "a", "c"], 3) == (list(symbols), len(symbols))
        assert ("a" in symbols, "x" in symbols, symbols.get("x")) == (True, False, None)
        with pytest.raises(KeyError, match="x"):
            symbols["x"]

    def test_empty(self) -> None:
        """Without text nothing is declared, and there is an ``ffi`` all the same."""
        nothing = Declarations()
        assert ({}, {}, {}, ()) == (
            dict(nothing.symbols),
            nothing.constants,
            nothing.types,
            nothing.origins,
        )
        assert 5 == nothing.ffi.cast("int", 5)

    def test_origins(self, tmp_path: Path) -> None:
        """Every text is told once, in order."""
        header = tmp_path / "x.h"
        header.write_text("int f(void);")
        found = declare.extend(declare.read(header), from_caller("int g(void);"))
        found = declare.extend(found, from_caller("int h(void);"))
        assert (str(header), "<declarations>") == found.origins


class TestFind:
    """Declarations found with the plugin."""

    def test_header(self, tmp_path: Path) -> None:
        """The header beside the plugin is read."""
        (tmp_path / "greeter.h").write_text("int f(void);")
        found = declare.find(str(tmp_path / "libgreeter.so"))
        assert found is not None
        assert (str(tmp_path / "greeter.h"),) == found.origins

    def test_none(self, tmp_path: Path) -> None:
        """Without a header there are no declarations."""
        assert declare.find(str(tmp_path / "greeter.so")) is None

    def test_mistake(self, tmp_path: Path) -> None:
        """A header that cannot be read is an error."""
        (tmp_path / "greeter.h").write_text("int f(foo x);")
        with pytest.raises(DeclarationError, match=r"greeter.h:1:7: unknown type name 'foo'$"):
            declare.find(str(tmp_path / "greeter.so"))


class TestAdded:
    """Further declarations are added, the same again are fine."""

    @pytest.mark.parametrize(
        "text",
        [
            "int f(int a);",
            "extern const int v;",
            "struct S { int x; };",
            "typedef struct S T;",
            "enum e { A, B = 5 };",
            "#define N 3",
            "enum { M = 4 };",
            "struct opaque; struct opaque *make(void);",
            "typedef int (*callback)(struct S *);",
            "typedef struct { int x; } U;",
            "struct __attribute__((packed)) P { char c; int x; };",
            "#include <time.h>\ntime_t when(struct tm *);",
            "void go(GoString s, GoMap m);",
        ],
    )
    def test_same(self, text: str) -> None:
        """The same text, by itself or with more, changes nothing of what was there."""
        first, second, third = chain(text, f"{text} ", f"{text}\nint more(struct S *s);")
        assert first.constants == second.constants == third.constants
        assert list(first.types) == list(second.types)
        assert [*first.symbols] == [*second.symbols]
        assert [*first.symbols, "more"] == [*third.symbols]

    def test_further(self) -> None:
        """What was there stays, with its places."""
        first, second = chain("int f(void);\n#define A 1", "\n\nint g(void);\n#define B (A + 1)")
        assert ["f", "g"] == list(second.symbols)
        assert {"A": 1, "B": 2} == second.constants
        assert "<declarations>:3:5" == second.symbols["g"].place
        assert first.symbols["f"] == second.symbols["f"]

    def test_immutable(self) -> None:
        """The earlier declarations stay as they were."""
        first, _ = chain("typedef int t;", "typedef int u; int f(u); enum { A };")
        assert (["typedef t"], {}, {}) == (list(first.types), dict(first.symbols), first.constants)
        with pytest.raises(first.ffi.error):
            first.ffi.typeof("u")

    def test_same_objects(self) -> None:
        """Types stay the same objects, over three levels."""
        texts = (
            "struct S { int x; }; typedef struct { int y; } T;",
            "union U { struct S s; T t; };",
            "void f(struct S *, T, union U);",
        )
        first, second, third = chain(*texts)
        for name in ("struct S", "T", "struct S *", "T[3]", "int(*)(T)"):
            assert first.ffi.typeof(name) is second.ffi.typeof(name) is third.ffi.typeof(name)
        assert second.ffi.typeof("union U") is third.ffi.typeof("union U")
        pointer = third.ffi.typeof("void (*)(struct S *, T, union U)")
        assert first.ffi.typeof("struct S *") is pointer.args[0]

    def test_enums(self) -> None:
        """Enums are numbers for every ``ffi``, and no contradiction to themselves."""
        text = "enum e { A, B }; enum e f(enum e *e, enum e x);"
        first, second, third = chain(text, "struct S { enum e e; };", text)
        value = first.ffi.cast("enum e", 1)
        assert 1 == third.ffi.new("struct S *", [value]).e == second.ffi.cast("enum e", value)

    def test_values(self) -> None:
        """Values made by an earlier ``ffi`` are taken where a later one asks for the type."""
        first, _, third = chain(
            "typedef struct { int x; } T;", "int g(T *t);", "typedef int (*call)(T, T *);"
        )
        value = first.ffi.new("T *", {"x": 5})
        taken = third.ffi.callback("call", lambda one, two: one.x + two.x)
        assert 10 == third.ffi.cast("call", taken)(value[0], value)

    def test_redefined_by_typedef(self) -> None:
        """A function may be declared again by another name of its type."""
        _, second = chain("int f(int a);", "typedef int number; number f(number a);")
        assert "number f(number a)" == second.symbols["f"].text

    def test_threads(self) -> None:
        """Texts can be read from many threads at once."""
        texts = [f"struct S{i} {{ int x[{i + 1}]; }}; void f(struct S{i});" for i in range(12)]

        def size(index: int) -> int:
            return int(declare.read(texts[index]).ffi.sizeof(f"struct S{index}"))

        sizes = at_once(*[partial(size, index) for index in range(len(texts))])
        assert [4 * (index + 1) for index in range(len(texts))] == sizes


class TestContradictions:
    """What contradicts earlier declarations is refused, with both places."""

    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            (
                "int f(int a);",
                "\n long f(int a);",
                "2:7: 'long f(int a)' contradicts 'int f(int a)'",
            ),
            ("int f(int);", "int f(int, ...);", "1:5: 'int f(int, ...)' contradicts 'int f(int)'"),
            ("int f(void);", "extern int f;", "1:12: 'int f' contradicts 'int f(void)'"),
            (
                "int f(int);",
                "extern int (*f)(int);",
                "1:14: 'int (*f)(int)' contradicts 'int f(int)'",
            ),
            ("extern int v;", "extern unsigned v;", "1:17: 'unsigned v' contradicts 'int v'"),
            ("extern int v[2];", "extern int v[3];", "1:12: 'int v[3]' contradicts 'int v[2]'"),
            ("int f(__int128);", "int f(int);", "1:5: 'int f(int)' contradicts 'int f(__int128)'"),
            (
                "struct S { int x; };",
                "struct S { long x; };",
                "1:8: 'struct S { long x; }' contradicts 'struct S { int x; }'",
            ),
            (
                "struct S { int x; };",
                "struct __attribute__((packed)) S { int x; };",
                "1:32: 'struct S { int x; }' contradicts 'struct S { int x; }'",
            ),
            (
                "typedef int t;",
                "typedef long t;",
                "1:14: 'typedef long t' contradicts 'typedef int t'",
            ),
            (
                "typedef struct { int x; } T;",
                "typedef struct { int y; } T;",
                "1:27: 'typedef struct",
            ),
            (
                "enum e { A };",
                "enum e { B };",
                "1:1: 'enum e { B = 0 }' contradicts 'enum e { A = 0 }'",
            ),
        ],
    )
    def test_symbols_and_types(self, first: str, second: str, message: str) -> None:
        """Functions, variables and types."""
        with pytest.raises(DeclarationError) as caught:
            chain(first, second)
        assert str(caught.value).startswith(f"<declarations>:{message}")
        assert "declared at <declarations>:1:" in str(caught.value)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("#define A 1", "#define A 2"),
            ("#define A 1", "enum { A = 2 };"),
            ("#define A 1", "enum e { A = 2 };"),
            ("enum { A = 1 };", "#define A 2"),
            ("enum { A = 1 };", "enum { A = 2 };"),
            ("enum e { A = 1 };", "#define A 2"),
        ],
    )
    def test_constants(self, first: str, second: str) -> None:
        """A constant keeps its value."""
        expected = "^<declarations>: the constant 'A' is 2, but was declared as 1$"
        with pytest.raises(DeclarationError, match=expected):
            chain(first, second)

    def test_two_enums(self) -> None:
        """Two enums cannot give one name two values."""
        with pytest.raises(DeclarationError, match=r"^<declarations>:1:1: .*: A"):
            chain("enum e { A = 1 };", "enum f { A = 2 };")

    def test_defined_later(self) -> None:
        """A struct that was declared without members cannot get them later."""
        expected = (
            "^<declarations>:1:8: 'struct S' was declared without members at <declarations>:1:6, "
            "and values of that type may exist; give the declarations that define it first$"
        )
        with pytest.raises(DeclarationError, match=expected):
            chain("void f(struct S *);", "struct S { int x; };")

    def test_nothing_changes(self) -> None:
        """After a contradiction the earlier declarations are as good as before."""
        (first,) = chain("int f(int);")
        with pytest.raises(DeclarationError):
            declare.extend(first, from_caller("long f(int);"))
        later = declare.extend(first, from_caller("int g(int);"))
        assert ["f", "g"] == list(later.symbols)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RecursionError("maximum depth"), "nested too deeply to be read"),
        (MemoryError(), "too large to be read: memory is full"),
        (RuntimeError("recursion overflow in ffi.include()"), "types were added a hundred times"),
        (RuntimeError("type-building recursion too deep"), "type-building recursion too deep"),
    ],
)
def test_what_parsers_raise(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    """Whatever a parser falls over, it is an error about the declarations."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(declare, "_read_after", fail)
    with pytest.raises(DeclarationError, match=f"<declarations>: {words}"):
        declare.read("int f(void);")
