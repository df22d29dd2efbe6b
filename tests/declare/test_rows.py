"""Declared functions and variables, as rows of plain data say them."""

from __future__ import annotations

import pytest

from nativeplug import declare
from nativeplug.declare import FunctionDeclaration, Parameter, VariableDeclaration


def function(text: str, name: str = "f") -> FunctionDeclaration:
    """Return a function that C text declares."""
    found = declare.read(text).symbols[name]
    assert isinstance(found, FunctionDeclaration)
    return found


def cname(text: str, name: str = "f") -> str:
    """Return the type of a symbol that C text declares, as cffi names it."""
    found = declare.read(text)
    symbol = found.symbols[name]
    ctype = symbol.pointer if isinstance(symbol, FunctionDeclaration) else symbol.type
    return str(found.ffi.typeof(ctype).cname)


class TestFunctions:
    """Functions: prototype, result, parameters, place."""

    def test_everything(self) -> None:
        """Everything that is said of a function is kept."""
        expected = FunctionDeclaration(
            name="sum",
            text="double sum(const double xs[n], size_t n)",
            pointer="double (*)(const double *, size_t)",
            result="double",
            rows=[
                ["xs", "const double *", "const double xs[n]", True, "n"],
                ["n", "size_t", "size_t n", False, None],
            ],
            variadic=False,
            prototype="double (*)(const double *, size_t) [('xs', 'n'), ('n', None)]",
            place="<declarations>:1:8",
        )
        found = function("double sum(const double xs[n], size_t n);", "sum")
        assert expected == found
        assert found.parameters == (
            Parameter("xs", "const double *", "const double xs[n]", readonly=True, length="n"),
            Parameter("n", "size_t", "size_t n", readonly=False),
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("int f();", "int(*)()"),
            ("int f(void);", "int(*)()"),
            ("extern int f(int, long);", "int(*)(int, long)"),
            ("int f(int a) { return a; }", "int(*)(int)"),
            ("int f(const char *format, ...);", "int(*)(char *, ...)"),
            ("void f(void (*)(void), int g(int));", "void(*)(void(*)(), int(*)(int))"),
            ("int (*f(int which))(const void *);", "int(*(*)(int))(void *)"),
            ("int (*f(void))[3];", "int(*(*)())[3]"),
            ("void f(int a[3], int b[2][3], int (*c)[3]);", "void(*)(int *, int(*)[3], int(*)[3])"),
            ("void f(int a[static 4], int b[*], int c[restrict]);", "void(*)(int *, int *, int *)"),
            ("void f(int n, double a[n]);", "void(*)(int, double *)"),
            ("typedef char t[8]; void f(t a, const t b);", "void(*)(char *, char *)"),
            ("typedef int t[2][3]; void f(t a);", "void(*)(int(*)[3])"),
            ("typedef int t(int); void f(t a, t *b);", "void(*)(int(*)(int), int(*)(int))"),
            ("#define N 3\nvoid f(int a[][N]);", "void(*)(int(*)[3])"),
            ("int unsigned long f(short unsigned);", "unsigned long(*)(unsigned short)"),
            ("_Complex double f(long double);", "_cffi_double_complex_t(*)(long double)"),
            ("int *restrict f(char *__restrict a);", "int *(*)(char *)"),
            ("FILE *f(wchar_t, ssize_t, char16_t);", "FILE *(*)(wchar_t, ssize_t, char16_t)"),
            ("struct s { int x; } f(struct s);", "struct s(*)(struct s)"),
            ("struct { int x; } f(void);", "struct f_struct(*)()"),
            ("void f(enum e { A } *p);", "void(*)(enum e *)"),
            ("#define T long\nT f(T a);", "long(*)(long)"),
            ('int f(void) asm("f");', "int(*)()"),
        ],
    )
    def test_types(self, text: str, expected: str) -> None:
        """Every way to declare a function is read as C reads it."""
        assert expected == cname(text)

    @pytest.mark.parametrize(
        ("parameter", "readonly"),
        [
            ("const int *p", True),
            ("int const *p", True),
            ("int *const p", False),
            ("const int *const *p", True),
            ("const int **p", False),
            ("const int p[3]", True),
            ("const int (*p)[3]", True),
            ("const cint *p", True),
            ("cint *p", True),
            ("pcint p", True),
            ("row p", False),
            ("const row p", True),
            ("int p", False),
            ("const struct s *p", True),
        ],
    )
    def test_readonly(self, parameter: str, readonly: bool) -> None:  # noqa: FBT001 - parametrized
        """A pointer to something const is told, wherever the const stands."""
        types = "typedef const int cint; typedef const int *pcint; typedef int row[3]; struct s;"
        assert readonly is function(f"{types} int f({parameter});").parameters[0].readonly

    @pytest.mark.parametrize("text", ["int f(void);", "int f();"])
    def test_no_parameters(self, text: str) -> None:
        """A function may have no parameters."""
        assert () == function(text).parameters

    def test_names(self) -> None:
        """Parameters have the names that they are given, or none."""
        names = [each.name for each in function("int f(int, int class, int *p);").parameters]
        assert [None, "class", "p"] == names

    @pytest.mark.parametrize("text", ["static int f(void);", "static inline int f(void) { }"])
    def test_static(self, text: str) -> None:
        """What is static is no symbol."""
        assert [] == list(declare.read(text).symbols)

    def test_empty(self) -> None:
        """Text may declare nothing."""
        for text in ("", "  \n", "/* nothing */ // at all", ";", '_Static_assert(1, "x;y");'):
            assert {} == dict(declare.read(text).symbols)


class TestVariables:
    """Variables: type, place, whether they are const."""

    def test_everything(self) -> None:
        """Everything that is said of a variable is kept."""
        expected = VariableDeclaration(
            name="v",
            text="const int v[2]",
            type="const int [2]",
            readonly=True,
            place="<declarations>:1:18",
        )
        assert expected == declare.read("extern const int v[1 + 1];").symbols["v"]

    @pytest.mark.parametrize(
        ("text", "expected", "readonly"),
        [
            ("extern int v;", "int", False),
            ("int v = 5;", "int", False),
            ("int v[] = {1, 2};", "int[]", False),
            ("extern const char *v;", "char *", False),
            ("extern const char *const v;", "char *", True),
            ("extern const char *const v[];", "char *[]", True),
            ("extern int (*v[4])(const char *);", "int(*[4])(char *)", False),
            ("extern int (*const v)(int);", "int(*)(int)", True),
            ("extern int (*v)[5];", "int(*)[5]", False),
            ("extern double v[2][3];", "double[2][3]", False),
            ("typedef const int t; extern t v;", "int", True),
            ("typedef int t[3]; extern const t v;", "int[3]", True),
            ("extern volatile int v;", "int", False),
            ("extern struct { int x; } v;", "struct v_struct", False),
            ("extern union { struct { char a, b; }; short s; } v;", "union v_union", False),
            ("enum { A = 3 } v;", "enum v_enum", False),
            ("extern struct s *v;", "struct s *", False),
            ("extern int w, *v, u;", "int *", False),
            ("extern int v __attribute__((aligned(64)));", "int", False),
            ("_Alignas(16) extern int v;", "int", False),
        ],
    )
    def test_types(self, text: str, expected: str, readonly: bool) -> None:  # noqa: FBT001
        """Every way to declare a variable is read as C reads it."""
        found = declare.read(text).symbols["v"]
        assert isinstance(found, VariableDeclaration)
        assert (expected, readonly, None) == (cname(text, "v"), found.readonly, found.problem)
