"""The command ``check``: what can be said against a plugin, and the exit status."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from nativeplug.checking import HARDENING
from nativeplug.loader import files
from nativeplug.loader.files import FileChangedError
from signing import FAR, Signer
from support import (
    PLUGINS_C,
    ROOT,
    BuildC,
    CPlugin,
    needs_go,
    refuse,
    refused,
    run,
)

INTERFACE = """
import nativeplug

class Told(nativeplug.Interface, name="told", version="1.3"):
    def told_add(self, a: nativeplug.int64, b: nativeplug.int32) -> nativeplug.int64: ...
    def gone(self) -> None: ...
"""


@pytest.fixture
def told(c_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a plugin that tells of itself, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(c_plugin("told"), tmp_path))


def report_of(*arguments: str | Path, status: int = 0) -> dict[str, Any]:
    """Return what the command prints as JSON."""
    result = run("check", *arguments, "--json")
    assert status == result.exit_code, result.output
    assert "" == result.stderr
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def verdicts_of(report: dict[str, Any]) -> dict[str, str]:
    """Return what came of each check."""
    return {check["name"]: check["verdict"] for check in report["checks"]}


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in PLUGINS_C.glob("*.c")} - {"undefined_symbol"})
)
def test_plugins(name: str, c_plugin: CPlugin) -> None:
    """There is nothing to be said against the C plugins of the project that can be loaded."""
    report = report_of(c_plugin(name))
    assert 0 == report["findings"]
    assert {"ok"} >= {symbol["verdict"] for symbol in report["symbols"]}


@needs_go
@pytest.mark.parametrize("name", ["greeter", "results", "structs"])
def test_plugins_go(name: str, go_plugin: CPlugin) -> None:
    """Nor against those of Go, which tell of themselves and have debug information."""
    report = report_of(go_plugin(name))
    assert {"told": "ok", "agreement": "ok", "types": "ok"}.items() <= verdicts_of(report).items()


class TestReport:
    """What is printed."""

    def test_keys(self, told: Path) -> None:
        """The keys of the JSON text are the interface for programs."""
        report = report_of(told)
        assert "checks findings path sha256 symbols undeclared" == " ".join(sorted(report))
        assert "name offset texts verdict" == " ".join(sorted(report["checks"][0]))
        expected = "by declared is_exported known name place text verdict"
        assert expected == " ".join(sorted(report["symbols"][0]))

    def test_table(self, told: Path, tmp_path: Path) -> None:
        """The table has a line for each check, and for each symbol both prototypes."""
        header = tmp_path / "other.h"
        header.write_text("int told_add(int a); extern int told_calls; int gone(void);")
        result = run("check", told.name, header.name)
        assert 1 == result.exit_code
        assert "" == result.stderr
        lines = [[*map(str.strip, line.split("│"))][1:-1] for line in result.stdout.splitlines()]
        for expected in (
            ["told", "ok", "interface 'told 1.2'; 5 functions and variables"],
            ["exports", "finding", "'gone' is declared, and not exported"],
            ["probe", "not asked for", "loading it would run its constructors"],
            [
                "told_add",
                "finding",
                "int told_add(int a)",
                "int64_t told_add(int64_t a, int64_t b)",
            ],
            ["told_calls", "ok", "int told_calls", "the same, by the plugin"],
            ["gone", "finding", "int gone(void)", "not exported"],
        ):
            assert expected in lines
        undeclared, count = result.stdout.splitlines()[-2:]
        assert "exported, not declared: told_mirror, told_names, told_sum" == undeclared
        assert "2 findings" == count

    def test_several_findings(self, told: Path) -> None:
        """Each finding of a check has a line of its own."""
        result = run("check", told, "--directory", "/usr", "--owner", "4711")
        lines = [line.split("│")[1:3] for line in result.stdout.splitlines() if "│" in line]
        assert ["origin", "finding", "", ""] == [each.strip() for row in lines[:2] for each in row]
        assert "2 findings" == result.stdout.splitlines()[-1]

    def test_words_for_symbols(self, build_c: BuildC, tmp_path: Path) -> None:
        """What was not compared, or cannot be, is told."""
        text = "int one; __thread int two; double three(void) { return 3; }"
        path = build_c(text, "plugin", "-g0")
        header = tmp_path / "given.h"
        header.write_text("extern int one, two; double three(void);")
        shown = run("check", path, header).stdout
        assert "it cannot be used: it is a variable of each thread" in shown
        shown = run("check", path, header, "--require-checked").stdout
        assert "not told" in shown
        debugged = build_c(text, "debugged", "-g")
        assert "the same, by DWARF" in run("check", debugged, header).stdout

    def test_many_undeclared(self, build_c: BuildC) -> None:
        """Of many names that nobody declares some are shown, and all in JSON."""
        path = build_c("".join(f"int name_{n};" for n in range(25)), "plugin", "-g0")
        assert "name_24, name_3 and 5 more" not in run("check", path).stdout
        assert " and 5 more (see --json)" in run("check", path).stdout
        assert 25 == len(report_of(path)["undeclared"])

    def test_hostile_name(self, build_c: BuildC, tmp_path: Path) -> None:
        """A symbol's name cannot steer the terminal."""
        data = build_c("int plain;", "plugin", "-g0").read_bytes().replace(b"plain", b"pl\x1b[m")
        (tmp_path / "evil.so").write_bytes(data)
        shown = run("check", tmp_path / "evil.so").stdout
        assert "\x1b" not in shown
        assert "pl\\x1b[m" in shown


