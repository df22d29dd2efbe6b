"""``nativeplug embed``: make a plugin tell what a header says of it."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.build.embed import embed as embed_declarations
from nativeplug.load.told import InterfaceVersion

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
