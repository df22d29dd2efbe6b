"""The command ``call``, on plugins that real compilers made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from building import build
from support import PLUGINS_GO, needs_go, refused, run


class TestCall:
    """One call, from the shell."""

    @pytest.mark.parametrize(
        ("command", "output"),
        [
            ("add 2 -3", "-1"),
            ("add 0x10 0b11", "19"),
            ("add 007 1_000", "1007"),
            ("small 255", "255"),
            ("half 5", "2.5"),
            ("half -0x1p-1", "-0.25"),
            ("half inf", "inf"),
            ("halff 3", "1.5"),
            ("negate true", "false"),
            ("negate 0", "true"),
            ("next a", "b"),
            ("wide ß", "ß"),
            ("paint BLUE", "7"),
            ("paint 1", "1"),
            ("echo text", "text"),
            ("echo größer", "größer"),
            ("echo \\NULL", "NULL"),
            ("echo \\\\NULL", "\\NULL"),
            ("echo NULLS", "NULLS"),
            ("length_or_minus NULL", "-1"),
            ("same NULL", "NULL"),
            ("apply NULL", "-1"),
            ("mirror 1 2.5", "x: -1\ny: -2.5"),
            ("varied 1", "1"),
            ("counter", "3"),
            ("label", "a label"),
            ("triple", "1 2 3"),
            ("LIMIT", "12"),
            ("BLUE", "7"),
        ],
    )
    def test_result(self, kinds: Path, command: str, output: str) -> None:
        """Arguments are read, and results printed, as the declaration says."""
        result = run("call", kinds, *command.split())
        assert (0, output + "\n", "") == (result.exit_code, result.stdout, result.stderr)

    @pytest.mark.parametrize("command", ["nothing", "echo NULL"])
    def test_no_result(self, kinds: Path, command: str) -> None:
        """No result and a null text print nothing."""
        result = run("call", kinds, *command.split())
        assert (0, "") == (result.exit_code, result.output)

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("add 1", "add() "),
            ("add 1 2 3", "add() "),
            ("add one 2", "add() argument 'a': 'one' is no int64_t"),
            ("small 256", "small() argument 'n'"),
            ("small -1", "small() argument 'n'"),
            ("half much", "half() argument 'x': 'much' is no double"),
            ("half abc", "half() argument 'x': 'abc' is no double"),
            ("negate maybe", "'maybe' is neither true nor false"),
            ("next ab", "'ab' has 2 bytes, a char has one"),
            ("wide ab", "'ab' has 2 characters, one is needed"),
            ("paint GREEN", "'GREEN' is no enum color"),
            ("same 0x10", "'0x10' is not NULL, the only pointer that can be written"),
            ("apply negate", "is not NULL"),
            ("take 1", "a 'Point' cannot be written on a command line"),
            ("counter 4", "'counter' is a variable, it takes no arguments"),
            ("LIMIT 4", "'LIMIT' is a constant, it takes no arguments"),
            ("varied 1 2", "varied() takes further arguments of undeclared types"),
            ("absent", "absent"),
            ("unheard_of", "unheard_of"),
            ("ad 1 2", "did you mean"),
        ],
    )
    def test_failure(self, kinds: Path, command: str, words: str) -> None:
        """Every foreseeable error is one line that names what is wrong."""
        assert words in refused(run("call", kinds, *command.split()))

    def test_declarations(self, bare_kinds: Path, kinds: Path) -> None:
        """Declarations can be given as text or as a header, not as both."""
        text = ["--declarations", "double half(double);"]
        header = ["--header", str(kinds.with_suffix(".h"))]
        assert "1.5\n" == run("call", bare_kinds, "half", "3", *text).stdout
        assert "4\n" == run("call", *header, bare_kinds, "add", "1", "3").stdout
        assert 2 == run("call", bare_kinds, "half", "3", *text, *header).exit_code

    def test_bad_declarations(self, bare_kinds: Path) -> None:
        """Declarations that cannot be read are an error."""
        assert "declarations" in refused(run("call", bare_kinds, "x", "--declarations", "int x(;"))

    @pytest.mark.parametrize("option", ["copy", "copy=free"])
    def test_free(self, kinds: Path, option: str) -> None:
        """A result that the caller owns is released, by libc unless another is named."""
        result = run("call", kinds, "copy", "text", "--free", option)
        assert (0, "text\n") == (result.exit_code, result.output)

    def test_free_by_nobody(self, kinds: Path, tmp_path: Path) -> None:
        """A function that is to release results must exist."""
        own = shutil.copytree(kinds.parent, tmp_path / "own")  # which stays open with that
        message = refused(run("call", own / kinds.name, "copy", "text", "--free", "copy=gone"))
        assert "gone" in message

    def test_working_directory(self, kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name without a slash is a file of the working directory, where there is one."""
        monkeypatch.chdir(kinds.parent)
        assert "3\n" == run("call", kinds.name, "add", "1", "2").stdout

    def test_system_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Otherwise it is a system library."""
        monkeypatch.chdir(tmp_path)
        text = "double pow(double, double);"
        result = run("call", "libm.so.6", "pow", "2", "0x0a", "--declarations", text)
        assert "1024.0\n" == result.stdout

    def test_not_utf8(self, kinds: Path) -> None:
        """Text that is not UTF-8 is either printed as it is or refused in one line."""
        command = [sys.executable, "-m", "nativeplug", "call", str(kinds), "broken"]
        done = subprocess.run(command, capture_output=True, check=False, cwd=kinds.parent)
        assert done.stdout == b"\xff\xfe\n" or done.stderr.count(b"\n") == 1

    @needs_go
    def test_go(self, tmp_path: Path) -> None:
        """Go's strings are written as text, its several results are printed with names."""
        greeter = build(PLUGINS_GO / "greeter", tmp_path / "greeter.so")
        results = build(PLUGINS_GO / "results", tmp_path / "results.so")
        assert "Hello, you!\n" == run("call", greeter, "Greet", "you", "--free", "Greet").stdout
        assert "r0: 3\nr1: 1\n" == run("call", results, "DivMod", "10", "3").stdout

    def test_missing(self, tmp_path: Path) -> None:
        """A missing plugin is one line."""
        assert "No such file" in refused(run("call", tmp_path / "none.so", "x"))
