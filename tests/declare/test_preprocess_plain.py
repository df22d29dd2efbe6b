"""Plain C text: directives that mean the same to every preprocessor."""

from __future__ import annotations

import pytest

from nativeplug.declare.preprocess import NeedsPreprocessorError, read

CODE = "int f(void);\n"


def kept(text: str) -> str:
    """Return what is left of plain text, without blanks and empty lines."""
    return " ".join(read(text).text.split())


class TestPlain:
    """Text that is read without a compiler."""

    def test_nothing_to_do(self) -> None:
        """Text without directives stays as it is."""
        assert CODE == read(CODE).text

    def test_places_stay(self) -> None:
        """Every character that stays keeps its line and column."""
        found = read("#define N 3\n  int f(void);\n#ifdef __cplusplus\nx\n#endif\nint g;\n").text
        assert ["", "  int f(void);", "", "", "", "int g;", ""] == [
            line.rstrip() for line in found.split("\n")
        ]

    @pytest.mark.parametrize(
        "text",
        [
            f"#ifndef A_H\n#define A_H\n{CODE}#endif\n",
            f"#if !defined(A_H)\n#define A_H 1\n{CODE}#endif\n",
            f"#if !defined A_H\n#  define A_H\n{CODE}#  endif\n",
            f"#pragma once\n{CODE}",
            f"#\n{CODE}",
            f"#include <stdint.h>\n# include < stddef.h >\n{CODE}",
            f"#define MAX(a, b) ((a) > (b) ? (a) : (b))\n{CODE}",
            f"#define TWO \\\n  (1 + 1)\n{CODE}",
            f'#ifdef __cplusplus\nextern "C" {{\n#endif\n{CODE}#ifdef __cplusplus\n}}\n#endif\n',
            f"#if defined(__cplusplus)\nno\n#else\n{CODE}#endif\n",
            f"#ifndef __cplusplus\n{CODE}#else\nno\n#endif\n",
            f"#ifdef __cplusplus\n#if X > 3\nno\n#elif Y\n#else\n#endif\n#error no\n#endif\n{CODE}",
        ],
    )
    def test_understood(self, text: str) -> None:
        """Guards, C++ parts, standard types and macros are understood."""
        assert CODE.strip() == kept(text)

    def test_macros(self) -> None:
        """Macros with a value are returned as they are written, but for line ends."""
        text = "#define A 1\n#define B (A + \\\n  2)\n#define EMPTY\n#define F(x) x\n"
        assert {"A": "1", "B": "(A + 2)"} == read(text).macros

    def test_skipped_macros(self) -> None:
        """Macros for C++ do not count."""
        assert {} == read("#ifdef __cplusplus\n#define A 1\n#endif\n").macros

    def test_pack(self) -> None:
        """``#pragma pack`` stays for the reader, unless it is for C++."""
        assert "#pragma pack(1)" == kept("#pragma pack(1)\n#pragma weak f\n")
        assert not kept("#ifdef __cplusplus\n#pragma pack(1)\n#endif\n")

    def test_integer_macros_in_code(self) -> None:
        """Code may use macros that are integers: whoever reads the code works them out."""
        text = "#define N (M * 2)\n#define M 0x10u\nint a[N];\n"
        assert "int a[N];" == kept(text)

    def test_ignored_includes(self) -> None:
        """Includes can be ignored."""
        assert CODE.strip() == " ".join(
            read(f"#include <math.h>\n{CODE}", ignore_includes=True).text.split()
        )


class TestNotPlain:
    """Text that needs the system's preprocessor; the error says which line does."""

    @pytest.mark.parametrize(
        ("text", "line", "what"),
        [
            ("\n#include <stdio.h>\n", 2, "#include <stdio.h>"),
            ('#include "stdint.h"\n', 1, '#include "stdint.h"'),
            ("#if X\n#endif\n", 1, "#if X"),
            ("#ifdef X\n#endif\n", 1, "#ifdef X"),
            (f"{CODE}#ifndef X\n#define X\n#endif\n", 2, "#ifndef X"),
            ("#define X\n#ifndef X\n#define X\n#endif\n", 2, "#ifndef X"),
            ("#ifndef __linux__\nint f(void);\n#endif\n", 3, "#endif"),
            ("#ifndef A\n#define B\n#endif\n", 2, "#define B"),
            ("#ifndef A\n#define A\n#else\n#endif\n", 3, "#else"),
            ("#ifndef __cplusplus\n#elif X\n#endif\n", 2, "#elif X"),
            ("#endif\n", 1, "#endif"),
            ("#ifdef __cplusplus\n", 2, "an #if without #endif"),
            ("#undef X\n", 1, "#undef X"),
            ("#error no \\\n way\n", 1, "#error no way"),
            ("#define X\n#define\n", 2, "#define"),
            ("#define 5 7\n", 1, "#define 5 7"),
            ("#define \u00e9 7\n", 1, "#define \u00e9 7"),
            ("#define X 1\n#define X 2\n", 2, "#define X 2"),
        ],
    )
    def test_directives(self, text: str, line: int, what: str) -> None:
        """Every other directive depends on what only a preprocessor knows."""
        with pytest.raises(NeedsPreprocessorError) as caught:
            read(text)
        assert (line, what) == (caught.value.line, str(caught.value))

    @pytest.mark.parametrize(
        ("text", "line", "macro"),
        [
            ("#define API\n\nAPI int f(void);\n", 3, "API"),
            ("#define T int\nT f(void);\n", 2, "T"),
            ("#define X my_type\nX f(void);\n", 2, "X"),
            ("#define SQUARE(x) ((x) * (x))\nint a[SQUARE(2)];\n", 2, "SQUARE"),
            ("\n#define NINE SQUARE(3)\n#define SQUARE(x) ((x) * (x))\n", 2, "SQUARE"),
            ("#define SUFFIX\n#define N 3 SUFFIX\n", 2, "SUFFIX"),
            ('#define S "s"\nconst char *s = S;\n', 2, "S"),
            ("int f(void);\n__SIZE_TYPE__ g(void);\n", 2, "__SIZE_TYPE__"),
        ],
    )
    def test_macros(self, text: str, line: int, macro: str) -> None:
        """Macros that are no integers must be put in place by a preprocessor."""
        with pytest.raises(NeedsPreprocessorError, match=rf"^the macro {macro} is used$") as caught:
            read(text)
        assert line == caught.value.line

    def test_part_of_a_word(self) -> None:
        """A macro's name within another word is not the macro."""
        assert "int TX; int X_;" == kept("#define T int\n#define X\nint TX; int X_;\n")
