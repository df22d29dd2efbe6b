"""What ``go build`` makes in its other modes is told from a plugin for C before it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import nativeplug
from nativeplug._util import programs
from nativeplug.build import toolchains
from nativeplug.elf import defects
from support import Compile, run

pytestmark = pytest.mark.timeout(300)  # each mode compiles the standard library once

ADD = """
package main

import "C"
{}

//export Add
func Add(a, b int64) int64 {{ return a + b }}

func main() {{}}
"""
REASON = "it was built for Go programs (-buildmode=plugin): build it with -buildmode=c-shared"


@pytest.fixture
def build_go(go_toolchain: programs.GoToolchain, tmp_path: Path) -> Compile:
    """Give a function that builds a Go package of one file in a mode."""

    def make(text: str, *arguments: str) -> Path:
        (tmp_path / "go.mod").write_text("module example.com/made\n\ngo 1.21\n")
        (tmp_path / "main.go").write_text(text)
        made = tmp_path / "made.so"
        compiler = programs.c_compiler()
        assert compiler is not None
        subprocess.run(
            [go_toolchain.command, "build", *arguments, "-o", made, "."],
            cwd=tmp_path,
            env=toolchains.go_environment(go_toolchain, compiler),
            check=True,
        )
        return made

    return make


@pytest.mark.parametrize("flags", [[], ["-ldflags=-s -w"]], ids=["plain", "stripped"])
def test_plugin(build_go: Compile, flags: list[str]) -> None:
    """A plugin for Go programs is refused: nobody would start a runtime for it."""
    path = build_go(ADD.format(""), "-buildmode=plugin", *flags)
    with pytest.raises(nativeplug.FormatError) as caught:
        nativeplug.open(path, "int64_t Add(int64_t a, int64_t b);")
    error, data = caught.value, path.read_bytes()
    assert REASON == error.reason
    assert f"cannot open plugin '{path}': {REASON}" == str(error)
    assert error.offset is not None
    assert data[error.offset :].startswith(b"go:link.pkghash.")
    checked = run("check", path)
    assert 1 == checked.exit_code
    assert REASON in checked.stdout
    assert f"no: {REASON}" in run("inspect", path).stdout


def test_opens_plugins(build_go: Compile) -> None:
    """A plugin for C that opens plugins for Go is one, though it looks like these."""
    text = ADD.format('import "plugin"\n\nvar Open = plugin.Open')
    path = build_go(text, "-buildmode=c-shared")
    assert b"\0go:link.pkghash." in path.read_bytes()
    assert defects.find_defect(path.read_bytes()) is None


def test_executable(build_go: Compile) -> None:
    """A program that can lie anywhere is refused as any such program."""
    defect = defects.find_defect(build_go(ADD.format(""), "-buildmode=pie").read_bytes())
    assert defect is not None
    assert "not a shared object but a position-independent executable" in defect.text


def test_archive(build_go: Compile) -> None:
    """So is an archive."""
    defect = defects.find_defect(build_go(ADD.format(""), "-buildmode=c-archive").read_bytes())
    assert defect is not None
    assert "not an ELF file but an ar archive" in defect.text


def test_before_go_1_20(compile_c: Compile) -> None:
    """Older linkers wrote the names otherwise."""
    text = (
        '__asm__(".globl \\"go.link.pkghash.fmt\\"\\n.data\\n\\"go.link.pkghash.fmt\\": .long 1");'
    )
    defect = defects.find_defect(compile_c(text).read_bytes())
    assert defect is not None
    assert REASON == defect.text
