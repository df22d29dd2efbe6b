"""``nativeplug verify``: who has signed a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.cli.console import Failure, Finding, printable, read_plugin
from nativeplug.errors import OriginError
from nativeplug.trust import Policy, check


@click.command(short_help="Check a plugin's signature.")
@click.argument("plugin", type=click.Path())
@click.option(
    "-p",
    "--public-key",
    type=click.Path(path_type=Path),
    help="The file of the public key.  [default: minisign.pub]",
)
@click.option("-P", "--public-key-text", metavar="TEXT", help="The public key itself.")
def verify(plugin: str, public_key: Path | None, public_key_text: str | None) -> None:
    """
    Check that the file PLUGIN is what the owner of a key has signed in PLUGIN.minisig.

    Its name must be the signed one, and its date not over. Versions that were run before
    are not looked up. The key's number and the trusted comment are printed. The exit status
    is 1 if it is not.
    """
    if public_key is not None and public_key_text is not None:
        raise click.UsageError("--public-key and --public-key-text exclude each other")
    key = public_key_text or public_key or Path("minisign.pub")
    if isinstance(key, Path) and not key.exists():
        raise Failure(f"no public key '{key}': name one with --public-key or --public-key-text")
    try:
        policy = Policy(public_keys=[key], allow_older=True)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        verified = check(read_plugin(plugin), policy)
    except OriginError as error:
        raise Finding(str(error)) from error
    click.echo(f"signed by the key {verified.key}")
    click.echo(f"trusted comment: {printable(verified.trusted_comment or '')}")
