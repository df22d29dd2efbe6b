"""Integer constant expressions have the value that the compiler gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycparser import CParser

from nativeplug import declare
from nativeplug._util.programs import c_compiler
from nativeplug.declare.constants import Constants, NotConstantError, evaluate
from nativeplug.errors import DeclarationError

NUMBERS = st.builds(
    lambda number, form, suffix: form.format(number) + suffix,
    st.one_of(st.integers(0, 40), st.sampled_from([2**k + d for k in range(64) for d in (-1, 0)])),
    st.sampled_from(["{}", "0x{:x}", "0{:o}"]),
    st.sampled_from(["", "u", "l", "UL", "ll", "LLU"]),
)
ATOMS = st.one_of(
    NUMBERS.filter(lambda text: not text.startswith("9223372036854775808")),  # gcc: of 128 bits
    st.sampled_from(["'a'", r"'\n'", r"'\0'", r"'\x41'", r"'\101'", r"'\\'", "sizeof(int)"]),
    st.sampled_from(["sizeof(char *)", "sizeof(long double)", "sizeof(uint16_t[3])"]),
    st.sampled_from(["INT64_MIN", "UINT8_MAX", "UINT32_MAX", "SIZE_MAX", "INT16_MIN"]),
)
CASTS = st.sampled_from(
    [
        *("int8_t", "uint8_t", "int16_t", "unsigned short", "int", "unsigned", "long", "uint64_t"),
        *("signed char", "size_t", "_Bool", "unsigned long long", "int32_t"),
    ]
)
UNARY = st.sampled_from(["+", "-", "~", "!"])
BINARY = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "%",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{}({})".format, UNARY, inner),
        st.builds("({})({})".format, CASTS, inner),
        st.builds("({}) {} ({})".format, inner, BINARY, inner),
        st.builds("{} {} {}".format, inner, BINARY, inner),
        st.builds("(({}) ? ({}) : ({}))".format, inner, inner, inner),
    ),
    max_leaves=8,
)


def value_of(text: str, macros: dict[str, str] | None = None) -> int:
    """Return the value of an expression given as C text."""
    prelude = "typedef int int8_t, uint8_t, int16_t, uint16_t, int32_t, uint64_t, size_t, my_t;"
    tree = CParser().parse(f"{prelude} long value = {text};")
    return evaluate(tree.ext[-1].init, Constants({"KNOWN": 7, "BIG": 2**40}, macros or {}))


def or_none(text: str) -> int | None:
    """Return the value of an expression; None when it is not a constant."""
    try:
        return value_of(text)
    except NotConstantError:
        return None


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(st.lists(EXPRESSIONS, min_size=150, max_size=250))
@pytest.mark.slow
def test_like_the_compiler(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """Whatever can be told without a compiler is what the compiler says."""
    told = [(text, value) for text in texts if (value := or_none(text)) is not None]
    folder = tmp_path_factory.mktemp("expressions")
    lines = "".join(f'printf("%llu\\n", (unsigned long long)({text}));\n' for text, _ in told)
    source = f"#include <stdio.h>\n#include <stdint.h>\nint main(void) {{\n{lines}return 0; }}\n"
    (folder / "x.c").write_text(source)
    compiler = c_compiler()
    assert compiler is not None
    subprocess.run([*compiler, "-w", "-fwrapv", "-o", "x", "x.c"], cwd=folder, check=True)
    done = subprocess.run([folder / "x"], capture_output=True, text=True, check=True)
    assert [
        (text, int(line)) for (text, _), line in zip(told, done.stdout.split(), strict=True)
    ] == [(text, value % 2**64) for text, value in told]


class TestValues:
    """What can be told."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0x80000000", 2**31),
            ("-0x80000000", 2**31),  # unsigned, as gcc has it
            ("-2147483648", -(2**31)),
            ("1 ? -1 : 0u", 2**32 - 1),
            ("1 ? 2 : 1 / 0", 2),
            ("1 ? -1 : 1u / 0", 2**32 - 1),  # of what is not evaluated the type counts
            ("0 ? 1ul % !1 : -1", 2**64 - 1),
            ("1 ? -1 : -(1 << 40) + 0u", 2**32 - 1),
            ("1 ? -1 : (1 / 0 ? 1 : 2u)", 2**32 - 1),
            ("1 ? -1 : (unsigned)(1 / 0)", 2**32 - 1),
            ("1 ? -1 : !(1 / 0)", -1),
            ("1 ? -1 : (1u / 0 < 1)", -1),
            ("1 ? -1 : (1 / 0 || 1)", -1),
            ("1 ? -1 : (0 || 1 / 0)", -1),
            ("0 && 1 / 0", 0),
            ("1 || f(3)", 1),
            ("-7 / 2", -3),
            ("-7 % 2", -1),
            ("1 << 31", -(2**31)),
            ("-1 >> 1", -1),
            ("0b101", 5),
            ("KNOWN + BIG", 2**40 + 7),
            ("(uint8_t)300", 44),
            ("(_Bool)5", 1),
            ("true + false", 1),
            (r"'\x7f'", 127),
            ("'\"'", 34),
            (r"'\''", 39),
        ],
    )
    def test_value(self, text: str, expected: int) -> None:
        """The rules of C 6.3 and 6.5 hold."""
        assert expected == value_of(text)

    def test_macros(self) -> None:
        """Macros may use one another, in any order."""
        macros = {"A": "B + 1", "B": "(C * 2)", "C": "KNOWN", "D": "f(A)"}
        assert 15 == value_of("A", macros)
        assert {"A": 15, "B": 14, "C": 7} == Constants({"KNOWN": 7}, macros).macros()

    def test_macro_types(self) -> None:
        """A macro's type counts, as if its body stood there."""
        assert 2**32 - 1 == value_of("-U", {"U": "1u"})

    def test_within_itself(self) -> None:
        """Within itself a macro's name is the name of something else."""
        constants = Constants({"RED": 3}, {"RED": "RED"})
        assert {"RED": 3} == constants.macros()
        assert {} == Constants({}, {"A": "B", "B": "A"}).macros()

    def test_many(self) -> None:
        """A long chain of macros is worked out."""
        macros = {"N0": "1"} | {f"N{index}": f"(N{index - 1} + 1)" for index in range(1, 2000)}
        assert 2000 == Constants({}, macros).macros()["N1999"]


