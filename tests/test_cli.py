"""The command line, on plugins that real compilers made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from nativeplug import programs
from nativeplug.build import build
from nativeplug.cli import console, demo
from nativeplug.cli.app import app

if TYPE_CHECKING:
    from click.testing import Result

CHECKOUT = Path(__file__).parents[1]
HEADER = """
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#define LIMIT 12
enum color { RED = 1, BLUE = 7 };
typedef struct { int x; double y; } Point;
int64_t add(int64_t a, int64_t b);
uint8_t small(uint8_t n);
double half(double x);
float halff(float x);
bool negate(bool b);
char next(char c);
wchar_t wide(wchar_t c);
enum color paint(enum color c);
const char *echo(const char *text);
char *copy(const char *text);
int length_or_minus(const char *text);
void *same(void *pointer);
int apply(int (*function)(int));
Point mirror(int x, double y);
int take(Point point);
void nothing(void);
int varied(int count, ...);
extern int counter;
extern const char *label;
extern const char *broken;
extern int triple[3];
int absent(void);
"""
SOURCE = """
#include <stdlib.h>
#include <string.h>
#include "kinds.h"
int64_t add(int64_t a, int64_t b) { return a + b; }
uint8_t small(uint8_t n) { return n; }
double half(double x) { return x / 2; }
float halff(float x) { return x / 2; }
bool negate(bool b) { return !b; }
wchar_t wide(wchar_t c) { return c; }
char next(char c) { return c + 1; }
enum color paint(enum color c) { return c; }
const char *echo(const char *text) { return text; }
char *copy(const char *text) { return strcpy(malloc(strlen(text) + 1), text); }
int length_or_minus(const char *text) { return text ? (int)strlen(text) : -1; }
void *same(void *pointer) { return pointer; }
int apply(int (*function)(int)) { return function ? function(1) : -1; }
Point mirror(int x, double y) { Point made = {-x, -y}; return made; }
int take(Point point) { return point.x; }
void nothing(void) {}
int varied(int count, ...) { return count; }
int counter = 3;
const char *label = "a label";
const char *broken = "\\xff\\xfe";
int triple[3] = {1, 2, 3};
int unheard_of(void) { return 1; }
"""


def run(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """Check that a command failed as users may expect it, and return its one line."""
    assert 1 == result.exit_code, result.output
    assert "" == result.stdout
    assert 1 == result.stderr.count("\n"), result.stderr
    assert result.stderr.startswith("nativeplug: ")
    return result.stderr


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plugin with its header beside it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "kinds.h").write_text(HEADER)
    (folder / "kinds.c").write_text(SOURCE)
    return build(folder / "kinds.c")


@pytest.fixture(scope="module")
def bare(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same plugin without a header."""
    return Path(shutil.copy(plugin, tmp_path_factory.mktemp("bare") / "kinds.so"))


