"""The declarations that come with a plugin."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug.elf.dwarf import DebugInfo
from nativeplug.loader import debug_info
from nativeplug.runtime.type_info import TypeInfo
from plugins_with_metadata import KNOWN_NAMES, build_known, tell
from signing import Signer
from support import BuildC

TEXT = "int add(int a, int b) { return a + b; }"


def declared(path: Path, **options: Any) -> set[str]:
    """Return what is declared for a plugin that is opened without declarations."""
    with nativeplug.open(path, **options) as plg:
        return {*plg}


def test_order(build_c: BuildC) -> None:
    """The plugin itself, then the header beside it, then its debug information."""
    path = build_known(build_c, "plugin", "dwarf")
    header = path.with_suffix(".h")
    header.write_text("long twice(long);")
    assert KNOWN_NAMES == declared(path)
    assert {"twice"} == declared(build_known(build_c, "dwarf"))
    header.unlink()
    assert {*KNOWN_NAMES, "twice"} == declared(build_known(build_c, "dwarf"))
    assert set() == declared(build_known(build_c))


def test_interface_alone(build_c: BuildC) -> None:
    """A section that tells an interface only has no declarations, so others are taken."""
    path = build_c(TEXT, "plugin", "-g")
    path.write_bytes(tell(path.read_bytes(), "interface greeter 1.0"))
    assert "add" in declared(path)


def test_system_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header in the working directory is not that of a system library of its name."""
    (tmp_path / "libm.h").write_text("int cos(int);")
    monkeypatch.chdir(tmp_path)
    assert TypeInfo("libm.so.6", None).brought("libm.so.6") is None


def test_by_debug_information_alone(build_c: BuildC) -> None:
    """A plugin with debug information is used without any declarations, structs as well."""
    plg: Any = nativeplug.open(build_known(build_c, "dwarf"))
    assert (5, 3, 8) == (plg.add(2, 3), plg.calls, plg.twice(4))
    assert 3 == plg.sum(plg.ffi.new("struct point *", [1, 2])[0])
    assert {"dwarf"} == {plg.lookup(name).checked for name in plg}


def test_signed(build_c: BuildC, signer: Signer) -> None:
    """Nobody has signed the header beside a signed plugin: it is not used."""
    path = build_known(build_c, "dwarf")
    path.with_suffix(".h").write_text("long add(char, short);")
    signer.sign(path)
    assert {*KNOWN_NAMES, "twice"} == declared(path, policy=signer.policy())
    signer.sign(build_known(build_c))
    assert set() == declared(path, policy=signer.policy())
    assert {"add"} == declared(path)


def test_debug_information_that_is_no_c(
    build_c: BuildC, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where its text cannot be read, which nobody wrote to be, there are no declarations."""
    monkeypatch.setattr(debug_info, "find", lambda _: DebugInfo(types="struct {;\n"))
    with caplog.at_level(logging.WARNING):
        assert set() == declared(build_c(TEXT, "plugin", "-g"))
    assert "no declarations by the debug information" in caplog.text
