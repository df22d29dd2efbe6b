"""``nativeplug header``: an interface as a C header, for plugin authors."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.cli.interfaces import find_interface
from nativeplug.interface import declarations_of


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
