"""What a plugin's file tells of its symbols, against what is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import FormatError, SignatureMismatchError
from nativeplug.elf.dwarf import DebugInfo
from nativeplug.loader import debug_info
from plugins_with_metadata import KNOWN_H, KNOWN_NAMES, build_known, tell
from support import BuildC, OpenPlugin
from versions import Versions, refused

TEXT = """
    int calls = 3;
    int few[2] = {1, 2};
    int add(int a, int b) { return a + b; }
    __asm__(".section .rodata\\n.globl bare\\nbare: .long 7\\n.text\\n");
"""


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Return a plugin that has no debug information."""
    return build_c(TEXT, "plugin", "-g0")


def mismatch(path: Path, declared: str, name: str, **options: Any) -> SignatureMismatchError:
    """Return the error of a lookup."""
    plg = nativeplug.open(path, declared, **options)
    with pytest.raises(SignatureMismatchError) as caught:
        plg.lookup(name)
    with pytest.raises(SignatureMismatchError, match=name):
        getattr(plg, name)
    assert (str(path), name) == (caught.value.path, caught.value.symbol)
    return caught.value


class TestTableOfSymbols:
    """What every file tells: which names are functions, and how large variables are."""

    def test_variable_as_function(self, path: Path) -> None:
        """A variable that is declared as a function is not called."""
        error = mismatch(path, "int calls(void);", "calls")
        assert ("int calls(void)", "a variable") == (error.declared, error.known)
        assert str(error).endswith(
            "is declared as 'int calls(void)', but the file has a variable of that name"
        )

    def test_function_as_variable(self, path: Path) -> None:
        """A function that is declared as a variable is not read."""
        error = mismatch(path, "extern int add;", "add")
        assert ("int add", "a function") == (error.declared, error.known)

    @pytest.mark.parametrize(
        ("declared", "size", "known"),
        [("extern int few[3];", 12, 8), ("extern long long calls;", 8, 4)],
    )
    def test_larger_variable(self, path: Path, declared: str, size: int, known: int) -> None:
        """A variable that is declared larger than it is is not read."""
        name = "few" if "few" in declared else "calls"
        words = f"which takes {size} bytes, but the file has {known} of it"
        assert words in str(mismatch(path, declared, name))

    def test_as_it_is(self, path: Path) -> None:
        """What is declared as it is, or in part, or without a size, is used."""
        declared = "extern int calls, few[]; int add(int, int); extern const int bare;"
        plg: Any = nativeplug.open(path, declared)
        assert (3, 7, 5) == (plg.calls, plg.bare, plg.add(2, 3))
        assert 2 == plg.few[1]

    def test_shrunk_array(self, versions: Versions) -> None:
        """An update in which an array has become smaller than it is declared is refused."""
        versions.put(1, "int few[4];")
        plg: Any = versions.open("extern int few[4];")
        assert 4 == len(plg.few)
        versions.put(2, "int few[3];")
        assert "the file has 12 of it" in refused(plg).reasons[0]
        assert 4 == len(plg.few)


class TestRequired:
    """require_checked refuses symbols of whose types nothing is known."""

    def test_nothing_known(self, path: Path) -> None:
        """Functions and variables alike are refused, and the error says why."""
        for declared, name in (("int add(int, int);", "add"), ("extern int calls;", "calls")):
            error = mismatch(path, declared, name, require_checked=True)
            assert error.known is None
            assert "the plugin does not tell its type, which require_checked demands" in str(error)

    def test_required_now(self, path: Path) -> None:
        """So is what was looked up before that was demanded; the plugin stays as it was."""
        for declared, name in (("int add(int, int);", "add"), ("extern int calls;", "calls")):
            with nativeplug.open(path, declared) as plg:
                plg.lookup(name)
                with pytest.raises(SignatureMismatchError, match=f"{name!r} .* demands now") as now:
                    nativeplug.open(path, require_checked=True)
                assert (str(path), name) == (now.value.path, now.value.symbol)
                assert not plg._symbols.given.options.require_checked

    def test_not_required(self, path: Path) -> None:
        """Without it they are used, and say that nobody has checked them."""
        plg = nativeplug.open(path, "int add(int, int); extern int calls;")
        assert (None, None) == (plg.lookup("add").checked, plg.lookup("calls").checked)

    def test_wrong_type(self, path: Path) -> None:
        """It is true or false."""
        with pytest.raises(TypeError, match="require_checked must be bool, not list"):
            nativeplug.open(path, require_checked=["add"])  # type: ignore[call-overload]

    def test_known(self, build_c: BuildC) -> None:
        """What somebody tells is used; of ``int old()`` nobody tells the parameters."""
        text = f"{TEXT} int old() {{ return 4; }}"
        declared = "int add(int, int); int old(void); extern int calls;"
        plg: Any = nativeplug.open(build_c(text, "plugin", "-g"), declared, require_checked=True)
        assert (5, 3) == (plg.add(2, 3), plg.calls)
        with pytest.raises(SignatureMismatchError, match="'int old\\(void\\)', and the plugin"):
            plg.lookup("old")

    def test_system_library(self) -> None:
        """Nothing is read of a system library's file, so its functions are used or refused."""
        with nativeplug.open("libm.so.6", "double cos(double);") as plg:
            assert plg.lookup("cos").checked is None
        with (
            nativeplug.open("libm.so.6", "double sin(double);", require_checked=True) as plg,
            pytest.raises(SignatureMismatchError, match="'double sin"),
        ):
            plg.lookup("sin")