class TestDemands:
    """What can be asked for."""

    def test_interface(self, told: Path, tmp_path: Path) -> None:
        """An interface is found as for ``header``."""
        (tmp_path / "wanted.py").write_text(INTERFACE)
        report = report_of(told, "--interface", "wanted.py:Told", status=1)
        [found] = (check for check in report["checks"] if check["name"] == "interface")
        assert ["finding", 3] == [found["verdict"], len(found["texts"])]
        assert "an older one" in found["texts"][0]

    def test_hardening(self, told: Path) -> None:
        """What is named must be there; "all" names all."""
        assert "not asked for" == verdicts_of(report_of(told))["hardening bind_now"]
        for names in (["bind_now"], ["nx", "bind_now"], ["all"]):
            options = [f"--hardening={name}" for name in names]
            report = verdicts_of(report_of(told, *options, status=1))
            assert "finding" == report["hardening bind_now"]
            assert "ok" == report["hardening nx"]
        assert {f"hardening {name}" for name in HARDENING} < report.keys()
        result = run("check", told, "--hardening", "pie")
        assert 2 == result.exit_code

    def test_required(self, build_c: BuildC, tmp_path: Path) -> None:
        """All types must be told where that is asked for."""
        path = build_c("int one;", "plugin", "-g0")
        (tmp_path / "plugin.h").write_text("extern int one;")
        assert "not checked" == verdicts_of(report_of(path))["types"]
        assert "finding" == verdicts_of(report_of(path, "--require-checked", status=1))["types"]

    def test_key(self, told: Path, signer: Signer, tmp_path: Path) -> None:
        """A key is a text or a file, and what is signed may have to say more."""
        (tmp_path / "key.pub").write_text(f"untrusted comment: a key\n{signer.public}\n")
        signer.sign(told, "version:1.0")
        for key in (signer.public, "key.pub"):
            assert "ok" == verdicts_of(report_of(told, "--key", key, "--require-version"))["origin"]
        options = ["--key", signer.public, "--require-expiry"]
        assert "finding" == verdicts_of(report_of(told, *options, status=1))["origin"]
        signer.sign(told, "version:1.0", FAR)
        assert "ok" == verdicts_of(report_of(told, *options))["origin"]
        assert not (tmp_path / "state").exists()

    def test_place(self, told: Path, tmp_path: Path) -> None:
        """Where it lies, who could write to it, what it is and who has made it."""
        sha256 = report_of(told)["sha256"]
        told.chmod(0o666)
        for options, status in (
            (["--sha256", sha256, "--directory", str(tmp_path), "--toolchain", "*"], 0),
            (["--sha256", "0" * 64], 1),
            (["--others-cannot-write"], 1),
            (["--toolchain", "Go*"], 1),
        ):
            report = verdicts_of(report_of(told, *options, status=status))
            assert ("finding" if status else "ok") == report["origin"]

    def test_probe(self, c_plugin: CPlugin) -> None:
        """It is loaded where that is asked for, and only there."""
        path = c_plugin("undefined_symbol")
        assert "not asked for" == verdicts_of(report_of(path, status=1))["probe"]
        assert "finding" == verdicts_of(report_of(path, "--probe", status=1))["probe"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--sha256", "12"], "sha256 must be 64 hexadecimal digits"),
            (["--key", "RW"], "cannot use public key 'RW'"),
            (["--require-version"], "require_version is about signatures"),
            (["--owner", "root"], "'root' is not a valid int"),
        ],
    )
    def test_usage(self, options: list[str], words: str, told: Path) -> None:
        """A demand that means nothing is a mistake of the command."""
        result = run("check", told, *options)
        assert (2, "") == (result.exit_code, result.stdout)
        assert words in result.stderr


