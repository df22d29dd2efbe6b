"""The examples of README, docs and docstrings, run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shutil
from pathlib import Path

import pytest

import nativeplug
from support import PLUGINS_C, ROOT, CPlugin

OPTIONS = doctest.ELLIPSIS
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
GO_PAGE = ROOT / "docs" / "go.md"
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def run_examples(text: str, name: str) -> int:
    """Run the examples in *text* with one set of globals; return how many there were."""
    blocks = "\n".join(PYTHON_BLOCK.findall(text))
    test = doctest.DocTestParser().get_doctest(blocks, {}, name, name, 0)
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


def test_readme_shows_code_on_its_first_screen() -> None:
    """The README has a running call and a failing one within its first 20 lines."""
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20]
    assert any(line.startswith(">>> plg.Add(2, 3)") for line in first)
    assert any(line.startswith("TypeError: ") for line in first)


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
