"""``nativeplug build``: turn source into a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.build import build as build_plugin
from nativeplug.cli.console import Failure, progress
from nativeplug.errors import BuildError

_PATH = click.Path(path_type=Path)


@click.command(short_help="Build a plugin from C or Go source.")
@click.argument("source", type=_PATH)
@click.argument("flags", nargs=-1)
@click.option("-o", "--output", type=_PATH, help="The plugin to write; default: beside SOURCE.")
def build(source: Path, output: Path | None, flags: tuple[str, ...]) -> None:
    """
    Build a plugin from SOURCE and print its path.

    SOURCE is a C file, a directory of C files, or the directory of a Go package. Go
    writes a header beside the plugin, whose path is printed too. FLAGS after "--" are
    handed to the compiler.

    \b
    Example: nativeplug build filter.c -o filter.so -- -lm
    """  # noqa: D301 - click's mark for a paragraph that keeps its line
    try:
        with progress(f"building {source}"):
            plugin = build_plugin(source, output, flags=flags)
    except BuildError as error:
        click.echo(error.output, err=True, nl=False)
        raise Failure(str(error)) from error
    click.echo(plugin)
    header = plugin.with_suffix(".h")
    if source.is_dir() and any(source.glob("*.go")) and header.exists():
        click.echo(header)
