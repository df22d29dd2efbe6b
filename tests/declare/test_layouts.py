"""Types have the layout that the compiler gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nativeplug import declare
from nativeplug._util.programs import c_compiler
from nativeplug.errors import DeclarationError

LAYOUTS = """
struct plain { char c; int i; short s; double d; };
struct bits { unsigned a : 3; int b : 5; unsigned : 0; unsigned c : 30; char d; };
struct nested { char c; struct { short s; union { char a; double d; }; } in; char e[3]; };
struct flexible { int n; double items[]; };
struct __attribute__((packed)) packed { char c; int i; double d; short s[3]; };
typedef struct { char c; long double ld; } __attribute__((packed)) packed_t;
#pragma pack(push, 1)
struct pragma1 { char c; long l; };
typedef struct pragma2 { short s; void *p; } pragma2_t, *pragma2_p;
#pragma pack(pop)
struct after { char c; long l; };
_Pragma("pack(1)") struct pragma3 { char c; int (*f)(void); };
_Pragma("pack()") struct pragma4 { char c; int (*f)(void); };
union number { char c; short s[3]; double d; float _Complex z; };
enum small { A, B }; enum negative { N = -1 }; enum wide { W = 0x100000000 };
struct enums { char c; enum small s; enum negative n; enum wide w; _Bool b; };
typedef struct { struct plain p[2]; struct packed q; } outer;
"""
LAYOUT_NAMES = [
    "struct plain",
    "struct bits",
    "struct nested",
    "struct flexible",
    "struct packed",
    "packed_t",
    "struct pragma1",
    "pragma2_t",
    "struct after",
    "struct pragma3",
    "struct pragma4",
    "union number",
    "enum small",
    "enum negative",
    "enum wide",
    "struct enums",
    "outer",
]


class TestLayouts:
    """Types have the layout that the compiler gives them, or are refused."""

    def test_like_the_compiler(self, tmp_path: Path) -> None:
        """Sizes and alignments are the compiler's."""
        ffi = declare.read(LAYOUTS).ffi
        lines = "".join(f'printf("%zu %zu\\n", sizeof({n}), _Alignof({n}));' for n in LAYOUT_NAMES)
        (tmp_path / "x.c").write_text(f"#include <stdio.h>\n{LAYOUTS}int main(void) {{ {lines} }}")
        compiler = c_compiler()
        assert compiler is not None
        subprocess.run([*compiler, "-o", "x", "x.c"], cwd=tmp_path, check=True)
        done = subprocess.run([tmp_path / "x"], capture_output=True, text=True, check=True)
        expected = dict(zip(LAYOUT_NAMES, done.stdout.splitlines(), strict=True))
        assert expected == {n: f"{ffi.sizeof(n)} {ffi.alignof(n)}" for n in LAYOUT_NAMES}

    @pytest.mark.parametrize(
        ("text", "place", "attribute"),
        [
            ("struct S { int x; } __attribute__((aligned(16)));", "1:8", "aligned"),
            ("struct S { int x __attribute__((aligned(8))); };", "1:8", "aligned"),
            ("struct S { _Alignas(16) int x; };", "1:8", "_Alignas"),
            ("int g; struct __attribute__((packed)) S { int b : 3; };", "1:39", "packed"),
            ("struct S { char c; struct { int x; } s; } __attribute__((packed));", "1:8", "packed"),
            ("#pragma pack(4)\nstruct S { char c; double x; };", "2:8", "pack(4)"),
            (
                "#pragma pack(push, 2)\n#pragma pack(pop)\n#pragma pack(2)\nstruct S { int x; };",
                "4:8",
                "pack(2)",
            ),
            (
                "#pragma pack(1)\n#pragma pack(push)\n#pragma pack(2)\nstruct S { int x; };",
                "4:8",
                "pack(2)",
            ),
            (
                "#if 1\n  struct   S { int x; } __attribute__((aligned(16)));\n#endif",
                "2:12",
                "aligned",
            ),
        ],
    )
    def test_refused(self, text: str, place: str, attribute: str) -> None:
        """A layout that takes a compiler to tell is refused at its place."""
        with pytest.raises(DeclarationError) as caught:
            declare.read(text)
        expected = f"<declarations>:{place}: 'struct S' has the attribute '{attribute}', which"
        assert str(caught.value).startswith(expected)

    def test_nested_packs(self) -> None:
        """What ``pop`` brings back is what held before its ``push``."""
        text = (
            "#pragma pack(1)\n#pragma pack(push, 2)\n#pragma pack(push)\n#pragma pack(pop)\n"
            "#pragma pack(pop)\nstruct S { char c; int x; };\n#pragma pack()\n"
            "struct T { char c; int x; };\n#pragma pack(pop)\n"
        )
        ffi = declare.read(text).ffi
        assert (5, 8) == (ffi.sizeof("struct S"), ffi.sizeof("struct T"))

    def test_other_pragmas(self) -> None:
        """Other pragmas change nothing."""
        text = "#if 1\n#pragma GCC diagnostic push\nstruct S { char c; int x; };\n#endif"
        assert 8 == declare.read(text).ffi.sizeof("struct S")

    def test_refused_typedef(self) -> None:
        """So is that of a typedef."""
        with pytest.raises(DeclarationError, match="'typedef v4' has the attribute 'vector_size'"):
            declare.read("typedef int v4 __attribute__((vector_size(16)));")

    def test_included(self, tmp_path: Path) -> None:
        """Of a type that is included, only values are refused: pointers to it are fine."""
        (tmp_path / "y.h").write_text("typedef struct { int x; } __attribute__((aligned(16))) T;\n")
        (tmp_path / "x.h").write_text('#include "y.h"\nint f(T *t);\nint g(T t);\n')
        found = declare.read(tmp_path / "x.h")
        assert declare.usable(found.lines["f"])
        with pytest.raises(DeclarationError, match=r"'struct __T' has incomplete type$") as caught:
            declare.usable(found.lines["g"])
        assert (str(tmp_path / "x.h"), 3, 5) == (
            caught.value.file,
            caught.value.line,
            caught.value.column,
        )

    @pytest.mark.parametrize(
        ("included", "declared"),
        [
            ("struct T { __int128 x; };", "struct T"),
            ("typedef struct { __int128 x; } T;", "T"),
            ("struct T { int x[sizeof(struct U)]; };", "struct T"),
            ("enum e { A = f(1) }; struct T { int x; void v; };", "struct T"),
        ],
    )
    def test_included_nonsense(self, tmp_path: Path, included: str, declared: str) -> None:
        """The same goes for what cannot be read, or not be served."""
        (tmp_path / "y.h").write_text(f"{included}\n")
        (tmp_path / "x.h").write_text(
            f'#include "y.h"\nint f({declared} *t);\nint g({declared} t);\n'
        )
        found = declare.read(tmp_path / "x.h")
        assert declare.usable(found.lines["f"])
        with pytest.raises(DeclarationError, match=r"incomplete type$"):
            declare.usable(found.lines["g"])

    def test_included_enum(self, tmp_path: Path) -> None:
        """An enum cannot do without its values."""
        (tmp_path / "y.h").write_text("enum e { A = f(1) };\n")
        (tmp_path / "x.h").write_text('#include "y.h"\nint g(enum e *e);\n')
        with pytest.raises(DeclarationError, match="unsupported expression") as caught:
            declare.read(tmp_path / "x.h")
        assert str(tmp_path / "y.h") == caught.value.file
