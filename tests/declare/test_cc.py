"""The system's preprocessor, and every word back at its old place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativeplug import declare
from nativeplug.declare import cc
from nativeplug.declare.cc import align
from nativeplug.declare.places import locate
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.declare.sources import Source, from_caller
from nativeplug.errors import DeclarationError


def preprocessed(source: Source) -> Preprocessed:
    """Run the preprocessor over a text without comments."""
    return cc.split(cc.run(source.text, source), source.text, source)


def place_of(word: str, found: Preprocessed) -> tuple[str, int, int]:
    """Return where a word of the text is said to stand."""
    return locate(found.text, found.text.index(word))


class TestSplit:
    """The text, what the system's headers say, and macros."""

    def test_system(self) -> None:
        """What the system's headers say stands in the whole text alone."""
        found = preprocessed(from_caller("#include <time.h>\ntime_t f(void);\n"))
        assert "strftime" not in found.text
        assert "strftime" in found.with_system
        assert "time_t f(void);" in found.text
        assert "/usr/include/time.h" in found.system

    def test_macros(self) -> None:
        """The text's own macros are expanded, as far as they have a value."""
        text = (
            "#define A 1\n#define B SQUARE(A + 1)\n#define SQUARE(x) ((x) * (x))\n#define E\n"
            '#define S "a b"\n#define GONE 1\n#undef GONE\n#include <limits.h>\n'
        )
        expected = {"A": "1", "B": "((1 + 1) * (1 + 1))", "S": '"a b"'}
        assert expected == preprocessed(from_caller(text)).macros

    def test_own_include(self, tmp_path: Path) -> None:
        """A header of the user's is part of the text, with its own places."""
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "y.h").write_text("/* y */\n  typedef   int  y_t;\n#define Y 1\n")
        (tmp_path / "x.h").write_text('#include "sub/y.h"\n  y_t   f(void);\n#define X Y\n')
        found = preprocessed(from_caller(tmp_path / "x.h"))
        assert (str(tmp_path / "sub" / "y.h"), 2, 18) == place_of("y_t;", found)
        assert (str(tmp_path / "x.h"), 2, 9) == place_of("f(", found)
        assert {"X": "1"} == found.macros

    def test_relative_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Names of files are told as the user would write them."""
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "y.h").write_text("typedef int y_t;\n")
        (tmp_path / "sub" / "x.h").write_text('#include "y.h"\ny_t f(void);\n')
        monkeypatch.chdir(tmp_path)
        found = preprocessed(from_caller(Path("sub/x.h")))
        assert ("sub/y.h", 1, 13) == place_of("y_t;", found)
        assert ("sub/x.h", 2, 5) == place_of("f(", found)

    def test_strange_name(self, tmp_path: Path) -> None:
        """A header may have any name."""
        header = tmp_path / 'a "b" \\ ü\udce9.h'
        header.write_text("#if 1\nint f(void);\n#endif\n")
        found = preprocessed(from_caller(header))
        assert (str(tmp_path / "a ?b? ? ü\udce9.h"), 2, 5) == place_of("f(", found)

    def test_lone_surrogate(self) -> None:
        """Text that no encoding takes does no harm."""
        assert (
            "int f(void);" in preprocessed(from_caller('#if 1\nint f(void); "\ud800"\n#endif')).text
        )


class TestErrors:
    """What the compiler refuses is told in the user's places."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("\n#error no way\n", r"^<declarations>:2:2: #error no way$"),
            ("#include <no/such.h>\n", r"^<declarations>:1:10: no/such.h: No such file"),
            ("\t#if (\n#endif\n", r"^<declarations>:1:\d+: "),
            ("#if 1\n", r"^<declarations>:1:\d: unterminated #if"),
        ],
    )
    def test_text(self, text: str, expected: str) -> None:
        """An error in the caller's text has its line and column."""
        source = from_caller(text)
        with pytest.raises(DeclarationError, match=expected) as caught:
            cc.run(source.text, source)
        assert "<declarations>" == caught.value.file

    def test_included(self, tmp_path: Path) -> None:
        """An error in an included header is told there."""
        (tmp_path / "y.h").write_text("\n#error no way\n")
        (tmp_path / "x.h").write_text('#include "y.h"\n')
        source = from_caller(tmp_path / "x.h")
        with pytest.raises(DeclarationError, match=r"#error no way$") as caught:
            cc.run(source.text, source)
        assert (str(tmp_path / "y.h"), 2) == (caught.value.file, caught.value.line)

    @pytest.mark.parametrize(
        ("script", "expected"),
        [("exit 1", "'<declarations>': no output$"), ("echo broken >&2; exit 1", ": broken$")],
    )
    def test_no_place(
        self, script: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A compiler that fails without naming a place is told in its last words."""
        compiler = tmp_path / "cc"
        compiler.write_text(f"#!/bin/sh\n{script}\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        with pytest.raises(DeclarationError, match=rf"^cannot preprocess .*{expected}"):
            cc.run("", from_caller(""))

    def test_not_a_program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A compiler that cannot be run is an error in the system's words."""
        compiler = tmp_path / "cc"
        compiler.write_bytes(b"\x7fELF nonsense")
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        with pytest.raises(DeclarationError, match=r"Exec format error$"):
            cc.run("", from_caller(""))

    def test_relative_compiler(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A compiler with a relative path is found although it runs beside the header."""
        (tmp_path / "cc").symlink_to("/usr/bin/gcc")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "x.h").write_text("int f(void);\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CC", f".{os.sep}cc")
        source = from_caller(Path("sub/x.h"))
        assert "int f(void);" in cc.run(source.text, source)

    def test_files_that_are_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lines that belong to no file, and files that cannot be read again, stay as they are."""
        compiler = tmp_path / "cc"
        (tmp_path / "output").write_text(
            '# 1 "<built-in>"\nint   a;\n# 9 "gone.h"\nint   b;\n# 9 "<text>"\nint c;\n'
        )
        compiler.write_text(f"#!/bin/sh\ncat >/dev/null; cat {tmp_path}/output\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        found = preprocessed(from_caller("int c;"))
        assert "int   a;" in found.text
        assert ("gone.h", 9, 7) == place_of("b;", found)
        assert ("<declarations>", 9, 5) == place_of("c;", found)


class TestAlign:
    """Every word of the user's goes back to its column."""

    def test_gaps(self) -> None:
        """The compiler closes gaps, which open again."""
        assert "int  f( int  a );" == align("int f( int a );", "int  f( int  a );", 1, "x.h")

    def test_short_macro(self) -> None:
        """After a short macro's body there is room."""
        assert "int f(   x);" == align("int f( x);", "int f(NO x);", 1, "x.h")

    def test_long_macro(self) -> None:
        """After a long macro's body the rest goes on a line of its own."""
        found = align("__attribute__((pure)) int f(x);", "API int f(x);", 7, "x.h")
        assert '__attribute__((pure))\n# 7 "x.h"\n    int f(x);' == found

    def test_neighbours(self) -> None:
        """A macro's body does not grow together with the words beside it."""
        found = align("(int)x;", "(T)x;", 7, "x.h")
        assert ["(", '# 7 "x.h"', " int", '# 7 "x.h"', "  )x;"] == found.split("\n")

    def test_words_from_elsewhere(self) -> None:
        """Words that the line does not have come after all that it has."""
        expected = 'int a;\n# 7 "x.h"\n      int b;'
        assert expected == align("int a; int b;", "int a;", 7, "x.h")


def test_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that does not answer is given up, and named."""
    compiler = tmp_path / "sleeping-cc"
    compiler.write_text("#!/bin/sh\nexec sleep 20\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setattr("nativeplug.declare.cc._SECONDS", 0.1)
    with pytest.raises(DeclarationError, match=r"with '.*sleeping-cc': no answer for 0.1 s"):
        declare.read("#include <time.h>\nint f(time_t when);")
