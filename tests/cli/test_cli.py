"""The command line as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from nativeplug.cli import console
from nativeplug.cli.app import COMMANDS
from support import BuildC, run

_WITHOUT_ARGUMENTS = {"demo", "keygen", "versions"}


@pytest.mark.slow
class TestProgram:
    """The program as a whole."""

    @staticmethod
    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with some arguments; in a directory that has no package in it."""
        command, folder = [sys.executable, *arguments], tempfile.gettempdir()
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)

    def test_module(self) -> None:
        """``python -m nativeplug`` is the command line, and calls itself nativeplug."""
        done = self.python("-m", "nativeplug", "--version")
        assert 0 == done.returncode
        assert done.stdout.startswith("nativeplug ")

    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_missing_extra(self, missing: str) -> None:
        """Without click or rich one line says what to install."""
        code = f"import sys; sys.modules[{missing!r}] = None; import nativeplug.cli as c; c.main()"
        done = self.python("-c", code, "inspect", sys.executable)
        expected = "nativeplug's command line needs click and rich: pip install 'nativeplug[cli]'\n"
        assert (2, "", expected) == (done.returncode, done.stdout, done.stderr)

    def test_other_missing_module(self) -> None:
        """Any other missing module is a fault of ours, and shown as one."""
        code = (
            "import sys, nativeplug.cli as c; sys.modules['nativeplug.cli.demo'] = None; c.main()"
        )
        assert "ModuleNotFoundError" in self.python("-c", code).stderr

    def test_usage(self) -> None:
        """A command that is written wrongly ends with status 2."""
        assert 2 == run("inspect").exit_code
        assert 2 == run("fly").exit_code
        assert "inspect" in run("inspec").output

    @pytest.mark.parametrize("name", ["", *COMMANDS])
    def test_help(self, name: str) -> None:
        """``-h`` and ``--help`` are the same for every command."""
        command = [name] if name else []
        short, long = run(*command, "-h"), run(*command, "--help")
        assert (0, long.output) == (short.exit_code, short.output)
        assert short.output.startswith("Usage: ")

    @pytest.mark.parametrize(
        ("written", "expected"),
        [(["ins"], ["inspect"]), (["check", "--har"], ["--hardening"])]
        + [([name, ""], ["<file>"]) for name in sorted({*COMMANDS} - _WITHOUT_ARGUMENTS)]
        + [(["keygen", "-p", ""], ["<file>"]), (["check", "x.so", "--interface", ""], ["<file>"])]
        + [(["check", "x.so", "--key", ""], ["<file>"]), (["call", "--header", ""], ["<file>"])],
        ids=" ".join,
    )
    def test_completion(self, written: list[str], expected: list[str]) -> None:
        """The shell completes commands and options; and files where a command takes one."""
        asked = {"COMP_WORDS": " ".join(["nativeplug", *written]), "COMP_CWORD": str(len(written))}
        code = "import sys, nativeplug.cli as cli; sys.argv[0] = 'nativeplug'; cli.main()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **asked, "_NATIVEPLUG_COMPLETE": "bash_complete"},
            capture_output=True,
            text=True,
            check=False,
        )
        kinds = [line.partition(",") for line in done.stdout.split()]
        assert expected == ["<file>" if kind == "file" else name for kind, _, name in kinds]

    def test_interrupted(self, build_c: BuildC) -> None:
        """Ctrl-C ends a command with status 130, and without a traceback."""
        plugin = build_c(
            """
            #include <signal.h>
            int stop(void) { return raise(SIGINT); }
            """
        )
        done = self.python(
            *["-m", "nativeplug", "call", str(plugin), "stop", "--declarations", "int stop(void);"]
        )
        assert (130, "", "\n") == (done.returncode, done.stdout, done.stderr)

    def test_imports(self) -> None:
        """Importing nativeplug imports neither click nor rich."""
        code = "import sys, nativeplug; print({'click', 'rich', 'elftools'} & {*sys.modules})"
        assert "set()" == self.python("-c", code).stdout.strip()


class TestConsole:
    """What the commands share."""

    def test_spinner(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a terminal a spinner shows a long step, and no line stays behind."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        with console.progress("a step"):
            assert console.console(stderr=True).is_terminal