class TestProgram:
    """The program as a whole."""

    @staticmethod
    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with some arguments."""
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_module(self) -> None:
        """``python -m nativeplug`` is the command line, and calls itself nativeplug."""
        done = self.python("-m", "nativeplug", "--version")
        assert 0 == done.returncode
        assert done.stdout.startswith("nativeplug ")

    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_missing_extra(self, missing: str) -> None:
        """Without click or rich one line says what to install."""
        code = f"import sys; sys.modules[{missing!r}] = None; import nativeplug.cli as c; c.main()"
        done = self.python("-c", code)
        expected = "nativeplug's command line needs click and rich: pip install 'nativeplug[cli]'\n"
        assert (1, "", expected) == (done.returncode, done.stdout, done.stderr)

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

    def test_imports(self) -> None:
        """Importing nativeplug imports neither click nor rich."""
        code = "import sys, nativeplug; print({'click', 'rich', 'elftools'} & {*sys.modules})"
        assert "set()" == self.python("-c", code).stdout.strip()


class TestInspect:
    """What is in a plugin's file."""

    @staticmethod
    def report(*arguments: str | Path) -> dict[str, Any]:
        """Return what the command prints as JSON."""
        result = run("inspect", *arguments, "--json")
        assert 0 == result.exit_code, result.output
        made: dict[str, Any] = json.loads(result.stdout)
        return made

    def test_keys(self, plugin: Path) -> None:
        """The keys of the JSON text are the interface for programs."""
        expected = """architecture build_id byte_order constants declarations defect flags functions
            kind language needed not_exported path rpath runpath runtime_symbols soname toolchain
            variables word_size"""
        report = self.report(plugin)
        assert expected.split() == sorted(report)
        keys = "address declaration kind name place size version weak"
        assert keys.split() == sorted(report["functions"][0])

    def test_declared(self, plugin: Path) -> None:
        """An exported symbol has its declaration and the place of it."""
        report = self.report(plugin)
        header = plugin.with_suffix(".h")
        [found] = (entry for entry in report["functions"] if entry["name"] == "add")
        assert "int64_t add(int64_t a, int64_t b)" == found["declaration"]
        assert found["place"].startswith(f"{header}:8:")
        assert [str(header)] == report["declarations"]["origins"]
        assert 12 == report["constants"]["LIMIT"]

    def test_undeclared(self, plugin: Path) -> None:
        """A symbol that nobody declared is listed without a declaration."""
        report = self.report(plugin)
        open_ones = [e["name"] for e in report["functions"] if e["declaration"] is None]
        assert ["unheard_of"] == open_ones

    def test_not_exported(self, plugin: Path) -> None:
        """A declared symbol that the file lacks is listed apart."""
        assert ["absent"] == [entry["name"] for entry in self.report(plugin)["not_exported"]]

    def test_no_declarations(self, bare: Path) -> None:
        """A plugin without a header is listed with names alone."""
        report = self.report(bare)
        assert {"origins": [], "problem": None} == report["declarations"]
        assert {None} == {entry["declaration"] for entry in report["functions"]}

    def test_given_header(self, plugin: Path, bare: Path) -> None:
        """A given header serves a plugin that has none."""
        report = self.report(bare, plugin.with_suffix(".h"))
        assert "absent" == report["not_exported"][0]["name"]

    def test_bad_header_beside(self, bare: Path) -> None:
        """A header beside the plugin that cannot be read is told, and hides nothing else."""
        header = bare.with_suffix(".h")
        header.write_text("int add(;\n")
        try:
            report = self.report(bare)
        finally:
            header.unlink()
        assert str(header) in report["declarations"]["problem"]
        assert "add" in {entry["name"] for entry in report["functions"]}

    def test_bad_given_header(self, bare: Path, tmp_path: Path) -> None:
        """A given header that cannot be read is an error."""
        header = tmp_path / "bad.h"
        header.write_text("int add(;\n")
        assert "bad.h" in refused(run("inspect", bare, header))
        assert "none.h" in refused(run("inspect", bare, tmp_path / "none.h"))

    def test_table(self, plugin: Path) -> None:
        """The tables for people show declarations, brackets included, and what is missing."""
        text = run("inspect", plugin).stdout
        for expected in ("x86-64", "int triple[3]", "not declared", "Declared, not exported"):
            assert expected.replace("x86-64", self.report(plugin)["architecture"]) in text

    def test_never_loads(self, tmp_path: Path) -> None:
        """No code of the plugin runs."""
        source = tmp_path / "loud.c"
        source.write_text(
            "#include <stdlib.h>\n__attribute__((constructor)) void loud(void) { abort(); }\n"
        )
        assert "loud" in run("inspect", build(source)).stdout

    def test_hostile_name(self, tmp_path: Path) -> None:
        """A symbol's name cannot steer the terminal."""
        source = tmp_path / "evil.c"
        source.write_text("int plain;\n")
        data = build(source, flags=["-g0"]).read_bytes().replace(b"plain", b"pl\x1b[m")
        (tmp_path / "evil.so").write_bytes(data)
        result = run("inspect", tmp_path / "evil.so")
        assert "\x1b" not in result.stdout
        assert "pl\\x1b[m" in result.stdout

    def test_details(self, tmp_path: Path) -> None:
        """Libraries, flags and marks of symbols are shown where there are some."""
        source = tmp_path / "marked.c"
        source.write_text("__thread int own; __attribute__((weak)) void soft(void) {}\n")
        flags = ["-Wl,--no-as-needed", "-lm", "-Wl,-z,nodelete,-soname,libmarked.so.1"]
        text = run("inspect", build(source, flags=flags)).stdout
        for expected in ("libm.so.6", "NODELETE", "libmarked.so.1", "own (tls)", "soft (weak)"):
            assert expected in text

    def test_failures(self, tmp_path: Path) -> None:
        """A missing file and a file of another kind are one line each."""
        assert "No such file" in refused(run("inspect", tmp_path / "none.so"))
        assert "not an ELF file but text" in refused(run("inspect", __file__))


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
        ],
    )
    def test_result(self, plugin: Path, command: str, output: str) -> None:
        """Arguments are read, and results printed, as the declaration says."""
        result = run("call", plugin, *command.split())
        assert (0, output + "\n", "") == (result.exit_code, result.stdout, result.stderr)

    @pytest.mark.parametrize("command", ["nothing", "echo NULL"])
    def test_no_result(self, plugin: Path, command: str) -> None:
        """No result and a null text print nothing."""
        result = run("call", plugin, *command.split())
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
            ("negate maybe", "'maybe' is neither true nor false"),
            ("next ab", "'ab' has 2 bytes, a char has one"),
            ("wide ab", "'ab' has 2 characters, one is needed"),
            ("paint GREEN", "'GREEN' is no enum color"),
            ("same 0x10", "'0x10' is not NULL, the only pointer that can be written"),
            ("apply negate", "is not NULL"),
            ("take 1", "a 'Point' cannot be written on a command line"),
            ("counter 4", "'counter' is a variable, it takes no arguments"),
            ("varied 1 2", "varied() takes further arguments of undeclared types"),
            ("absent", "absent"),
            ("unheard_of", "unheard_of"),
            ("ad 1 2", "did you mean"),
        ],
    )
    def test_failure(self, plugin: Path, command: str, words: str) -> None:
        """Every foreseeable error is one line that names what is wrong."""
        assert words in refused(run("call", plugin, *command.split()))

    def test_declarations(self, bare: Path, plugin: Path) -> None:
        """Declarations can be given as text or as a header, not as both."""
        text = ["--declarations", "double half(double);"]
        header = ["--header", str(plugin.with_suffix(".h"))]
        assert "1.5\n" == run("call", bare, "half", "3", *text).stdout
        assert "4\n" == run("call", *header, bare, "add", "1", "3").stdout
        assert 2 == run("call", bare, "half", "3", *text, *header).exit_code

    def test_bad_declarations(self, bare: Path) -> None:
        """Declarations that cannot be read are an error."""
        assert "declarations" in refused(run("call", bare, "x", "--declarations", "int x(;"))

    @pytest.mark.parametrize("option", ["copy", "copy=free"])
    def test_free(self, plugin: Path, option: str) -> None:
        """A result that the caller owns is released, by libc unless another is named."""
        result = run("call", plugin, "copy", "text", "--free", option)
        assert (0, "text\n") == (result.exit_code, result.output)

    def test_free_by_nobody(self, plugin: Path) -> None:
        """A function that is to release results must exist."""
        assert "gone" in refused(run("call", plugin, "copy", "text", "--free", "copy=gone"))

    def test_working_directory(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name without a slash is a file of the working directory, where there is one."""
        monkeypatch.chdir(plugin.parent)
        assert "3\n" == run("call", plugin.name, "add", "1", "2").stdout

    def test_system_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Otherwise it is a system library."""
        monkeypatch.chdir(tmp_path)
        text = "double pow(double, double);"
        result = run("call", "libm.so.6", "pow", "2", "0x0a", "--declarations", text)
        assert "1024.0\n" == result.stdout

    def test_not_utf8(self, plugin: Path) -> None:
        """Text that is not UTF-8 is either printed as it is or refused in one line."""
        command = [sys.executable, "-m", "nativeplug", "call", str(plugin), "broken"]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.stdout == b"\xff\xfe\n" or done.stderr.count(b"\n") == 1

    @pytest.mark.usefixtures("go")
    def test_go(self, tmp_path: Path) -> None:
        """Go's strings are written as text, its several results are printed with names."""
        greeter = build(CHECKOUT / "plugins_go" / "greeter", tmp_path / "greeter.so")
        results = build(CHECKOUT / "plugins_go" / "results", tmp_path / "results.so")
        assert "Hello, you!\n" == run("call", greeter, "Greet", "you", "--free", "Greet").stdout
        assert "r0: 3\nr1: 1\n" == run("call", results, "DivMod", "10", "3").stdout

    def test_missing(self, tmp_path: Path) -> None:
        """A missing plugin is one line."""
        assert "No such file" in refused(run("call", tmp_path / "none.so", "x"))


class TestBuild:
    """Source to plugin."""

    def test_c(self, tmp_path: Path) -> None:
        """The path of the plugin is printed, and nothing else."""
        target = tmp_path / "made.so"
        result = run("build", CHECKOUT / "plugins_c" / "greeter.c", "-o", target)
        assert (0, f"{target}\n") == (result.exit_code, result.output)
        assert target.exists()

    def test_flags(self, tmp_path: Path) -> None:
        """What follows two hyphens goes to the compiler."""
        (tmp_path / "one.c").write_text("int one(void) { return ONE; }\n")
        assert 0 == run("build", tmp_path / "one.c", "--", "-DONE=1").exit_code

    def test_compiler_output(self, tmp_path: Path) -> None:
        """When the compiler fails, its output is shown before the one line."""
        (tmp_path / "bad.c").write_text("int f(void) { return unheard_of; }\n")
        result = run("build", tmp_path / "bad.c")
        assert (1, "") == (result.exit_code, result.stdout)
        assert result.stderr.count("unheard_of") > 1
        assert result.stderr.splitlines()[-1].startswith("nativeplug: cannot build ")

    def test_missing(self, tmp_path: Path) -> None:
        """A missing source is one line."""
        assert "none.c" in refused(run("build", tmp_path / "none.c"))

    @pytest.mark.usefixtures("go")
    def test_go(self, tmp_path: Path) -> None:
        """For Go the path of the header is printed too."""
        target = tmp_path / "made.so"
        result = run("build", CHECKOUT / "plugins_go" / "greeter", "-o", target)
        assert (0, f"{target}\n{tmp_path / 'made.h'}\n") == (result.exit_code, result.output)
        text = run("inspect", target).stdout
        assert "symbols of the Go runtime (see --json)" in text
        assert "GetName" in text


@pytest.fixture
def go() -> None:
    """Skip a test where there is no Go toolchain."""
    if programs.go_toolchain() is None:
        pytest.skip("no Go toolchain")


class TestDemo:
    """The main job, shown."""

    @pytest.mark.usefixtures("go")
    def test_both(self) -> None:
        """Both greeters are built, opened, looked into, called, written to, and misused."""
        result = run("demo", "--plugins", CHECKOUT)
        assert 0 == result.exit_code, result.output
        for language in ("C", "Go"):
            assert f"A plugin written in {language}" in result.stdout
        assert 2 == result.stdout.count("TypeError: ")
        assert 2 <= result.stdout.count("'world'")
        assert 2 == result.stderr.count("building the ")

    def test_no_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without Go one line says so, and the C plugin is still shown."""
        monkeypatch.setattr(programs, "go_toolchain", lambda: None)
        result = run("demo", "--plugins", CHECKOUT)
        assert 0 == result.exit_code
        assert "A plugin written in C" in result.stdout
        assert 1 == result.stderr.count("no Go toolchain found")

    def test_no_sources(self, tmp_path: Path) -> None:
        """Outside of a source checkout one line says what to do."""
        assert "--plugins" in refused(run("demo", "--plugins", tmp_path))

    def test_compiler_fails(self, tmp_path: Path) -> None:
        """When a greeter cannot be built, the compiler's output is shown."""
        (tmp_path / "plugins_go" / "greeter").mkdir(parents=True)
        (tmp_path / "plugins_c").mkdir()
        (tmp_path / "plugins_c" / "greeter.c").write_text("#error no greeting\n")
        (tmp_path / "plugins_c" / "greeter.h").touch()
        result = run("demo", "--plugins", tmp_path)
        assert 1 == result.exit_code
        assert "no greeting" in result.stderr

    def test_no_error(self) -> None:
        """A wrong call that should succeed would show its result, not an error."""
        assert "3" == demo._error_of(lambda: 3)


class TestConsole:
    """What the commands share."""

    def test_spinner(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a terminal a spinner shows a long step, and no line stays behind."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        with console.progress("a step"):
            assert console.console(stderr=True).is_terminal