class TestTold:
    """What the plugin itself tells of types, or else its debug information."""

    @pytest.mark.parametrize("by", ["plugin", "dwarf", None])
    def test_as_known(self, build_c: BuildC, open_plugin: OpenPlugin, by: str | None) -> None:
        """What is declared rightly says who has told so, and serves all the same."""
        plg: Any = open_plugin(
            build_known(build_c, by), KNOWN_H, free={"made": "free"}, save_errno=["add"]
        )
        assert [by] * 4 == [plg.lookup(name).checked for name in sorted(KNOWN_NAMES)]
        point = plg.ffi.new("struct point *", [1, 2])[0]
        assert (5, 3, "", 3) == (plg.add(2, 3), plg.sum(point), plg.made(), plg.calls)

    @pytest.mark.parametrize(
        ("by", "says"),
        [("plugin", "the plugin itself tells"), ("dwarf", "its debug information tells")],
    )
    @pytest.mark.parametrize(
        ("declared", "known", "words"),
        [
            ("int add(int a, long b)", "int add(int a, int b)", "parameter 2 is 'long' (8 bytes"),
            ("long add(int a, int b)", "int add(int a, int b)", "the result is 'long' (8 bytes"),
            ("struct point sum(int p)", "double sum(struct point p)", "parameter 1 is 'int' (4 b"),
            ("extern unsigned calls", "int calls", "it is declared as 'unsigned' (4 bytes"),
        ],
    )
    def test_otherwise(  # noqa: PLR0913, PLR0917 - all are parameters of the test
        self, build_c: BuildC, by: str, says: str, declared: str, known: str, words: str
    ) -> None:
        """What is declared otherwise is refused: with both texts, who tells, the difference."""
        name = next(name for name in KNOWN_NAMES if name in known)
        text = f"struct point {{ double x, y; }}; {declared};"
        error = mismatch(build_known(build_c, by), text, name)
        assert (declared.removeprefix("extern "), known) == (error.declared, error.known)
        assert f"is declared as {error.declared!r}, but {says} {known!r}: {words}" in str(error)

    def test_other_struct(self, build_c: BuildC) -> None:
        """A struct that is declared with other members is another type, also by a pointer."""
        path = build_c("struct s { int a, b; }; int f(struct s *s) { return s->b; }", "p", "-g")
        error = mismatch(path, "struct s { long a; int b; }; int f(struct s *);", "f")
        assert "they point to records of 16 and 8 bytes" in str(error)

    def test_plugin_comes_first(self, build_c: BuildC) -> None:
        """Of what the plugin tells, debug information is not asked; of the rest it is."""
        path = build_c(TEXT, "plugin", "-g")
        path.write_bytes(tell(path.read_bytes(), "function long add (long a)"))
        plg = nativeplug.open(path, "long add(long a); extern int calls;")
        assert ("plugin", "dwarf") == (plg.lookup("add").checked, plg.lookup("calls").checked)
        plg.close()
        assert "long add(long a)" == mismatch(path, "int add(int, int);", "add").known

    def test_told_in_vain(self, build_c: BuildC) -> None:
        """Where what the plugin tells is nothing that is served, debug information counts."""
        path = build_c("int f(int x) { return x; } long g(int x) { return x; }", "p", "-g")
        told = (f"function __int128 {name}(int x)" for name in "fg")
        path.write_bytes(tell(path.read_bytes(), *told))
        plg = nativeplug.open(path, "int f(int x); int g(int x);")
        assert "dwarf" == plg.lookup("f").checked
        with pytest.raises(SignatureMismatchError, match="its debug information tells 'long int g"):
            plg.lookup("g")

    @pytest.mark.parametrize("by", ["plugin", "dwarf"])
    def test_declared_alike(self, build_c: BuildC, by: str) -> None:
        """That one function is as it is declared says nothing of others that are declared so."""
        texts = "int a(int x)", "int b(int x)", "long c(long x)"
        bodies = " ".join(f"{text} {{ return x; }}" for text in texts)
        path = build_c(bodies, "plugin", "-g" if by == "dwarf" else "-g0")
        if by == "plugin":
            path.write_bytes(tell(path.read_bytes(), *(f"function {text}" for text in texts)))
        plg = nativeplug.open(path, "int a(int); int b(int); int c(int);")
        for name in "ab" * 2:
            assert by == plg.lookup(name).checked
        for _ in range(2):
            with pytest.raises(SignatureMismatchError, match="'c'"):
                plg.lookup("c")

    def test_damaged_section(self, build_c: BuildC) -> None:
        """A damaged section refuses the file, whatever is declared; nothing of it has run."""
        path = build_c("__attribute__((constructor)) void run(void) { __builtin_trap(); }")
        path.write_bytes(tell(path.read_bytes(), b"function \xff"))
        for declared in (None, "void run(void);"):
            with pytest.raises(FormatError, match=r"the section \.nativeplug"):
                nativeplug.open(path, declared)

    def test_unreadable_debug_information(
        self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Debug information that cannot be read is a warning, once; then nobody tells."""
        monkeypatch.setattr(debug_info, "find", lambda _: DebugInfo(reason="damaged: so"))
        plg = nativeplug.open(build_c(TEXT, "plugin", "-g"), "int add(int, int); extern int calls;")
        assert (None, None) == (plg.lookup("add").checked, plg.lookup("calls").checked)
        assert [f"no debug information of {plg.path!r} is used: damaged: so"] == caplog.messages
