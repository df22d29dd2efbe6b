"""Plugins that find their libraries relative to their own place."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

import building
from nativeplug.loader import generation
from support import BuildC, call_int, error_of, load_generation, names


def refuse_beside(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file system that is read-only where the plugin lies; root heeds no modes."""
    make = tempfile.mkdtemp

    def mkdtemp(suffix: str, prefix: str, directory: str) -> str:
        if directory == str(plugin.parent):
            raise OSError(errno.EROFS, "Read-only file system")
        return make(suffix, prefix, directory)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)


class Tree:
    """Directories with a plugin and its libraries, which no other test loaded."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def library(self, directory: str, name: str, needed: str = "", rpath: str = "") -> None:
        """Build a library, whose function gives 7, or what that of another one does."""
        (self.root / directory).mkdir(parents=True, exist_ok=True)
        text = f"int {name}(void) {{ return 7; }}"
        if needed:
            text = f"int {needed}(void); int {name}(void) {{ return {needed}(); }}"
        self._build(text, f"{directory}/{self._file(name)}", needed, rpath)

    def load(self, needed: str, rpath: str) -> generation.Generation:
        """Build and load the plugin, whose function ``number`` gives what its library's does."""
        (self.root / "app/plugins").mkdir(parents=True, exist_ok=True)
        text = f"int {needed}(void); int number(void) {{ return {needed}(); }}"
        self._build(text, "app/plugins/plugin.so", needed, rpath)
        before = sorted(self.root.rglob("*"))
        loaded = load_generation(self.root / "app/plugins/plugin.so")
        assert before == sorted(self.root.rglob("*"))
        return loaded

    def _file(self, name: str) -> str:
        return f"lib{name}_{self.root.name}.so"

    def _build(self, text: str, target: str, needed: str, rpath: str) -> None:
        source = self.root / "source.c"
        source.write_text(text)
        libraries = map(str, self.root.rglob(self._file(needed))) if needed else ()
        soname = Path(target).name
        # An absolute path of a library without a soname would be kept as what is needed.
        flags = [*libraries, f"-Wl,-soname,{soname},-rpath,{rpath},--allow-shlib-undefined"]
        building.build(source, self.root / target, flags=flags)


class TestOrigin:
    """A plugin that finds its libraries relative to its own place."""

    @pytest.fixture
    def plugin(self, build_c: BuildC, tmp_path: Path) -> Path:
        """Give a plugin that needs a library beside it, which no other test loaded."""
        name = f"seven_{tmp_path.name}"
        build_c("int seven(void) { return 7; }", f"lib{name}")
        text = "int seven(void); int number(void) { return seven(); }"
        return build_c(text, "plugin", f"-L{tmp_path}", f"-l{name}", "-Wl,-rpath,$ORIGIN")

    def test_loads(self, plugin: Path) -> None:
        """It loads, and leaves no file behind."""
        before = sorted(plugin.parent.iterdir())
        assert 7 == call_int(load_generation(plugin), "number")
        assert before == sorted(plugin.parent.iterdir())

    def test_read_only(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It loads where nothing can be written beside it, each time a copy of its own."""
        before = names(plugin.parent)
        refuse_beside(plugin, monkeypatch)
        loaded = [load_generation(plugin) for _ in range(2)]
        assert [7, 7] == [call_int(each, "number") for each in loaded]
        assert loaded[0].address("number") != loaded[1].address("number")
        assert before == names(plugin.parent)

    def test_library_missing(self, plugin: Path) -> None:
        """Without the library the error names it, and no file is left behind."""
        library = next(plugin.parent.glob("lib*.so"))
        library.unlink()
        before = sorted(plugin.parent.iterdir())
        assert f"{library.name}: cannot open shared object file" in str(error_of(plugin))
        assert before == sorted(plugin.parent.iterdir())


class TestTree:
    """A plugin and its libraries, in directories that they find relative to their own."""

    @pytest.fixture(params=[True, False], ids=["writable", "read-only"])
    def tree(
        self, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Tree:
        """Give a function that builds into such a tree."""
        made = Tree(tmp_path)
        if not request.param:
            refuse_beside(tmp_path / "app/plugins/plugin.so", monkeypatch)
        return made

    def test_above(self, tree: Tree) -> None:
        """$ORIGIN/../lib is the directory beside the plugin's."""
        tree.library("app/lib", "first")
        loaded = tree.load("first", "$ORIGIN/../lib")
        assert 7 == call_int(loaded, "number")

    def test_far_above(self, tree: Tree) -> None:
        """The plugin may go up as far as it likes, and come down again."""
        tree.library("app/plugins/own", "first")
        loaded = tree.load("first", "$ORIGIN/../../app/plugins/own")
        assert 7 == call_int(loaded, "number")

    def test_library_of_a_library(self, tree: Tree) -> None:
        """What a library of another directory finds relative to its own is found."""
        tree.library("other", "second")
        tree.library("app/lib", "first", "second", "$ORIGIN/../../other")
        loaded = tree.load("first", "${ORIGIN}/../lib")
        assert 7 == call_int(loaded, "number")

    def test_library_beside(self, tree: Tree) -> None:
        """What a library beside the plugin finds relative to its own place is found."""
        tree.library("app/lib", "second")
        tree.library("app/plugins", "first", "second", "$ORIGIN/../lib")
        loaded = tree.load("first", "$ORIGIN")
        assert 7 == call_int(loaded, "number")