class TestNotConstant:
    """What cannot be told without a compiler, or is no integer."""

    @pytest.mark.parametrize(
        "text",
        [
            "unknown",
            "f(3)",
            "1.5",
            '"text"',
            "&KNOWN",
            "(my_t)5",
            "(char *)5",
            "(double)5",
            "(char)200",
            "sizeof(struct S)",
            "sizeof(my_t)",
            "sizeof KNOWN",
            "1 / 0",
            "1 % 0",
            "1 << 32",
            "1 << -1",
            "1l >> 64",
            "0 || f(3)",
            "1 && f(3)",
            "f(3) ? 1 : 2",
            "KNOWN++",
            r"'\xff'",
            "'ab'",
            r"'\q'",
            "99999999999999999999",
            "(1, 2)",
            "(void)1",
        ],
    )
    def test_refused(self, text: str) -> None:
        """It is no constant here."""
        with pytest.raises(NotConstantError):
            value_of(text)

    @pytest.mark.parametrize("body", ["", "1 +", "do { } while (0)", "int", "{1}", "(" * 3000])
    def test_no_expression(self, body: str) -> None:
        """A macro that is no expression is no constant."""
        assert {} == Constants({}, {"M": body}).macros()


class TestDeclared:
    """Constants of a text."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("enum { A, B = 5, C };", {"A": 0, "B": 5, "C": 6}),
            (
                "enum e { A = -1, B, C = A - 4, D = 1 << 3 | 1 };",
                {"A": -1, "B": 0, "C": -5, "D": 9},
            ),
            ("enum { X = 3 };\n#define M X + 1\nenum { Y = M };", {"X": 3, "Y": 4, "M": 4}),
            ("#define M Y\nenum { X = 2, Y };", {"X": 2, "Y": 3, "M": 3}),
            ("enum { A = 1 };\n#define A A", {"A": 1}),
            ("struct S { enum { A, B } kind; };", {"A": 0, "B": 1}),
            ("typedef enum { A } e; enum { B = 0xffffffff } v;", {"A": 0, "B": 2**32 - 1}),
            (
                "#define BIG 0xffffffffffffffff\n#define LOW (-9223372036854775807 - 1)",
                {"BIG": 2**64 - 1, "LOW": -(2**63)},
            ),
            ('#define F 1.5\n#define S "s"\n#define E\n#define G(x) x\n#define T int', {}),
            (
                "#if 1\n#define A 2\n#define B SQ(A)\n#define SQ(x) ((x)*(x))\n#endif",
                {"A": 2, "B": 4},
            ),
            ("#define A 1\n#if A\n#undef A\n#define A 2\n#endif", {"A": 2}),
        ],
    )
    def test_text(self, text: str, expected: dict[str, int]) -> None:
        """Macros and enumerators, each with its value."""
        assert expected == declare.read(text).constants

    def test_lengths(self) -> None:
        """Array lengths and bit-fields use them."""
        text = "#define N 3\nenum { M = N * 2 };\nstruct S { int a[M][N]; unsigned b : N; };"
        ffi = declare.read(text).ffi
        fields = dict(ffi.typeof("struct S").fields)
        assert ("int[6][3]", 3) == (fields["a"].type.cname, fields["b"].bitsize)

    def test_included(self, tmp_path: Path) -> None:
        """The constants of what is included may be used, but are not the text's own."""
        (tmp_path / "y.h").write_text("#define N 3\nenum { M = 4 };\n")
        (tmp_path / "x.h").write_text('#include "y.h"\nextern int a[N * M];\n#define O (N + M)\n')
        found = declare.read(tmp_path / "x.h")
        assert {"O": 7} == found.constants
        assert "int a[12]" == found.symbols["a"].text

    @pytest.mark.parametrize(
        ("text", "column", "what"),
        [
            ("enum e { A = f(1) };", 14, "the enumerator A"),
            ("extern int a[n];", 14, "the array's length"),
            ("struct S { int a[sizeof(struct T)]; };", 18, "the array's length"),
            ("struct S { int a : n; };", 20, "the bit-field's width"),
        ],
    )
    def test_refused(self, text: str, column: int, what: str) -> None:
        """What must be a constant and is none is an error at its place."""
        with pytest.raises(DeclarationError, match=rf"{what} is no constant") as caught:
            declare.read(text)
        assert (1, column) == (caught.value.line, caught.value.column)

    def test_negative_length(self) -> None:
        """An array's length is not negative."""
        with pytest.raises(DeclarationError, match=r"the array's length is negative$"):
            declare.read("extern int a[2 - 3];")
