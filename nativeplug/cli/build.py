"""``nativeplug build``: turn source into a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.build import build as build_plugin
from nativeplug.build.embed import embed as embed_declarations
from nativeplug.cli.console import Failure, progress
from nativeplug.cli.stubs import find_interface
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.errors import BuildError
from nativeplug.interface import declarations_of

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


# ``nativeplug embed``: make a plugin tell what a header says of it.


_FILE = click.Path(path_type=Path)


@click.command(short_help="Put a header's declarations into a plugin.")
@click.argument("plugin", type=_FILE)
@click.argument("header", type=_FILE)
@click.option("--interface", metavar="NAME", help="The interface that PLUGIN serves.")
@click.option("--interface-version", metavar="MAJOR.MINOR", help="That interface's version.")
def embed(plugin: Path, header: Path, interface: str | None, interface_version: str | None) -> None:
    """
    Put into the file PLUGIN what HEADER declares of its exports.

    It then tells its types itself: it can be opened without a header, and declarations
    that contradict it are refused. What it told before is replaced.

    \b
    Example: nativeplug embed greeter.so greeter.h --interface greeter --interface-version 1.2
    """  # noqa: D301 - click's mark for a paragraph that keeps its line
    if (interface is None) is not (interface_version is None):
        raise click.UsageError("--interface and --interface-version belong together")
    version = None
    if interface is not None:
        version = InterfaceVersion.parse(f"{interface} {interface_version}")
        if version is None:
            raise click.UsageError(
                f"{f'{interface} {interface_version}'!r} is no interface and version "
                "such as 'greeter 1.2'"
            )
    embed_declarations(plugin, header, interface=version)


# ``nativeplug header``: an interface as a C header, for plugin authors.


@click.command(short_help="Write the C header of an interface.")
@click.argument("interface", type=click.Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The header to write.")
def header(interface: str, output: Path | None) -> None:
    """
    Write the C header of INTERFACE, a Python class.

    INTERFACE is written module:Class or path/to/file.py:Class; the class's name can be
    left out where there is only one. The module is imported, so its code runs.

    \b
    Example: nativeplug header myhost.interfaces:Greeter -o greeter.h
    """  # noqa: D301 - click's mark for a paragraph that keeps its line
    text = declarations_of(find_interface(interface))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
