"""``nativeplug demo``: the main job, shown on the examples that the package has."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import nativeplug
from nativeplug._util import programs
from nativeplug.build import build
from nativeplug.cli.console import console, printable, progress, table
from nativeplug.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST, _SECOND = "world", "gopher"
# nativeplug/examples has links to plugins_c and plugins_go: there is one greeter in each language.
_EXAMPLES = Path(nativeplug.__file__).with_name("examples")


@dataclass(frozen=True, slots=True)
class _Greeter:
    """A plugin to show."""

    language: str
    #: Where it is among the examples.
    source: Path
    #: Its file that says who is greeted, beside *source*.
    edited: Path
    #: Functions that give the caller a copy, with what frees it.
    free: dict[str, str] = field(default_factory=dict)
    #: What to say of the first build.
    note: str = ""


_C = _Greeter("C", _EXAMPLES / "greeter.c", Path("greeter.c"))
_GO = _Greeter(
    "Go",
    _EXAMPLES / "greeter",
    Path("greeter", "variables.c"),
    {"GetName": "free"},
    " (about a minute for the first time)",
)


@dataclass(slots=True)
class _Story:
    """What was done, row by row: the step, the Python for it, and what came of it."""

    title: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, step: str, python: str, result: object) -> None:
        self.rows.append((step, python, printable(str(result))))


@click.command(short_help="Build, open, call and update a C and a Go plugin.")
def demo() -> None:
    """Build a C and a Go plugin, open them, call them, update one, and show each step."""
    with tempfile.TemporaryDirectory(prefix="nativeplug-demo-") as place:
        greeter, room = _C, Path(place, "c")
        plg = _open(greeter, room)
        if programs.go_toolchain() is None:
            click.echo(
                "no Go toolchain found, so there is no Go plugin to show: install Go 1.21 or "
                "later, or the extra 'nativeplug[go]'",
                err=True,
            )
        else:
            greeter, room = _GO, Path(place, "go")
            plg = _open(greeter, room)
        _show(_update(plg, greeter, room))


def _open(greeter: _Greeter, room: Path) -> nativeplug.Plugin:
    """Build a plugin in a directory of its own, and show what can be done with it."""
    _copy(greeter.source, room)
    plugin = _build(greeter, room, f"building the {greeter.language} plugin{greeter.note}")
    plg = nativeplug.open(plugin, free=greeter.free)
    _show(_use(plg, greeter))
    return plg


def _copy(source: Path, room: Path) -> None:
    """Copy the source, which will be edited."""
    room.mkdir()
    if source.is_dir():
        shutil.copytree(source, room / source.name)
        return
    for file in (source, source.with_suffix(".h")):
        shutil.copy(file, room)


def _build(greeter: _Greeter, room: Path, step: str) -> Path:
    try:
        with progress(step, logged=True):
            return build(room / greeter.source.name)
    except BuildError as error:
        click.echo(error.output, err=True, nl=False)
        raise


def _use(plg: nativeplug.Plugin, greeter: _Greeter) -> _Story:
    story = _Story(f"A plugin written in {greeter.language}: {greeter.source.name}")
    story.tell("build", f"build('{greeter.source.name}')", "greeter.so")
    options = f", free={greeter.free}" if greeter.free else ""
    story.tell("open", f"plg = nativeplug.open('greeter.so'{options})", ", ".join(plg))
    story.tell("look up a function", "plg.lookup('GetName')", plg.lookup("GetName"))
    story.tell("call it", "plg.GetName()", repr(plg.GetName()))
    story.tell("look up a variable", "plg.lookup('Name')", plg.lookup("Name"))
    story.tell("read it", "plg.Name", repr(plg.Name))
    plg.Name = "nativeplug"
    story.tell("write it, read it back", "plg.Name = 'nativeplug'; plg.Name", repr(plg.Name))
    story.tell("the plugin sees it", "plg.GetName()", repr(plg.GetName()))
    story.tell("a wrong call", "plg.Add('two', 3)", _error_of(lambda: plg.Add("two", 3)))
    return story


def _update(plg: nativeplug.Plugin, greeter: _Greeter, room: Path) -> _Story:
    story = _Story(f"The same plugin, another version: {greeter.edited} is edited")
    get_name = plg.GetName
    story.tell("keep a function", "get_name = plg.GetName; get_name()", repr(get_name()))
    line = _edit(room / greeter.edited)
    story.tell("edit the source", f"file.write_text(text.replace('{_FIRST}', '{_SECOND}'))", line)
    plugin = _build(greeter, room, f"building the {greeter.language} plugin again")
    story.tell("build it in place", f"build('{greeter.source.name}')", plugin.name)
    story.tell("take it up", "plg.update()", repr(plg.update()))
    story.tell("the kept function is new", "get_name()", repr(get_name()))
    states = ", ".join(f"{each.number} {each.state}" for each in plg.generations)
    story.tell("both are in memory", "plg.generations", states)
    plg.rollback()
    story.tell("go back to the first", "plg.rollback(); get_name()", repr(get_name()))
    return story


def _edit(file: Path) -> str:
    """Put another name into a source file; return the line that has it."""
    text = file.read_text(encoding="utf-8").replace(f'"{_FIRST}"', f'"{_SECOND}"')
    file.write_text(text, encoding="utf-8")
    return next(line for line in text.splitlines() if _SECOND in line)


def _error_of(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except TypeError as error:
        return f"{type(error).__name__}: {error}"


def _show(story: _Story) -> None:
    console().print(table(story.title, ("step", "Python", "result"), story.rows))
