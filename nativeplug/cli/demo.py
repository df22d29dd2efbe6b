"""``nativeplug demo``: the main job, shown on the greeters of a source checkout."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import nativeplug
from nativeplug import programs
from nativeplug.build import build
from nativeplug.cli.console import Failure, console, printable, progress, table
from nativeplug.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

_C_SOURCE = Path("plugins_c", "greeter.c")
_GO_SOURCE = Path("plugins_go", "greeter")


@dataclass(slots=True)
class _Story:
    """What was done, row by row: the step, the Python for it, and what came of it."""

    title: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, step: str, python: str, result: object) -> None:
        self.rows.append((step, python, printable(str(result))))


@click.command(short_help="Build, open and call a C and a Go plugin.")
@click.option(
    "--plugins",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The source checkout, which holds plugins_c and plugins_go; default: here.",
)
def demo(folder: Path) -> None:
    """Build a C and a Go plugin, open them, call them, and show each step."""
    for source in (_C_SOURCE, _GO_SOURCE):
        if not (folder / source).exists():
            raise Failure(
                f"no {source} in '{folder}': run the demo in a source checkout of nativeplug, "
                "or name one with --plugins"
            )
    with tempfile.TemporaryDirectory(prefix="nativeplug-demo-") as room:
        _show(_run(_build_c(folder / _C_SOURCE, Path(room, "c")), _C_SOURCE, {}))
        if programs.go_toolchain() is None:
            click.echo(
                "no Go toolchain found, so there is no Go plugin to show: install Go 1.21 or "
                "later, or the extra 'nativeplug[go]'",
                err=True,
            )
            return
        # The Go greeter makes a copy for each caller, who has to free it.
        plugin = _build_go(folder / _GO_SOURCE, Path(room, "go"))
        _show(_run(plugin, _GO_SOURCE, {"GetName": "free"}))


def _build_c(source: Path, room: Path) -> Path:
    room.mkdir()
    shutil.copy(source.with_suffix(".h"), room)
    return _build(source, room, "building the C plugin")


def _build_go(source: Path, room: Path) -> Path:
    room.mkdir()
    return _build(source, room, "building the Go plugin (about a minute for the first time)")


def _build(source: Path, room: Path, step: str) -> Path:
    try:
        with progress(step, logged=True):
            return build(source, room / "greeter.so")
    except BuildError as error:
        click.echo(error.output, err=True, nl=False)
        raise


def _run(plugin: Path, source: Path, free: dict[str, str]) -> _Story:
    story = _Story(f"A plugin written in {'C' if source == _C_SOURCE else 'Go'}")
    story.tell("build", f"build('{source}', './{plugin.name}')", plugin.name)
    options = f", free={free}" if free else ""
    plg = nativeplug.open(plugin, free=free)
    story.tell("open", f"plg = nativeplug.open('./{plugin.name}'{options})", ", ".join(plg))
    story.tell("look up a function", "plg.lookup('GetName')", plg.lookup("GetName"))
    story.tell("call it", "plg.GetName()", repr(plg.GetName()))
    story.tell("look up a variable", "plg.lookup('Name')", plg.lookup("Name"))
    story.tell("read it", "plg.Name", repr(plg.Name))
    plg.Name = "nativeplug"
    story.tell("write it, read it back", "plg.Name = 'nativeplug'; plg.Name", repr(plg.Name))
    story.tell("the plugin sees it", "plg.GetName()", repr(plg.GetName()))
    story.tell("a wrong call", "plg.Add('two', 3)", _error_of(lambda: plg.Add("two", 3)))
    return story


def _error_of(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except TypeError as error:
        return f"{type(error).__name__}: {error}"


def _show(story: _Story) -> None:
    console().print(table(story.title, ("step", "Python", "result"), story.rows))
