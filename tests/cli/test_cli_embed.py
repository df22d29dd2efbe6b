"""The command ``embed``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nativeplug.elf import metadata
from support import CPlugin, refused, run


@pytest.fixture
def plugin(c_plugin: CPlugin, tmp_path: Path) -> Path:
    """Give a plugin, with its header beside it."""
    shutil.copy(c_plugin("greeter").with_suffix(".h"), tmp_path)
    return Path(shutil.copy(c_plugin("greeter"), tmp_path))


def test_embed(plugin: Path) -> None:
    """It says nothing, and the plugin tells of itself."""
    version = ["--interface", "greeter", "--interface-version", "1.2"]
    result = run("embed", plugin, plugin.with_suffix(".h"), *version)
    assert (0, "") == (result.exit_code, result.output)
    found = metadata.read(plugin.read_bytes())
    assert found is not None
    assert "greeter 1.2" == str(found.interface)
    assert "int64_t Add(int64_t a, int64_t b);\n" in found.text


def test_without_interface(plugin: Path) -> None:
    """A plugin needs none."""
    assert 0 == run("embed", plugin, plugin.with_suffix(".h")).exit_code


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--interface", "greeter"], "belong together"),
        (["--interface-version", "1.2"], "belong together"),
        (["--interface", "a b", "--interface-version", "1.2"], "'a b 1.2' is no interface and"),
        (["--interface", "a", "--interface-version", "1"], "'a 1' is no interface and version"),
    ],
)
def test_usage(plugin: Path, options: list[str], reason: str) -> None:
    """A name has a version, and both are of one form."""
    result = run("embed", plugin, plugin.with_suffix(".h"), *options)
    assert 2 == result.exit_code
    assert reason in result.stderr


def test_refused(plugin: Path, tmp_path: Path) -> None:
    """What cannot be done is one line."""
    (tmp_path / "other.h").write_text("int absent(void);\n")
    assert "nothing that it exports" in refused(run("embed", plugin, tmp_path / "other.h"))
