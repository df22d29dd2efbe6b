"""The macros of nativeplug.h: what they define, and what they tell."""

from __future__ import annotations

import re
import subprocess
from array import array
from pathlib import Path

import pytest

import nativeplug
from nativeplug import build, declare
from nativeplug._util import programs
from nativeplug.elf import dynamic, metadata
from nativeplug.elf.elffile import find_section
from nativeplug.elf.numbers import SHF_ALLOC
from plugins_with_metadata import INCLUDE, MACROS, MACROS_TELL, STRICT, declared_by
from support import ROOT, BuildC, Compile, CPlugin, call_int, load_generation

# Which need no C++ compiler; `make soak` tries C++, other compilers and other linkers.
STANDARDS = ["c99", "c11", "c17", "gnu99", "gnu17"]


@pytest.mark.parametrize("standard", STANDARDS)
def test_told(compile_c: Compile, standard: str) -> None:
    """No compiler warns, and what is told is what the compiler has read: without macros."""
    path = compile_c(MACROS, f"-std={standard}", "-Wmissing-prototypes", *STRICT)
    found = metadata.read(path.read_bytes())
    assert found is not None
    assert ("greeter 1.2", MACROS_TELL) == (str(found.interface), f"\n{found.text}")
    declared = declare.read(found.text)
    assert {"LIMIT": 12, "QUOTE": 34, "BACKSLASH": 92} == declared.constants
    assert {*declared.symbols} == {*dynamic.read(path.read_bytes()).exports}


@pytest.mark.parametrize(
    "flags",
    [["-O2", "-flto"], ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"], ["-s"]],
)
def test_linked_otherwise(compile_c: Compile, flags: list[str]) -> None:
    """The section is there however the plugin is linked, and is not loaded."""
    path = compile_c(MACROS, *STRICT, *flags)
    found, section = (
        metadata.read(path.read_bytes()),
        find_section(path.read_bytes(), metadata.SECTION),
    )
    assert found is not None
    assert section is not None
    assert ("greeter 1.2", MACROS_TELL) == (str(found.interface), f"\n{found.text}")
    assert 0 == section.flags & SHF_ALLOC
    assert 7 == call_int(load_generation(path), "seven")


def test_several_files(tmp_path: Path) -> None:
    """What a header of two files tells counts once."""
    folder = tmp_path / "several"
    folder.mkdir()
    (folder / "shared.h").write_text(
        "#include <nativeplug.h>\nNATIVEPLUG_TYPE(typedef struct { int x; } P;)\n"
    )
    for name in ("one", "two"):
        (folder / f"{name}.c").write_text(
            f'#include "shared.h"\nNATIVEPLUG_FUNCTION(int, {name}, (P p)) {{ return p.x; }}\n'
        )
    assert ["one", "two"] == sorted(declared_by(build.build(folder)).symbols)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("NATIVEPLUG_DECLARE(int table[3]); long table[3];", "conflicting types for"),
        ("NATIVEPLUG_DECLARE(int f(int)); int f(long x) { return (int)x; }", "conflicting types"),
        ("NATIVEPLUG_VARIABLE(int, x) = 1; NATIVEPLUG_VARIABLE(long, x);", "conflicting types"),
    ],
)
def test_contradictions(tmp_path: Path, text: str, complaint: str) -> None:
    """What is declared and defined otherwise does not compile."""
    compiler = programs.c_compiler()
    assert compiler is not None
    source = tmp_path / "wrong.c"
    source.write_text(f"#include <nativeplug.h>\n{text}\n")
    done = subprocess.run(
        [*compiler, INCLUDE, "-c", source, "-o", tmp_path / "wrong.o"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 != done.returncode
    assert complaint in done.stderr


def test_other_platforms(compile_c: Compile) -> None:
    """Where files are not ELF only the definitions stay, and no compiler warns."""
    path = compile_c(MACROS, "-std=c99", "-U__ELF__", *STRICT)
    assert None is find_section(path.read_bytes(), metadata.SECTION)
    assert 7 == call_int(load_generation(path), "seven")


def test_documented(compile_c: Compile) -> None:
    """The examples for authors compile without a warning, and tell what they define."""
    page = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```c\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    path = compile_c("\n".join(blocks), "-std=c11", *STRICT)
    found = declared_by(path)
    assert {"dot", "calls", "totals", "on_error", "Name"} == {*found.symbols}
    assert {*found.symbols} == {*dynamic.read(path.read_bytes()).exports}
    assert {"POINTS_MAX": 64} == found.constants


def test_build(build_c: BuildC) -> None:
    """``nativeplug build`` finds the header by itself, and the caller's own flags come later."""
    text = "#include <nativeplug.h>\nNATIVEPLUG_FUNCTION(int, f, (void)) { return 1; }\n"
    assert ["f"] == [*declared_by(build_c(text)).symbols]


def test_example(c_plugin: CPlugin) -> None:
    """The plugin of ours that tells of itself can be used by that alone."""
    path = c_plugin("told")
    found = metadata.read(path.read_bytes())
    assert found is not None
    assert "told 1.2" == str(found.interface)
    with nativeplug.open(path, found.text) as plg:
        assert 5 == plg.told_add(2, 3)
        assert 1 == plg.told_calls
        assert "second" == plg.ffi.string(plg.told_names[1]).decode()
        assert 6.0 == plg.told_sum(3, array("d", [1, 2, 3]))
        assert -1.0 == plg.told_mirror((1.0, 2.0)).x
        assert 12 == plg.TOLD_LIMIT