class TestFailures:
    """What cannot be checked at all is one line."""

    def test_file(self, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is not there, or is no file."""
        assert "No such file" in refused(run("check", "./none.so"))
        assert "name a library by its path" in refused(run("check", "libz.so.1"))
        assert "Is a directory" in refused(run("check", told.parent))
        monkeypatch.setattr(files, "read_file", refuse(5))
        assert "Input/output error" in refused(run("check", told))

    def test_changing(self, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is being written."""

        def change(_path: str) -> None:
            raise FileChangedError

        monkeypatch.setattr(files, "read_file", change)
        assert "it changes while it is read" in refused(run("check", told))

    def test_demands(self, told: Path, tmp_path: Path) -> None:
        """An interface or a key that is not there, or cannot be read."""
        assert "cannot import 'none'" in refused(run("check", told, "--interface", "none"))
        assert "none.pub" in refused(run("check", told, "--key", "none.pub"))
        wrong = "class Wrong(nativeplug.Interface, types='typedef 7;'):\n    a: nativeplug.int_\n"
        (tmp_path / "wrong.py").write_text(f"import nativeplug\n{wrong}")
        assert "'Wrong'" in refused(run("check", told, "--interface", "wrong.py"))

    def test_no_plugin(self) -> None:
        """A file of another kind is a report, too."""
        report = report_of(__file__, status=1)
        assert 1 == report["findings"]
        assert "finding" == verdicts_of(report)["structure"]

    def test_odd_name(self, told: Path) -> None:
        """A name that is no text is printed."""
        odd = told.rename(told.parent / "a\udcff.so")
        assert "a\\udcff.so" in run("check", odd.name).stdout
        assert "a\udcff.so" == report_of(odd.name)["path"]


class TestPage:
    """The examples of docs/checking.md."""

    PAGE = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    BLOCK = re.compile(r"^```(c|console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

    def block(self, language: str) -> str:
        """Return the one block of a language."""
        [text] = (text for kind, text in self.BLOCK.findall(self.PAGE) if kind == language)
        return str(text)

    @staticmethod
    def cells(line: str) -> list[str]:
        """Return what a line says, however wide the table is."""
        return [cell.strip() for cell in line.split("│")]

    def test_report(
        self, c_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The report of the page is that of the plugin, in its order."""
        monkeypatch.chdir(tmp_path)
        shutil.copy(c_plugin("greeter"), tmp_path)
        (tmp_path / "wrong.h").write_text(self.block("c"))
        command, *shown = self.block("console").splitlines()
        result = run(*command.removeprefix("$ nativeplug ").split())
        assert 1 == result.exit_code
        printed = map(self.cells, result.stdout.splitlines())
        for line in shown:
            assert line == "..." or self.cells(line) in printed, line

    def test_ci(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The plugin of the page for authors has no findings, built and checked as it says."""
        monkeypatch.chdir(tmp_path)
        tmp_path.chmod(0o700)
        authors = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
        source = next(text for kind, text in self.BLOCK.findall(authors) if kind == "c")
        (tmp_path / "geometry.c").write_text(source)
        for command in self.block("sh").splitlines():
            result = run(*command.removeprefix("nativeplug ").split())
            assert 0 == result.exit_code, result.output
