"""What nobody has used may be declared anew; what was used stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import DeclarationError, Plugin
from support import BuildC
from versions import Versions, refused

TEXT = """
    typedef struct { double x, y; } P;
    typedef struct { P p; int n; } Q;
    enum colour { RED = 1, BLUE = 2 };
    int value = 3;
    int twice(int x) { return 2 * x; }
    double length(P p) { return p.x + p.y; }
    int count(Q q) { return q.n; }
    int color(enum colour c) { return c; }
    int other(void) { return 5; }
"""
WRONG = """
    #define LIMIT 3
    typedef struct { float x, y; } P;
    typedef struct { P p; int n; } Q;
    enum colour { RED = 0, BLUE = 9 };
    extern short value;
    long twice(long x, long y);
    float length(P *p);
    int count(Q q);
    int color(enum colour c);
    int other(void);
"""
USES = {
    "ffi": lambda plg: plg.ffi,
    "callback": lambda plg: plg.callback("int (*)(int)", abs),
    "pin": lambda plg: plg.pin(),
    "function of a struct": lambda plg: plg.lookup("count"),
    "function of an enum": lambda plg: plg.lookup("color"),
}


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Build a plugin that tells no types."""
    return build_c(TEXT, "plugin", "-g0")


@pytest.fixture
def plg(path: Path) -> Iterator[Plugin]:
    """Give the plugin, wrongly declared."""
    with nativeplug.open(path, WRONG) as opened:
        yield opened


class TestUnused:
    """A text that contradicts another one takes its place."""

    @pytest.mark.parametrize(
        ("text", "name", "expected"),
        [
            ("int twice(int x);", "twice(4)", 8),
            ("extern int value;", "value", 3),
            ("#define LIMIT 4\n", "LIMIT", 4),
            ("int value(void);", "_symbols.declarations.symbols['value'].text", "int value(void)"),
            ("extern int twice;", "_symbols.declarations.symbols['twice'].text", "int twice"),
            (
                "typedef struct { double x, y; } P; double length(P p);",
                "length({'x': 1, 'y': 2})",
                3,
            ),
            ("enum colour { RED = 1, BLUE = 2 };", "BLUE", 2),
            ("typedef struct { double x, y; } P;", "count({'p': {'x': 1, 'y': 2}, 'n': 7})", 7),
            ("typedef struct { P p, more; } Q;", "ffi.sizeof('Q')", 16),
        ],
        ids=lambda value: value.replace("\n", "") if isinstance(value, str) else None,
    )
    def test_one(self, plg: Plugin, text: str, name: str, expected: object) -> None:
        """Functions, variables, constants and types; what depends on a type gets the new one."""
        assert plg is nativeplug.open(plg.path, text)
        assert expected == eval(f"plg.{name}")  # noqa: S307 - from the table above

    def test_all(self, plg: Plugin) -> None:
        """A whole text that is corrected takes the place of the wrong one; the rest stays."""
        declared = [*plg]
        nativeplug.open(plg.path, TEXT.partition("int value")[0] + "int twice(int x);")
        assert declared == sorted([*plg], key=declared.index)
        assert (8, 2, 3) == (plg.twice(4), plg.BLUE, plg.LIMIT)

    def test_back_and_forth(self, plg: Plugin) -> None:
        """The last text counts, also when it was given before."""
        for text, expected in (("int twice(int x);", 1), (WRONG, 2), ("int twice(int x);", 1)):
            nativeplug.open(plg.path, text)
            declared: Any = plg._symbols.declarations.symbols["twice"]
            assert expected == len(declared.parameters)
        assert 8 == plg.twice(4)

    def test_used_beside(self, plg: Plugin) -> None:
        """What was used beside stays, the same object, whatever else is declared anew."""
        other = plg.other
        nativeplug.open(plg.path, "int twice(int x); typedef struct { double x, y; } P;")
        assert (5, 8) == (other(), plg.twice(4))
        assert other is plg.other

    def test_opaque(self, path: Path) -> None:
        """A struct without members gets some."""
        with nativeplug.open(path, "struct S; int other(struct S *s);") as plg:
            nativeplug.open(path, "struct S { int a; };")
            assert 4 == plg.ffi.sizeof("struct S")

    def test_mistake(self, plg: Plugin) -> None:
        """A text that is no C changes nothing."""
        with pytest.raises(DeclarationError, match=r"^<declarations>:1:\d+: "):
            nativeplug.open(plg.path, "extern int value; int twice(")
        assert "short value" == plg._symbols.declarations.symbols["value"].text

    def test_type_that_no_longer_fits(self, plg: Plugin) -> None:
        """A struct cannot contain one that has lost its members, and nothing changes."""
        with pytest.raises(DeclarationError, match="Q"):
            nativeplug.open(plg.path, "typedef struct P_ P;")
        assert 12 == plg.ffi.sizeof("Q")


