"""The examples of README, docs and docstrings, run as they stand."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import nativeplug
from nativeplug.cli.app import COMMANDS
from support import (
    PAGES,
    PLUGINS_C,
    PLUGINS_GO,
    PYTHON_BLOCK,
    ROOT,
    CPlugin,
    needs_go,
    python_of,
)

pytestmark = pytest.mark.slow

OPTIONS = doctest.ELLIPSIS
CONSOLE_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GO_PAGE = ROOT / "docs" / "go.md"
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def run_examples(text: str, name: str) -> int:
    """Run the examples in *text* with one set of globals; return how many there were."""
    test = doctest.DocTestParser().get_doctest(python_of(text), {}, name, name, 0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    assert "" == "".join(report)
    return len(test.examples)


@pytest.fixture(scope="session")
def c_directory(c_plugin: CPlugin) -> Path:
    """Give a directory with every plugin of `plugins_c` that has a header."""
    plugins = [c_plugin(header.stem) for header in PLUGINS_C.glob("*.h")]
    return plugins[0].parent


@pytest.mark.parametrize("page", [p for p in PAGES if p != GO_PAGE], ids=lambda page: page.stem)
def test_examples(
    page: Path, c_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples of each page print what the page says."""
    monkeypatch.chdir(shutil.copytree(c_directory, tmp_path / "plugins"))
    text = page.read_text(encoding="utf-8")
    assert text.count("\n>>> ") == run_examples(text, page.name)


def test_go_examples(go_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of the page on Go print what it says."""
    for name in ("greeter", "results", "strings"):
        shutil.copy(go_plugin(name), tmp_path)
        shutil.copy(go_plugin(name).with_suffix(".h"), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert 0 < run_examples(GO_PAGE.read_text(encoding="utf-8"), GO_PAGE.name)


def test_a_wrong_example_is_noticed() -> None:
    """An example that prints something else fails its page."""
    with pytest.raises(AssertionError, match="Expected:"):
        run_examples("```python\n>>> 1 + 1\n3\n```", "wrong")


def test_readme_first_screen() -> None:
    """The README's first screen has a call, an error, the platforms, and how to install it."""
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    for start in (">>> libm.hypot(3, 4)", "TypeError: ", "Status: ", "pip install nativeplug "):
        assert any(line.startswith(start) for line in first), start


def test_first_example_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's first example runs for somebody who has only installed the package."""
    monkeypatch.chdir(tmp_path)
    first = PYTHON_BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0]
    assert 4 == run_examples(f"```python\n{first}```\n", "first")


def commands() -> list[str]:
    """Return the commands of the README, as a user pastes them."""
    blocks = CONSOLE_BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return "".join(blocks).splitlines()


@needs_go
def test_readme_commands(tmp_path: Path) -> None:
    """The commands of nativeplug that the README shows succeed, one after the other, as pasted."""
    pasted = [line for line in commands() if line.startswith("nativeplug ")]
    assert 6 == len(pasted)
    (tmp_path / "plugins_c").symlink_to(PLUGINS_C)
    here = os.path.dirname(sys.executable)
    done = subprocess.run(
        ["sh", "-ex"],
        input="\n".join(pasted),
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
    assert "\n5\n" in done.stdout  # of `call`


@pytest.mark.parametrize(
    "command", [line.partition("#")[0].strip() for line in commands() if line[:4] == "make"]
)
def test_readme_targets(command: str) -> None:
    """Each target of make that the README shows is there."""
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr


def test_readme_extras() -> None:
    """What the README lets pip install are the package's name, and extras that it has."""
    lines = [line.partition("#")[0] for line in commands() if line.startswith("pip ")]
    [plain, checkout] = [shlex.split(line)[2] for line in lines]
    assert "nativeplug" == plain
    there = metadata.metadata("nativeplug").get_all("Provides-Extra")
    assert there is not None
    assert {"cli", "go", "follow", "sign"} == {*checkout[2:-1].split(",")} & {*there}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """What the documentation has for each shell makes the program print a script for it."""
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert f"_NATIVEPLUG_COMPLETE={shell}_source nativeplug" in page
    code = "import sys, nativeplug.cli as cli; sys.argv[0] = 'nativeplug'; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "_NATIVEPLUG_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_NATIVEPLUG_COMPLETE" in done.stdout, done.stderr


def test_commands_are_listed() -> None:
    """The page on the command line has every command."""
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert re.search(rf"^\|.*`{name}\b", page, re.MULTILINE), name


def test_decisions_are_numbered() -> None:
    """Decisions have numbers without gaps, in their files' names and in their titles."""
    pages = sorted((ROOT / "docs" / "adr").iterdir())
    assert [f"{number:04}" for number in range(1, len(pages) + 1)] == [p.name[:4] for p in pages]
    for number, page in enumerate(pages, 1):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. "), page.name


def test_no_example_shadows_a_module() -> None:
    """No example plugin has the name of a standard module, which Python would import it for."""
    examples = [*PLUGINS_C.glob("*.c"), *PLUGINS_GO.iterdir()]
    assert set() == {path.stem for path in examples} & sys.stdlib_module_names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links(page: Path) -> None:
    """Every link to a file of the repository leads to one."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def modules() -> list[str]:
    """Return the names of all modules."""
    found = pkgutil.walk_packages(nativeplug.__path__, "nativeplug.")
    return [
        module.name for module in found if not module.name.endswith(("__main__", "._dl", "._core"))
    ]


@pytest.mark.parametrize("name", modules())
def test_docstrings(
    name: str, c_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples in each module's docstrings hold, and none is passed over."""
    monkeypatch.chdir(shutil.copytree(c_directory, tmp_path / "plugins"))
    module = importlib.import_module(name)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    result = doctest.testmod(module, optionflags=OPTIONS, extraglobs={"nativeplug": nativeplug})
    assert (0, source.count(">>> ")) == (result.failed, result.attempted)
