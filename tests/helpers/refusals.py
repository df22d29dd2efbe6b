"""
Reasons for which a plugin is refused, and what finds out whether anything of it has run.

What is put in a plugin's place has a constructor that creates the file that *MARKER* names: a
refusal comes before that, or it is no check.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import building
import nativeplug
from elf_parts import MARKER, MARKING
from nativeplug import Interface, PluginError, Policy, UpdateError, int64, int_
from numbered_builds import put
from signing import Signer

#: How a file comes to a program: opened; opened again, or updated, while another version serves.
WAYS = ("open", "again", "update")

DECLARED = "int64_t Add(int64_t a, int64_t b); extern int Calls;"
#: A plugin that tells of itself, one that does not, and the version that serves before them.
TELLING = f"""
#include <nativeplug.h>
#include <stdint.h>
{MARKING}
NATIVEPLUG_INTERFACE("greeter", 1, 2);
NATIVEPLUG_FUNCTION(int64_t, Add, (int64_t a, int64_t b)) {{ return a + b; }}
NATIVEPLUG_VARIABLE(int, Calls) = 7;
"""
PLAIN = f"""
#include <stdint.h>
{MARKING}
int64_t Add(int64_t a, int64_t b) {{ return a + b; }}
int Calls = 7;
"""
SOUND = TELLING.replace(MARKING, "int is_sound = 1;")


class Greeter(Interface, name="greeter", version="1.2"):
    """What the program wants."""

    Calls: int_

    def Add(self, a: int64, b: int64) -> int64:  # type: ignore[empty-body] # noqa: N802 - C's
        """Add two numbers."""


class Compiler:
    """Compiles C texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, text: str, *flags: str) -> bytes:
        """Return the plugin of a C text."""
        source = self._folder / "made.c"
        source.write_text(text)
        return building.build(source, flags=["-O0", *flags]).read_bytes()


class Stage(contextlib.ExitStack):
    """A plugin's place, who signs it, and what has to be undone."""

    def __init__(self, folder: Path, compiled: Compiler) -> None:
        super().__init__()
        folder.chmod(0o700)  # whatever the umask is
        self.folder = folder
        self.path = folder / "plugin.so"
        self.compiled = compiled
        self._marker = folder / "marker"
        self.state = folder / "state"
        self.enter_context(mock.patch.dict(os.environ, NATIVEPLUG_STATE_DIR=str(self.state)))
        self.callback(nativeplug.set_policy, nativeplug.get_policy())

    @cached_property
    def signer(self) -> Signer:
        """Whom the program trusts."""
        return Signer()

    def put(self, data: bytes) -> None:
        """Put a file in place."""
        put(self.path, data)
        self.path.chmod(0o644)

    @property
    def signature(self) -> Path:
        """Where the signature file lies."""
        return self.path.with_name("plugin.so.minisig")

    def watch(self) -> None:
        """Let constructors say that they run, from now on."""
        self.enter_context(mock.patch.dict(os.environ, {MARKER: str(self._marker)}))

    @property
    def has_run(self) -> bool:
        """Whether one has."""
        return self._marker.exists()


Asked = Callable[[Stage], dict[str, Any]]


def ask(_stage: Stage) -> dict[str, Any]:
    """Give ``open`` declarations, and nothing else."""
    return {"declarations": DECLARED}


def asking(declarations: Any = DECLARED, **options: Any) -> Asked:
    """Return what gives ``open`` the same arguments, whatever stands there."""
    return lambda _stage: {"declarations": declarations, **options}


def compiled(text: str, *flags: str) -> Callable[[Stage], None]:
    """Return what puts a plugin in place that is compiled from a text."""
    return lambda stage: stage.put(stage.compiled(text, *flags))


def put_next(stage: Stage) -> None:
    """Put a plugin in place that is as it should be."""
    stage.put(stage.compiled(TELLING))


def as_file(data: bytes) -> Callable[[Stage], None]:
    """Return what puts a file in place."""
    return lambda stage: stage.put(data)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason for which a plugin is refused."""

    name: str
    #: What ``open`` raises; an update that is refused raises UpdateError.
    error: type[Exception]
    #: What is said, as a regular expression.
    words: str
    #: Puts what is to be refused in place.
    put: Callable[[Stage], object]
    #: The arguments with which that is opened.
    asked: Asked = ask
    ways: tuple[str, ...] = WAYS
    #: Those of the version that serves before; None for the same without a policy.
    first: Asked | None = None
    #: That version.
    sound: Callable[[Stage], bytes] = lambda stage: stage.compiled(SOUND)
    #: It would run if nobody had refused it.
    would_run: bool = True
    #: It has run: the program refuses it, or it does itself.
    has_run: bool = False

    def __str__(self) -> str:
        """Return the name."""
        return self.name


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt."""

    problems: list[str]
    #: A constructor has run that must not.
    has_run: bool


def attempt(refusal: Refusal, stage: Stage, way: str) -> Attempt:
    """Let a plugin be refused, and tell what was wrong with that."""
    with stage:
        serving = None if way == "open" else _open_sound(refusal, stage)
        before = None if serving is None else (serving.generation, serving.closed)
        refusal.put(stage)
        asked = refusal.asked(stage)
        stage.watch()
        error: Exception | None = None
        try:
            _take_up(stage, serving, asked, way)
        except Exception as caught:  # noqa: BLE001 - any is looked at
            error = caught
        problems = [*_find_faults(refusal, way, error)]
        if serving is not None and before != (serving.generation, serving.closed):
            problems.append("another generation serves")
        if stage.has_run is not refusal.has_run:
            problems.append("its constructor has run" if stage.has_run else "nothing has run")
        return Attempt(
            [f"{refusal.name}, {way}: {each}" for each in problems],
            stage.has_run and not refusal.has_run,
        )


def _open_sound(refusal: Refusal, stage: Stage) -> nativeplug.Plugin:
    """Open what serves before, and look everything up."""
    stage.put(refusal.sound(stage))
    first = (refusal.first or refusal.asked)(stage)
    first.pop("policy", None)
    plg: nativeplug.Plugin = nativeplug.open(stage.path, **first)
    stage.callback(plg.close)
    for name in plg:
        plg.lookup(name)
    return plg


def _take_up(
    stage: Stage, serving: nativeplug.Plugin | None, asked: dict[str, Any], way: str
) -> None:
    if serving is None or way == "again":
        nativeplug.open(stage.path, **asked)
        return
    nativeplug.set_policy(asked.get("policy", Policy()))
    serving.update()


def _find_faults(refusal: Refusal, way: str, error: Exception | None) -> list[str]:
    """Say what is wrong with an error: its class, its words, how it is written."""
    expected = refusal.error if way == "open" else UpdateError
    if type(error) is not expected:
        return [f"{expected.__name__} is expected, and not {error!r}"]
    text = str(error)
    faults = []
    if re.search(refusal.words, text) is None:
        faults.append(f"{refusal.words!r} is expected of {text!r}")
    if isinstance(error, PluginError) and ("\n" in text or text.endswith(".")):
        faults.append(f"not one line without a full stop: {text!r}")
    return faults
