"""The command ``bench``: what it measures and how it fails, not how fast anything is."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from support import Compile, CPlugin, needs_go, refused, run

pytestmark = pytest.mark.slow

WAYS = ["core, GIL released", "core, GIL held", "cffi invoker", "ctypes", "cffi ABI mode", "lookup"]


def measured(*arguments: str | Path) -> dict[str, Any]:
    """Return the ways that the command measures in one round, as JSON has them."""
    result = run("bench", *arguments, "--rounds", "1", "--json")
    assert 0 == result.exit_code, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    assert 1 == report["rounds"]
    found: dict[str, Any] = report["ways"]
    return found


def notes(*arguments: str | Path) -> dict[str, str]:
    """Return the notes of those ways that cannot be measured."""
    return {name: way["note"] for name, way in measured(*arguments).items() if "minimum" not in way}


class TestBench:
    """One function, called in every way."""

    @pytest.mark.parametrize(
        "command",
        [
            "add 2 -3",
            "small 255",
            "half 2.5",
            "halff 2.5",
            "negate true",
            "next a",
            "paint BLUE",
            "echo text",
            "echo NULL",
            "length_or_minus text",
            "same NULL",
            "nothing",
        ],
    )
    def test_every_way(self, kinds: Path, command: str) -> None:
        """Each way is measured, and all of them return the same."""
        found = measured(kinds, *command.split())
        assert WAYS == list(found)
        for way in found.values():
            assert {"minimum", "median", "note"} == set(way)
            assert "" == way["note"]

    def test_declined_by_the_core(self, kinds: Path) -> None:
        """What the core and ctypes do not serve has a reason in its place."""
        found = notes(kinds, "mirror", "1", "2.5")
        assert ["core, GIL released", "core, GIL held", "ctypes"] == list(found)
        assert "the core leaves this signature to cffi" == found["core, GIL held"]
        assert "ctypes has no 'Point'" == found["ctypes"]

    def test_further_arguments(self, kinds: Path) -> None:
        """Nobody has told ctypes how further arguments are passed."""
        assert "ctypes does not know how '...' is passed" == notes(kinds, "varied", "1")["ctypes"]

    def test_callback(self, kinds: Path) -> None:
        """A null function pointer is passed by ctypes and cffi too."""
        assert "ctypes" not in notes(kinds, "apply", "NULL")

    def test_wide_character(self, kinds: Path) -> None:
        """A wide character is one of ctypes' where it has the size of its own."""
        assert "ctypes" not in notes(kinds, "wide", "ß")

    def test_owned_result(self, kinds: Path) -> None:
        """Who would not release the result is not measured."""
        found = notes(kinds, "copy", "text", "--free", "copy")
        assert (
            dict.fromkeys(["ctypes", "cffi ABI mode"], "it would not release the result") == found
        )

    def test_another_result(self, compile_c: Compile) -> None:
        """A function that returns something else each time is measured, with a note."""
        plugin = compile_c("int next(void) { static int last; return ++last; }")
        found = measured(plugin, "next", "--declarations", "int next(void);")
        assert found["ctypes"]["note"].startswith("returned ")
        assert found["ctypes"]["note"].endswith(", after 1")

    def test_invoker_of_the_user(self, kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user's own choice of an invoker holds, and stays as it was."""
        monkeypatch.setenv("NATIVEPLUG_INVOKER", "cffi")
        assert ["core, GIL released", "core, GIL held"] == list(notes(kinds, "add", "1", "2"))
        assert "cffi" == os.environ["NATIVEPLUG_INVOKER"]

    def test_table(self, kinds: Path) -> None:
        """On a terminal there is a row for each way, with nanoseconds and a ratio."""
        result = run("bench", kinds, "half", "3", "--rounds", "2")
        assert (0, "") == (result.exit_code, result.stderr)
        assert "double half(double x): 2 rounds" in result.stdout
        for name in WAYS:
            assert name in result.stdout

    def test_table_with_a_gap(self, kinds: Path) -> None:
        """What cannot be measured has hyphens in the table, and the reason."""
        result = run("bench", kinds, "mirror", "1", "2", "--rounds", "1")
        [row] = (line for line in result.stdout.splitlines() if "ctypes has no" in line)
        assert 3 == row.count(" - ")

    def test_system_library(self) -> None:
        """A system library is measured as any plugin."""
        declared = ["--declarations", "double pow(double x, double y);"]
        assert {} == notes("libm.so.6", "pow", "2", "10", *declared)

    @needs_go
    def test_go(self, go_plugin: CPlugin) -> None:
        """An export of Go is called in every way, by one runtime."""
        assert {} == notes(go_plugin("greeter"), "Add", "2", "3")


class TestPlot:
    """The picture."""

    @pytest.mark.parametrize(("name", "start"), [("made.png", b"\x89PNG"), ("made.svg", b"<?xml")])
    def test_formats(self, kinds: Path, tmp_path: Path, name: str, start: bytes) -> None:
        """The suffix decides the format."""
        picture = tmp_path / name
        result = run("bench", kinds, "half", "3", "--rounds", "1", "--plot", picture)
        assert 0 == result.exit_code, result.output
        assert picture.read_bytes().startswith(start)

    def test_unknown_format(self, kinds: Path, tmp_path: Path) -> None:
        """A suffix of no format is one line, after what was measured."""
        result = run("bench", kinds, "half", "3", "--rounds", "1", "--plot", tmp_path / "made.x")
        assert 2 == result.exit_code
        assert "core, GIL held" in result.stdout
        assert 1 == result.stderr.count("\n")
        assert result.stderr.startswith("nativeplug: cannot draw ")

    def test_no_directory(self, kinds: Path, tmp_path: Path) -> None:
        """A picture that cannot be written is one line."""
        picture = tmp_path / "none" / "made.png"
        result = run("bench", kinds, "half", "3", "--rounds", "1", "--plot", picture)
        assert 2 == result.exit_code
        assert "No such file or directory" in result.stderr

    def test_no_matplotlib(self, kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without matplotlib one line says what to install, before anything is measured."""
        monkeypatch.delitem(sys.modules, "nativeplug.cli.plot", raising=False)
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        assert "nativeplug[bench]" in refused(run("bench", kinds, "half", "3", "--plot", "x.png"))


class TestMistakes:
    """No mistake of the user is a traceback."""

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("add 1", "add() "),
            ("add one 2", "add() argument 'a': 'one' is no int64_t"),
            ("small 256", "small() argument 'n'"),
            ("counter", "'counter' is a variable, only functions can be measured"),
            ("take 1", "a 'Point' cannot be written on a command line"),
            ("varied 1 2", "varied() takes further arguments of undeclared types"),
            ("unheard_of", "unheard_of"),
            ("ad 1 2", "did you mean"),
        ],
    )
    def test_call(self, kinds: Path, command: str, words: str) -> None:
        """A call that cannot be made is one line that names what is wrong."""
        assert words in refused(run("bench", kinds, *command.split()))

    def test_later_failure(self, compile_c: Compile) -> None:
        """A call that fails while it is measured is one line."""
        text = "const char *once(void)"
        body = '{ static int calls; return calls++ < 3 ? "text" : "\\xff"; }'
        plugin = compile_c(text + body)
        assert "utf-8" in refused(run("bench", plugin, "once", "--declarations", f"{text};"))

    def test_missing(self, tmp_path: Path) -> None:
        """A missing plugin is one line."""
        assert "No such file" in refused(run("bench", tmp_path / "none.so", "x"))

    def test_usage(self, kinds: Path) -> None:
        """Less than one round, and two sources of declarations, are wrong usage."""
        assert 2 == run("bench", kinds, "half", "3", "--rounds", "0").exit_code
        text, header = "double half(double);", kinds.with_suffix(".h")
        result = run("bench", kinds, "half", "3", "--declarations", text, "--header", header)
        assert 2 == result.exit_code


def test_no_such_wide_character(kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide character of another size is none of ctypes'."""
    monkeypatch.setattr(ctypes, "sizeof", lambda _type: 2)
    assert "ctypes has no 'wchar_t'" == notes(kinds, "wide", "b")["ctypes"]