class TestUsed:
    """What was used is not declared anew, and the error says what to do."""

    @pytest.mark.parametrize(
        ("use", "text", "words"),
        [
            ("twice", "int twice(int x);", "'twice' was looked up before"),
            ("value", "extern int value;", "'value' was looked up before"),
            ("LIMIT", "#define LIMIT 4\n", "'LIMIT' was read before"),
        ],
        ids=["function", "variable", "constant"],
    )
    def test_name(self, plg: Plugin, use: str, text: str, words: str) -> None:
        """A symbol was looked up, a constant read."""
        getattr(plg, use)
        declared = plg._symbols.declarations
        with pytest.raises(DeclarationError) as caught:
            nativeplug.open(plg.path, f"int other(void); {text}" if ";" in text else text)
        advice = f"; {words}, so this comes too late: close the plugin and open it again"
        assert str(caught.value).endswith(advice)
        assert declared is plg._symbols.declarations

    @pytest.mark.parametrize("use", USES.values(), ids=USES)
    def test_types(self, plg: Plugin, use: Callable[[Any], object]) -> None:
        """Types stay once values of them may exist."""
        kept = use(plg)
        with pytest.raises(DeclarationError, match="values of the plugin's types may exist, so"):
            nativeplug.open(plg.path, "typedef struct { double x, y; } P;")
        assert 8 == plg.ffi.sizeof("P")
        del kept

    def test_type_of_a_used_function(self, plg: Plugin) -> None:
        """A mistake in the same text keeps the rest of it out as well."""
        plg.lookup("length")
        with pytest.raises(DeclarationError, match="'length' was looked up"):
            nativeplug.open(plg.path, "int twice(int x); double length(P *p);")
        assert "long twice(long x, long y)" == str(plg.function("twice").signature)

    def test_closing(self, plg: Plugin, path: Path) -> None:
        """Closing and opening it again is the way out."""
        plg.lookup("twice")
        plg.close()
        with nativeplug.open(path, "int twice(int x);") as again:
            assert 8 == again.twice(4)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"hold_gil": ["other"]}, "hold_gil= for 'other' comes too late"),
            ({"save_errno": ["other"]}, "save_errno= for 'other' comes too late"),
        ],
        ids=["hold_gil", "save_errno"],
    )
    def test_options(self, plg: Plugin, options: dict[str, Any], words: str) -> None:
        """An option that comes too late says the same."""
        plg.lookup("other")
        way_out = "; give it to the first open, or close the plugin and open it again"
        with pytest.raises(DeclarationError, match=words) as caught:
            nativeplug.open(plg.path, **options)
        assert str(caught.value).endswith(way_out)


class TestUpdates:
    """What the program declares anew holds in versions to come."""

    def test_over_a_header(self, versions: Versions) -> None:
        """A text of the program that corrects the header beside the plugin stays in force."""
        half = "double half(double x) { return x / 2; }"
        versions.put(1, half, "-g0")
        versions.header("int half(int x);")
        plg: Any = nativeplug.open(versions.path)
        nativeplug.open(versions.path, "double half(double x);")
        versions.put(2, half, "-g0")
        versions.header("int half(int x); int more(void);")
        assert "updated" == plg.update()
        assert (0.75, 2) == (plg.half(1.5), plg.version())
        plg.rollback()
        assert (0.75, 1) == (plg.half(1.5), plg.version())

    def test_same_header(self, versions: Versions) -> None:
        """Versions whose header is the same are taken up, and gone back from, when it is used."""
        half = "double half(double x) { return x / 2; }"
        versions.put(1, half, "-g0")
        versions.header("int half(int x);")
        plg: Any = nativeplug.open(versions.path)
        nativeplug.open(versions.path, "double half(double x);")
        assert 0.75 == plg.half(1.5)
        versions.put(2, half, "-g0")
        assert "updated" == plg.update()
        assert (0.75, 2) == (plg.half(1.5), plg.version())
        plg.rollback()
        assert (0.75, 1) == (plg.half(1.5), plg.version())

    def test_other_header(self, versions: Versions) -> None:
        """A header that declares what is used otherwise is refused; after a rollback, too."""
        half = "double half(double x) { return x / 2; }"
        versions.put(1, half, "-g0")
        versions.header("double half(double x);")
        plg: Any = nativeplug.open(versions.path)
        versions.put(2, half, "-g0")
        versions.header("int half(int x);")
        plg.update()
        nativeplug.open(versions.path, "double half(double x); int fresh(void);")
        assert 0.75 == plg.half(1.5)
        plg.rollback()
        assert (0.75, 1) == (plg.half(1.5), plg.version())
        assert "fresh" in plg._symbols.declarations.symbols
        versions.put(3, half, "-g0")
        versions.header("float half(float x);")
        assert "'float half(float x)' contradicts 'double half(double x)'" in str(refused(plg))

    def test_two_texts(self, versions: Versions) -> None:
        """A text whose place was taken does not come back."""
        half = "double half(double x) { return x / 2; }"
        versions.put(1, half, "-g0")
        plg: Any = versions.open("int half(int x);")
        versions.open("double half(double x);")
        versions.put(2, half, "-g0")
        plg.update()
        assert (0.75, 2) == (plg.half(1.5), plg.version())
