"""The examples of docs/authors.md that tell of errors, built by real compilers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nativeplug
from plugins_with_metadata import INCLUDE
from soaking import Measured, main
from support import ROOT

_STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC")
_STANDARDS = ("c++11", "c++14", "c++17", "c++20")
_WAYS = (
    *(("cpp", (name, f"-std={each}")) for name in ("g++", "clang++") for each in _STANDARDS),
    ("cpp", ("zig", "c++")),
    ("rust", ("rustc", "--edition=2021", "--crate-type=cdylib")),
)


def raised_builds(scale: float, folder: Path) -> Measured:
    """
    Build the examples in every way that the machine has, and see what their errors become.

    At less than the full size, in one way by each compiler.
    """
    problems, built, missing = [], [], []
    ways = _WAYS if scale >= 1 else {way[1][0]: way for way in _WAYS}.values()
    for language, command in ways:
        name = " ".join(command)
        found = _found(command)
        if found is None:
            missing.append(f"not measured: {name}: no {command[0]}")
            continue
        built.append(name)
        problems += [f"{name}: {each}" for each in _try(language, found, folder / name)]
    text = f"{len(problems)} of {len(built)} ways"
    return Measured(len(problems), text, problems, [*built, *missing])


def _found(command: tuple[str, ...]) -> list[str] | None:
    """Return a command whose program is there."""
    if command[0] == "zig" and find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", *command[1:]]
    return [*command] if shutil.which(command[0]) else None


def _try(language: str, command: list[str], folder: Path) -> Iterator[str]:
    """Build in one way, and call; say what is wrong."""
    folder.mkdir()
    source, plugin = folder / f"raising.{language}", folder / "raising.so"
    source.write_text(_example(language))
    flags = [*_STRICT, INCLUDE, "-x", "c++"] if language == "cpp" else []
    done = subprocess.run(
        [*command, *flags, "-o", plugin, source], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        yield done.stderr
        return
    plg = nativeplug.open(plugin, "double root(double square);")
    try:
        yield f"no error, but {plg.root(-1)}"
    except nativeplug.PluginRaised as error:
        if error.text != "negative":
            yield f"the error is {error.text!r}"
    if (root := plg.root(4)) != 2:
        yield f"the root of 4 is {root}"


def _example(language: str) -> str:
    """Return what the documentation shows."""
    text = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    section = text[text.index("\n## Errors") :]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    main(raised_builds)
