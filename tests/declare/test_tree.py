"""C text -> a tree, with errors that name the place in the user's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug import declare
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.declare.tree import parse_tree
from nativeplug.errors import DeclarationError


def place(error: DeclarationError) -> tuple[str | None, int | None, int | None]:
    """Return an error's place."""
    return error.file, error.line, error.column


class TestPlaces:
    """The error says file, line and column, exactly, and what is wrong there."""

    @pytest.mark.parametrize(
        ("text", "line", "column", "message"),
        [
            ("int add(int a, foo b);", 1, 16, "unknown type name 'foo'"),
            ("\n\n  int f(int a, foo *b);", 3, 16, "unknown type name 'foo'"),
            ("int\tf(\tvoid\t);\tfoo g(void);", 1, 16, "unknown type name 'foo'"),
            ("int f(foo);", 1, 7, "unknown type name 'foo'"),
            ("int f(int (*g)(int, foo));", 1, 21, "unknown type name 'foo'"),
            ("typedef void (*f)(foo);", 1, 19, "unknown type name 'foo'"),
            ("int f(a, b) int a, b; { return a; }", 1, 7, "unknown type name 'a'"),
            ("struct S {\n  foo x;\n};", 2, 3, "unknown type name 'foo'"),
            ("int f(struct S s, foo t);", 1, 19, "unknown type name 'foo'"),
            ("extern foo *v;", 1, 8, "unknown type name 'foo'"),
            ("/* c */ foo v; // foo", 1, 9, "unknown type name 'foo'"),
            ("int f(int a);\r\nint g(int a);\r\nfoo h;\r\n", 3, 1, "unknown type name 'foo'"),
            ("int f(int a, \\\n  foo b);", 2, 3, "unknown type name 'foo'"),
            ("int f(va_list ap);", 1, 7, "unknown type name 'va_list'"),
            ("int f(int a;", 1, 12, "cannot read this as C before ';'"),
            ("int f(void)\nint g(void);", 1, 12, "missing ';' after ')'"),
            ("int g;\n\nint f(void)", 3, 12, "missing ';' after ')'"),
            ("typedef int x\nint f(void);", 1, 14, "missing ';' after 'x'"),
            ("struct s { int a int b; };", 1, 17, "missing ';' after 'a'"),
            ("struct s { int a; int b };", 1, 24, "missing ';' after 'b'"),
            ("enum e { A, B } int f(void);", 1, 16, "missing ';' after '}'"),
            (
                "#define X 1\nint f(void)\n#define Y 2\n int g(void);",
                2,
                12,
                "missing ';' after ')'",
            ),
            ("int f(void) foo g(void);", 1, 13, "unknown type name 'foo'"),
            ("int g;\n struct S {\n int x;", 2, 2, "cannot read this as C: at end of input"),
            ("int g;\nextern;\nint f(void);", 2, 1, "cannot read this as C: invalid declaration"),
            ("int a @ b;", 1, 7, "cannot read this as C: illegal character '@'"),
            ("int a;\n\x1d int b;", 2, 1, "cannot read this as C: illegal character '\\x1d'"),
            ("}", 1, 1, "cannot read this as C"),
            ("int f(void); #define X 1", 1, 14, "cannot read this as C: a directive needs a line"),
            ('int g;\nextern "C" { int f(void); }', 2, 1, 'extern "C" is C++'),
            ('#line 9 "x.y"\nfoo x;', 2, 1, "unknown type name 'foo'"),
        ],
    )
    def test_plain(self, text: str, line: int, column: int, message: str) -> None:
        """In plain text."""
        with pytest.raises(DeclarationError) as caught:
            declare.read(text)
        assert ("<declarations>", line, column) == place(caught.value)
        assert str(caught.value).startswith(f"<declarations>:{line}:{column}: {message}")

    @pytest.mark.parametrize(
        ("text", "line", "column"),
        [
            ("   int   f(  foo  a );", 2, 14),
            ("API int f(int a, foo b);", 2, 18),
            ("API(int) f(int a, foo b); API(int) g;", 2, 19),
            ("\n\n/* x */ API foo f(void);", 4, 13),
            ("int f(T foo, bar b);", 2, 14),
        ],
    )
    def test_preprocessed(self, text: str, line: int, column: int) -> None:
        """In text that goes through the system's preprocessor."""
        macros = {
            "API int": '__attribute__((visibility("default")))',
            "API foo": "extern",
            "API(int": '__attribute__((visibility("default"))) x',
            "int f(T": "unsigned long",
        }
        body = next((macros[key] for key in macros if key in text), "none")
        name = "T" if "(T" in text else "API(x)" if "API(" in text else "API"
        with pytest.raises(DeclarationError, match="unknown type name") as caught:
            declare.read(f"#define {name} {body}\n{text}")
        assert ("<declarations>", line, column) == place(caught.value)

    def test_type_in_a_macro(self) -> None:
        """A type that only a macro names is told at the macro's place."""
        with pytest.raises(DeclarationError, match="unknown type name 'foo'") as caught:
            declare.read("#define PARAMETER foo x\nint f(int a, PARAMETER);")
        assert ("<declarations>", 2, 14) == place(caught.value)

    def test_included(self, tmp_path: Path) -> None:
        """In a header that the header includes."""
        (tmp_path / "y.h").write_text("/* a comment\n of two lines */  int   g( foo a );\n")
        (tmp_path / "x.h").write_text('#include "y.h"\nint f(void);\n')
        with pytest.raises(DeclarationError, match="unknown type name 'foo'") as caught:
            declare.read(tmp_path / "x.h")
        assert (str(tmp_path / "y.h"), 2, 28) == place(caught.value)

    def test_after_includes(self) -> None:
        """In the caller's text, after a system header."""
        with pytest.raises(DeclarationError, match="unknown type name 'nope'") as caught:
            declare.read("#include <time.h>\n\ntime_t  f( struct tm * t ); nope  x;")
        assert ("<declarations>", 3, 29) == place(caught.value)

    @pytest.mark.slow
    @pytest.mark.parametrize("count", [0, 500])
    def test_among_many(self, count: int) -> None:
        """The first mistake is told, also when the parser does not say where it is."""
        many = "".join(f"int f{index}(int a);\n" for index in range(count))
        with pytest.raises(DeclarationError) as caught:
            declare.read(f"{many}  struct S {{ foo x; }};\n{many.replace('f', 'g')}")
        assert ("<declarations>", count + 1, 14) == place(caught.value)


