"""GNU extensions and attributes that are blanked out, and those that are noted."""

from __future__ import annotations

import pytest

from nativeplug.declare.gnu import blank_extensions
from nativeplug.declare.places import locate


def blanked(text: str) -> str:
    """Blank a text out, without its first line marker."""
    return blank_extensions(f'\n# 1 "x.h"\n{text}').removeprefix('\n# 1 "x.h"\n')


def notes(text: str) -> list[str]:
    """Return what was noted of a text."""
    found = blanked(text).split("\n")
    return [line.removeprefix("#pragma nativeplug ") for line in found if line.startswith("#p")]


class TestBlanked:
    """What means nothing to a caller."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("int f(void) __attribute__((pure));", "int f(void) ;"),
            ("__attribute__((nonnull(1), format(printf, 1, 2))) int f(void);", "int f(void);"),
            ('int f(void) __attribute__ ((deprecated("use (g")));', "int f(void) ;"),
            ("__extension__ typedef long long ll;", "typedef long long ll;"),
            ("char *restrict f(char *__restrict a);", "char * f(char * a);"),
            ("static __inline__ int f(void);", "static int f(void);"),
            ("_Noreturn void f(void);", "void f(void);"),
            ("[[nodiscard]] int f([[maybe_unused]] int a);", "int f( int a);"),
            ('[[deprecated("[x]"), gnu::pure]] int f(void);', "int f(void);"),
            ("__declspec(dllexport) int f(void);", "int f(void);"),
            ("__signed__ char a; __const int b; __volatile__ int c;", ""),
            ("int a[3]; int restrictive;", "int a[3]; int restrictive;"),
            ('const char *s = "__attribute__((x)) {";', 'const char *s = "__attribute__((x)) {";'),
        ],
    )
    def test_words(self, text: str, expected: str) -> None:
        """Attributes and words are blanked out, or replaced by what standard C says."""
        expected = expected or "signed char a; const int b; volatile int c;"
        assert expected == " ".join(blanked(text).split())

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "static inline int f(int a) { return ({ a; }); } int g;",
                "static inline int f(int a) ; int g;",
            ),
            (
                'int f(void) __attribute__((pure)) { asm volatile ("}"); return 1; }',
                "int f(void) ;",
            ),
            ("struct S { int a; }; int g;", "struct S { int a; }; int g;"),
            ("int a[] = { f(1), 2 };", "int a[] = { f(1), 2 };"),
            ("struct S s = (struct S){ 1 };", "struct S s = (struct S){ 1 };"),
            ("int f(void) { return 1;", "int f(void) ;"),
        ],
    )
    def test_bodies(self, text: str, expected: str) -> None:
        """The bodies of functions are dropped, nothing else in braces is."""
        assert expected == " ".join(blanked(text).split())

    def test_places(self) -> None:
        """Lines and columns stay, also over several lines and line markers."""
        text = 'int f(void) __attribute__((\n# 5 "y.h"\n  pure)) ; int g;'
        found = blank_extensions(f'\n# 1 "x.h"\n{text}')
        assert ("y.h", 5, 16) == locate(found, found.index("g;"))

    def test_marker_before_parenthesis(self) -> None:
        """A line marker may stand between an attribute and its parenthesis."""
        text = 'int f(void) __attribute__\n# 1 "x.h"\n   ((pure));'
        assert "__attribute__" not in blanked(text)


class TestNoted:
    """What changes a layout, a call or a symbol is not dropped silently."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("struct __attribute__((packed)) S { int a; };", ["packed"]),
            ("struct S { int a; } __attribute__((__packed__, aligned(4)));", ["packed"]),
            ("[[gnu::packed]] struct S { int a; };", ["packed"]),
            ("struct S { int a __attribute__((aligned(8))); };", ["aligned"]),
            ("struct S { _Alignas(16) int a; };", ["_Alignas"]),
            ("int f(void) __attribute__((ms_abi));", ["ms_abi"]),
            ("typedef int v4 __attribute__((vector_size(16)));", ["vector_size"]),
            ('int f(void) __asm__("real" "_f");', ["asm real_f"]),
            ("extern __thread int a;", ["__thread"]),
            ('extern __thread int a asm("b");', ["__thread", "asm b"]),
            ("int f(void) __attribute__((pure));", []),
            ('int f(void) __attribute__((alias("aligned_alloc")));', []),
        ],
    )
    def test_notes(self, text: str, expected: list[str]) -> None:
        """A pragma before the declaration tells of it."""
        assert expected == notes(text)

    def test_place(self) -> None:
        """The pragma stands before its own declaration, whose place stays."""
        text = "int f; struct S { int a; } __attribute__((packed));\nint g;"
        found = blank_extensions(f'\n# 7 "x.h"\n{text}')
        assert found.index("int f;") < found.index("#pragma") < found.index("struct S")
        assert ("x.h", 7, 8) == locate(found, found.index("struct S"))
        assert ("x.h", 8, 5) == locate(found, found.index("g;"))

    def test_after_a_body(self) -> None:
        """A function's body is the end of its declaration."""
        found = blanked("static int f(void) { return 1; } extern __thread int a;")
        assert found.index("f(void)") < found.index("#pragma")
