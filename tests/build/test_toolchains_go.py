"""Building plugins from Go packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug._util import programs
from nativeplug.build import build
from nativeplug.errors import BuildError
from support import names, needs_go

ANSWER_GO = """\
package main

import "C"

//export Answer
func Answer() int64 { return 42 }

func main() {}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """
    Give a Go package that exports one function.
    """
    folder = tmp_path / "answer"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/answer\n\ngo 1.21\n")
    (folder / "answer.go").write_text(ANSWER_GO)
    return folder


class TestGo:
    """Go packages."""

    @needs_go
    def test_beside_package(self, package: Path) -> None:
        """
        The plugin of a Go package and its header stand beside the package, and nothing else.
        """
        plugin = build(package)

        assert package.with_suffix(".so") == plugin
        assert "Answer(void)" in package.with_suffix(".h").read_text()
        assert {"answer", "answer.so", "answer.h"} == names(package.parent)
        assert {"go.mod", "answer.go"} == names(package)

    @needs_go
    def test_relative(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A relative package and a relative output are both seen from the caller's directory.
        """
        monkeypatch.chdir(package.parent)

        assert Path("other.so") == build("answer", "other.so")
        assert {"answer", "other.so", "other.h"} == names(package.parent)

    @needs_go
    def test_no_exports(self, package: Path) -> None:
        """
        A package that exports nothing has no header.
        """
        (package / "answer.go").write_text('package main\n\nimport "C"\n\nfunc main() {}\n')

        assert build(package).exists()
        assert not package.with_suffix(".h").exists()

    @needs_go
    def test_no_home(self, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Go works for a user without a home directory.
        """
        for name in ("HOME", "XDG_CACHE_HOME", "GOPATH"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

        assert build(package, tmp_path / "homeless.so").exists()

    @needs_go
    def test_compile_error(self, package: Path) -> None:
        """
        A compile error shows the complaint, and leaves the old plugin and header as they were.
        """
        plugin, header = build(package), package.with_suffix(".h")
        before = plugin.read_bytes(), header.read_bytes()
        (package / "answer.go").write_text(ANSWER_GO.replace("42", "fortyTwo"))

        with pytest.raises(BuildError, match=r"answer\.go:6.*undefined: fortyTwo") as e:
            build(package)

        assert "# example.test/answer" in e.value.output
        assert before == (plugin.read_bytes(), header.read_bytes())
        assert {"answer", "answer.so", "answer.h"} == names(package.parent)

    def test_go_file(self, package: Path) -> None:
        """
        A single Go file is refused with the advice to name its package.
        """
        with pytest.raises(BuildError, match="name the directory of the Go package"):
            build(package / "answer.go")

    def test_no_toolchain(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A machine without a recent Go is told what to install.
        """
        monkeypatch.setattr(programs, "go_toolchain", lambda: None)

        with pytest.raises(
            BuildError, match=r"no Go toolchain of version 1\.21 .*nativeplug\[go\]"
        ):
            build(package)

    def test_no_c_compiler(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Go needs a C compiler, and a machine without one is told so.
        """
        toolchain = programs.GoToolchain(Path("go"), (1, 21, 0), {})
        monkeypatch.setattr(programs, "go_toolchain", lambda: toolchain)
        monkeypatch.setattr(programs, "c_compiler", lambda: None)
        monkeypatch.delenv("CC", raising=False)

        with pytest.raises(BuildError, match="no C compiler"):
            build(package)
