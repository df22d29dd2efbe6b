"""The command ``header``, on modules that are imported and files that are run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nativeplug import declare
from support import BuildC, refused, run

MODULE = """
import nativeplug
from nativeplug import Interface

class Greeter(nativeplug.Interface):
    def Add(self, a: nativeplug.int64, b: "nativeplug.int64") -> nativeplug.int64: ...
"""
TWO = MODULE + "\n\nclass Louder(Greeter):\n    Volume: float\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_file(place: Path) -> None:
    """An interface in a file is found by its name, and by itself where it is the only one."""
    (place / "greeting.py").write_text(MODULE)
    result = run("header", "greeting.py:Greeter")
    assert ["Add"] == list(declare.read(result.stdout).symbols)
    assert result.stdout == run("header", place / "greeting.py").stdout
    assert "Interface greeting" in result.stdout


def test_module(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is found from the working directory on."""
    package = place / "greeting_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "interfaces.py").write_text(TWO)
    path = [*sys.path]
    result = run("header", "greeting_package.interfaces:Louder")
    assert ["Volume", "Add"] == list(declare.read(result.stdout).symbols)
    assert path == sys.path
    for name in ("greeting_package", "greeting_package.interfaces"):
        monkeypatch.delitem(sys.modules, name)


def test_output(place: Path) -> None:
    """The header can be written to a file."""
    (place / "greeting.py").write_text(MODULE)
    assert "" == run("header", "greeting.py", "-o", "greeter.h").output
    assert run("header", "greeting.py").stdout == (place / "greeter.h").read_text()


def test_name_of_another_module(place: Path) -> None:
    """A file that has the name of a module leaves that one alone."""
    import types

    (place / "types.py").write_text(MODULE)
    assert "int64_t Add" in run("header", "types.py").stdout
    assert types is sys.modules["types"]


@pytest.mark.parametrize("written", ["greeter", "greeter.so", "./greeter.so", "greeter.so:Greeter"])
def test_plugin(written: str, place: Path, build_c: BuildC) -> None:
    """A plugin is not imported, so none of its code runs; even one that would kill the process."""
    build_c("__attribute__((constructor)) static void die(void) { __builtin_trap(); }", "greeter")
    assert "is not Python source: name a module or a .py file" in refused(run("header", written))
    (place / "greeter.so").write_bytes((place / "greeter.so").read_bytes()[:5000])
    assert "is not Python source: name a module or a .py file" in refused(run("header", written))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("two.py", "no interface '' in 'two.py': it has Greeter, Louder"),
        ("two.py:Singer", "no interface 'Singer' in 'two.py': it has Greeter, Louder"),
        ("two.py:Interface", "no interface 'Interface' in 'two.py'"),
        ("empty.py", "no interface '' in 'empty.py': it has none"),
        ("bad.py", "cannot import 'bad.py': ZeroDivisionError: division by zero"),
        ("wrong.py", "interface 'Greeter', member 'x': it is 'int'"),
        ("absent.py", "cannot import 'absent.py': FileNotFoundError"),
        ("no.such.module:Greeter", "cannot import 'no.such.module': ModuleNotFoundError"),
        ("", "cannot import ''"),
    ],
)
def test_failures(written: str, words: str, place: Path) -> None:
    """What is not there, or cannot be read, is told in a line."""
    (place / "two.py").write_text(TWO)
    (place / "empty.py").write_text("")
    (place / "bad.py").write_text("1 / 0\n")
    wrong = "import nativeplug\nclass Greeter(nativeplug.Interface):\n    x: int\n"
    (place / "wrong.py").write_text(wrong)
    assert words in refused(run("header", written))
