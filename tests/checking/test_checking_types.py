"""What is checked of what tells a plugin's types."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from pathlib import Path

import pytest

import nativeplug
from nativeplug import Interface
from nativeplug.errors import DeclarationError
from plugins_with_metadata import tell
from support import BuildC, CPlugin, types_of

TEXT = """
#include <stdint.h>
int calls = 3;
int64_t add(int64_t a, int64_t b) { return a + b; }
"""


class Adder(Interface, name="adder", version="1.1"):
    """What is asked for."""

    calls: nativeplug.int_

    def add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64:
        """Add."""

    @nativeplug.optional
    def subtract(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64:
        """Subtract."""


@pytest.fixture
def debugged(build_c: BuildC) -> Path:
    """Return a plugin with debug information."""
    return build_c(TEXT, "plugin", "-g")


def told_as(path: Path, *texts: str) -> Path:
    """Let a plugin tell of itself."""
    path.write_bytes(tell(path.read_bytes(), *texts))
    return path


class TestTold:
    """What the plugin tells of itself."""

    def test_text(self, debugged: Path) -> None:
        """Its interface is named, and what it declares counted."""
        told_as(debugged, "interface adder 1.2", "variable int calls")
        found = types_of(debugged).check_told()
        assert ("interface 'adder 1.2'; 1 functions and variables",) == found.texts

    def test_nothing(self, debugged: Path) -> None:
        """A plugin need not tell anything."""
        assert "not checked" == types_of(debugged).check_told().verdict

    def test_unreadable(self, debugged: Path) -> None:
        """What is not C is an error."""
        with pytest.raises(DeclarationError, match="doubel"):
            types_of(told_as(debugged, "function doubel add(void)")).check_told()


class TestDebug:
    """What the debug information tells."""

    def test_types(self, debugged: Path) -> None:
        """What is exported and told is counted."""
        found = types_of(debugged).check_debug()
        assert ("ok", ("types of 2 of 2 exported symbols",)) == (found.verdict, found.texts)

    def test_nothing(self, build_c: BuildC) -> None:
        """A plugin need not have any."""
        found = types_of(build_c(TEXT, "plugin", "-g0")).check_debug()
        assert ("not checked", ("there is none of what is exported",)) == (
            found.verdict,
            found.texts,
        )

    def test_damaged(self, debugged: Path) -> None:
        """Why nothing is known is told."""
        data = debugged.read_bytes()
        debugged.write_bytes(data.replace(b".debug_abbrev", b".debug_abbrex"))
        found = types_of(debugged).check_debug()
        assert "not checked" == found.verdict
        assert "there is none of what is exported" not in found.texts


class TestAgreement:
    """Whether the plugin and its debug information tell the same."""

    @pytest.mark.parametrize(
        ("told", "findings"),
        [
            (["function int64_t add(int64_t x, int64_t y)", "variable int calls"], []),
            (["function long add(long, long)", "function int other(void)"], []),
            (["function long add(long, __int128)"], []),
            (
                ["function int64_t add(int64_t a, int b)", "variable double calls"],
                ["parameter 2 is 'int'", "it is declared as 'double'"],
            ),
            (["variable int add"], ["it is declared as a variable"]),
        ],
    )
    def test_contradiction(self, debugged: Path, told: list[str], findings: list[str]) -> None:
        """Each symbol of which they tell different types is a finding."""
        found = types_of(told_as(debugged, *told)).check_agreement()
        assert ("finding" if findings else "ok") == found.verdict
        for text, expected in zip(found.texts, findings, strict=bool(findings)):
            assert expected in text

    def test_texts(self, debugged: Path) -> None:
        """Both prototypes are shown."""
        told_as(debugged, "function int64_t add(int64_t a, int b)")
        [text] = types_of(debugged).check_agreement().texts
        told, known = "int64_t add(int64_t a, int b)", "int64_t add(int64_t a, int64_t b)"
        assert text.startswith(f"the plugin tells {told!r}, its debug information {known!r}: ")

    def test_one_alone(self, debugged: Path, build_c: BuildC) -> None:
        """Where only one of them tells there is nothing to compare."""
        assert "not checked" == types_of(debugged).check_agreement().verdict
        path = told_as(build_c(TEXT, "other", "-g0"), "variable int calls")
        assert "not checked" == types_of(path).check_agreement().verdict

    def test_other_machine(self, debugged: Path) -> None:
        """Types of other machines are not compared."""
        told_as(debugged, "variable double calls")
        assert "not checked" == types_of(debugged, is_foreign=True).check_agreement().verdict


class TestInterface:
    """Whether the plugin is what is expected."""

    def test_not_asked_for(self, debugged: Path, c_plugin: CPlugin) -> None:
        """What the plugin tells of its interface is shown."""
        assert ("it tells of none",) == types_of(debugged).check_interface(None).texts
        found = types_of(c_plugin("told")).check_interface(None)
        assert ("not asked for", ("it tells of 'told 1.2'",)) == (found.verdict, found.texts)

    def test_good(self, debugged: Path) -> None:
        """It has all members, but for optional ones."""
        expected = "it is a 'Adder', and does not tell its version"
        assert (expected,) == types_of(debugged).check_interface(Adder).texts
        told_as(debugged, "interface adder 1.5")
        expected = "it is a 'Adder', and tells of 'adder 1.5'"
        assert (expected,) == types_of(debugged).check_interface(Adder).texts

    def test_bad(self, build_c: BuildC) -> None:
        """All that is missing, of another kind, type or version is a finding."""
        path = build_c("int add(int a) { return a; }", "plugin", "-g")
        found = types_of(told_as(path, "interface adder 2.0")).check_interface(Adder)
        assert "finding" == found.verdict
        version, missing, other = found.texts
        assert "another major version" in version
        assert "it does not export 'calls'" == missing
        assert "its debug information tells 'int add(int a)'" in other

    def test_untold(self, build_c: BuildC) -> None:
        """Types that nobody tells are findings where that is asked for."""
        path = build_c(TEXT, "plugin", "-g0")
        assert "ok" == types_of(path).check_interface(Adder).verdict
        found = types_of(path, is_required=True).check_interface(Adder)
        assert 2 == len(found.texts)
        assert "which require_checked demands" in found.texts[0]

    def test_text_of_the_interface(self, debugged: Path) -> None:
        """An interface that is no C is an error about its member."""

        class Wrong(Interface, types="typedef int;;; nonsense here;"):
            calls: nativeplug.int_

        with pytest.raises(DeclarationError, match="Wrong"):
            types_of(debugged).check_interface(Wrong)