class TestSystemHeaders:
    """The system's headers are read as far as they can be."""

    def test_unreadable(self) -> None:
        """When one cannot be read, the text is read without them."""
        text = '\n# 5 "x.h"\nint f(void);\n'
        system = '\n# 1 "sys.h"\nint (*broken;\n'
        found = parse_tree(Preprocessed(text, system + text, {}, frozenset({"sys.h"})), "x.h", "")
        assert "x.h:5:5" == str(found.ext[-1].coord)

    def test_unreadable_and_needed(self) -> None:
        """When the text needs it, the error is the header's."""
        text = '\n# 5 "x.h"\nneeded f(void);\n'
        system = '\n# 1 "sys.h"\nint (*broken; typedef int needed;\n'
        with pytest.raises(DeclarationError, match=r"^sys.h:1:\d: cannot read"):
            parse_tree(Preprocessed(text, system + text, {}, frozenset({"sys.h"})), "x.h", "")

    def test_context(self) -> None:
        """The types that were declared before are known."""
        text = "foo f(void);"
        found = parse_tree(Preprocessed(text, text, {}), "x.h", "typedef int foo;\n")
        assert "f" == found.ext[-1].name


@pytest.mark.parametrize(
    "text",
    [
        f"int a[{'(' * 3000}1{')' * 3000}];",
        f"int {'(' * 3000}x{')' * 3000};",
        f"int {'*' * 3000}x;",
        f"{'struct {' * 2000} int x; {'};' * 2000}",
    ],
)
def test_too_deep(text: str) -> None:
    """Text that is nested too deeply is an error, not a crash."""
    with pytest.raises(DeclarationError, match=r"^<declarations>: nested too deeply to be read$"):
        declare.read(text)
