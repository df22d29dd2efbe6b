"""``nativeplug sign``: say that a plugin comes from you."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from nativeplug.cli.console import Failure, read_plugin
from nativeplug.cli.keys import read_secret_key, secret_key_option, write_whole
from nativeplug.trust.comment import Comment
from nativeplug.trust.minisign import SUFFIX, UntrustedError


@click.command(short_help="Sign a plugin.")
@click.argument("plugin", type=click.Path(path_type=Path))
@secret_key_option
@click.option("--version", help="The plugin's version: numbers with dots between.")
@click.option("--expires", metavar="DATE", help="From when on it is refused: 2027-01-01, in UTC.")
@click.option("--name", help="The file's name where it is opened.  [default: PLUGIN's]")
@click.option("--comment", metavar="TEXT", help="More for the trusted comment.")
def sign(  # noqa: PLR0913 - one for each option
    plugin: Path,
    secret_key: Path,
    *,
    version: str | None,
    expires: str | None,
    name: str | None,
    comment: str | None,
) -> None:
    """
    Sign the file PLUGIN: write PLUGIN.minisig beside it, and print its path.

    The name, the version and the date are signed too, in the trusted comment. A plugin is
    refused under another name, and a version that is older than one that was run before.
    """
    signed_name = name or plugin.name
    if not _is_utf8(signed_name):
        raise Failure(f"cannot sign '{plugin}': its name is not UTF-8; name another with --name")
    words = [*_words(signed_name, version, expires), *([comment] if comment else [])]
    trusted = "\t".join(words)
    data = bytes(read_plugin(str(plugin)).data)
    try:
        said = Comment.parse(trusted)
        if said.file != signed_name:
            raise Failure(f"cannot sign '{plugin}': its name has a tab, which ends it")
        text = read_secret_key(secret_key).sign(data, trusted)
    except UntrustedError as error:
        raise Failure(f"cannot sign '{plugin}': {error}") from None
    target = Path(f"{plugin}{SUFFIX}")
    write_whole(target, text)
    click.echo(os.fsencode(target))


def _is_utf8(name: str) -> bool:
    """Tell whether a name can be signed: those of files can be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(name: str, version: str | None, expires: str | None) -> Iterator[str]:
    yield f"timestamp:{int(time.time())}"
    yield f"file:{name}"
    yield "hashed"  # as minisign writes it
    if version is not None:
        yield f"version:{version}"
    if expires is not None:
        yield f"expires:{expires}"
