"""``nativeplug keygen``: make a pair of keys for signing plugins."""

from __future__ import annotations

from pathlib import Path

import click

from nativeplug.cli.console import Failure, progress
from nativeplug.cli.keys import new_password, secret_key_option, write_whole
from nativeplug.trust.minisign import UNTRUSTED, UntrustedError
from nativeplug.trust.secretkey import SecretKey


@click.command(short_help="Make a pair of keys for signing plugins.")
@click.option(
    "-p",
    "--public-key",
    type=click.Path(path_type=Path),
    default=Path("minisign.pub"),
    show_default=True,
    help="The file of the public key.",
)
@secret_key_option
@click.option("--no-password", is_flag=True, help="Let the secret key lie open.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
def keygen(public_key: Path, secret_key: Path, *, no_password: bool, force: bool) -> None:
    """
    Make a pair of Ed25519 keys in minisign's format, and print the public one.

    The secret key signs plugins, and lies under a password, which is asked for or taken from
    $NATIVEPLUG_PASSWORD. The public key goes into the programs that open them. The program
    minisign can use both.
    """
    for path in (public_key, secret_key):
        if path.exists() and not force:
            raise Failure(f"cannot write '{path}': it is there already; --force replaces it")
    password = None if no_password else new_password()
    secret_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        key = SecretKey.generate()
        with progress("making the key"):
            text = key.format(password)
        public = key.public
    except UntrustedError as error:
        raise Failure(f"cannot make a key: {error}") from None
    write_whole(secret_key, text, secret=True, replace=force)
    shown = f"{UNTRUSTED}minisign public key {public.name}\n{public}\n"
    write_whole(public_key, shown, replace=force)
    click.echo(public)
