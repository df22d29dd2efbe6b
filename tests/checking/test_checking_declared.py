"""What is checked of a plugin's declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug.checking.declared import (
    check_declarations,
    check_exports,
    check_symbols,
    check_types,
)
from nativeplug.checking.report import SymbolCheck
from plugins_with_metadata import tell
from support import BuildC, types_of

TEXT = """
int calls = 3;
__thread int own;
long few[2];
int add(int a, int b) { return a + b; }
__int128 large(void) { return 0; }
"""
HEADER = "extern int calls;\nint add(int a, int b);\n"


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Return a plugin with debug information."""
    return build_c(TEXT, "plugin", "-g")


@pytest.fixture
def header(tmp_path: Path) -> Path:
    """Return the path of a header."""
    return tmp_path / "given.h"


def symbols_of(
    path: Path, header: Path, *, is_foreign: bool = False, is_required: bool = False
) -> tuple[SymbolCheck, ...]:
    """Return what is found of the symbols that a header declares."""
    types = types_of(path, is_foreign=is_foreign, is_required=is_required)
    _, declared = check_declarations(types, header)
    assert declared is not None
    return tuple(check_symbols(types, declared))


class TestDeclarations:
    """Where the declarations come from."""

    def test_order(self, path: Path, header: Path, build_c: BuildC) -> None:
        """Given ones come first, then what the plugin tells, its header, its debug information."""
        types = types_of(path)
        assert f"5 functions and variables in {path} (debug information)" == self.text(path)
        beside = path.with_suffix(".h")
        beside.write_text(HEADER)
        assert f"2 functions and variables in {beside}" == self.text(path)
        path.write_bytes(tell(path.read_bytes(), "variable int calls"))
        assert f"1 functions and variables in {path} (.nativeplug)" == self.text(path)
        header.write_text("int add(int a, int b);")
        found, declared = check_declarations(types, header)
        assert (f"1 functions and variables in {header}",) == found.texts
        assert declared is not None
        found, declared = check_declarations(types_of(build_c("", "other", "-g0")), None)
        assert ("not checked", None) == (found.verdict, declared)

    @staticmethod
    def text(path: Path) -> str:
        """Return what is said of what is found with a plugin."""
        found, _ = check_declarations(types_of(path), None)
        assert "ok" == found.verdict
        return found.texts[0]

    def test_unreadable(self, path: Path, header: Path) -> None:
        """A header that is missing, or is not C, is a finding; also the one beside the plugin."""
        found, declared = check_declarations(types_of(path), header)
        assert ("finding", None) == (found.verdict, declared)
        assert "No such file or directory" in found.texts[0]
        path.with_suffix(".h").write_text("int add(;")
        found, declared = check_declarations(types_of(path), None)
        assert ("finding", None) == (found.verdict, declared)
        assert "plugin.h:1:9" in found.texts[0]


class TestSymbols:
    """Each symbol against the file."""

    def test_as_declared(self, path: Path, header: Path) -> None:
        """A symbol of the declared type is told by the debug information."""
        header.write_text(HEADER)
        expected = SymbolCheck("add", "ok", "int add(int a, int b)", f"{header}:2:5", "dwarf")
        assert expected == symbols_of(path, header)[1]

    def test_mismatch(self, path: Path, header: Path) -> None:
        """One of another type has both prototypes, and what differs."""
        header.write_text("int add(int a, double b);")
        [found] = symbols_of(path, header)
        assert ("finding", True, None) == (found.verdict, found.is_exported, found.by)
        assert ("int add(int a, double b)", "int add(int a, int b)") == (
            found.declared,
            found.known,
        )
        assert "parameter 2 is 'double'" in found.text

    def test_not_exported(self, path: Path, header: Path) -> None:
        """One that the file lacks is a finding of its own."""
        header.write_text("int absent(void);")
        [found] = symbols_of(path, header)
        assert ("finding", False) == (found.verdict, found.is_exported)
        assert "'absent' is declared, and not exported" == found.text

    @pytest.mark.parametrize(
        ("declared", "why"),
        [
            ("__int128 large(void);", "undefined type name: '__int128'"),
            ("extern int own;", "it is a variable of each thread"),
        ],
    )
    def test_unusable(self, path: Path, header: Path, declared: str, why: str) -> None:
        """What only C can handle is no finding, and why is told."""
        header.write_text(declared)
        [found] = symbols_of(path, header)
        assert ("not checked", f"it cannot be used: {why}") == (found.verdict, found.text)

    def test_required(self, path: Path, header: Path) -> None:
        """It is a finding where all types must be known."""
        header.write_text("__int128 large(void);")
        [found] = symbols_of(path, header, is_required=True)
        assert ("finding", None) == (found.verdict, found.known)

    def test_other_machine(self, path: Path, header: Path) -> None:
        """Of other machines the kind is compared, and what the plugin tells of itself."""
        header.write_text("double add(void); int calls(void); extern long few[9];")
        add, calls, few = symbols_of(path, header, is_foreign=True)
        assert ("not checked", None) == (add.verdict, add.by)
        assert ("a variable", "a variable of 16 bytes") == (calls.known, few.known)
        path.write_bytes(tell(path.read_bytes(), "function int add(int a, int b)"))
        add = symbols_of(path, header, is_foreign=True)[0]
        assert "int add(int a, int b)" == add.known


class TestRows:
    """What is said of all symbols."""

    def test_good(self, path: Path, header: Path) -> None:
        """Who tells the types is counted."""
        header.write_text(f"{HEADER}__int128 large(void);")
        symbols = symbols_of(path, header)
        assert "ok" == check_exports(symbols).verdict
        types = check_types(symbols, is_foreign=False)
        expected = "as they are told: 2 by its debug information, 1 by nobody"
        assert ("ok", (expected,)) == (types.verdict, types.texts)

    def test_findings(self, path: Path, header: Path) -> None:
        """Each symbol is a finding of one of both."""
        header.write_text("int absent(void), lost(int); int add(int a); extern int calls;")
        symbols = symbols_of(path, header)
        exports, types = check_exports(symbols), check_types(symbols, is_foreign=False)
        assert ["finding", "finding"] == [exports.verdict, types.verdict]
        assert [2, 1] == [len(exports.texts), len(types.texts)]

    @pytest.mark.parametrize(
        ("is_foreign", "words"), [(False, "build it with -g"), (True, "of another machine")]
    )
    def test_nobody(self, build_c: BuildC, header: Path, words: str, *, is_foreign: bool) -> None:
        """Where nobody tells any type nothing was checked."""
        header.write_text(HEADER)
        symbols = symbols_of(build_c(TEXT, "bare", "-g0"), header)
        found = check_types(symbols, is_foreign=is_foreign)
        assert "not checked" == found.verdict
        assert words in found.texts[0]
