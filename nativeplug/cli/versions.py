"""``nativeplug versions``: the versions that were run, below which no plugin goes."""

from __future__ import annotations

import json

import click

from nativeplug.cli.console import Failure, console, printable, table
from nativeplug.trust import version_store
from nativeplug.trust.minisign import PublicKey, UntrustedError
from nativeplug.trust.version_store import Entry


@click.command(short_help="Show the versions that were run, or forget them.")
@click.option(
    "--forget",
    "forgotten",
    metavar="FILE",
    multiple=True,
    help="Forget the version of the plugin that is opened by this file name.",
)
@click.option("-P", "--public-key-text", metavar="TEXT", help="Only of files signed by this key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def versions(forgotten: tuple[str, ...], public_key_text: str | None, *, as_json: bool) -> None:
    """
    Show the highest version of each signed plugin that was run, by file name and key.

    No program of this user opens an older one. --forget takes a note away, as for a release that
    was withdrawn: then any version may be opened that has a good signature.
    The notes are in $NATIVEPLUG_STATE_DIR, else in the user's state directory.
    """
    try:
        noted = _noted(public_key_text)
        for name in forgotten:
            _forget(name, noted)
    except UntrustedError as error:
        raise Failure(str(error)) from None
    if as_json:
        rows = [
            {"file": each.name, "key": each.key, "version": noted[each]} for each in sorted(noted)
        ]
        click.echo(json.dumps(rows, indent=2))
    elif not forgotten and noted:
        lines = [(each.name, noted[each], each.key) for each in sorted(noted)]
        console().print(table("versions that were run", ("file", "version", "key"), lines))
    elif not forgotten:
        click.echo("no version was noted")


def _noted(public_key: str | None) -> dict[Entry, str]:
    """Return what is noted, of files that were signed by one key, or by any."""
    noted = version_store.noted()
    if public_key is None:
        return noted
    try:
        key = str(PublicKey.parse(public_key))
    except UntrustedError as error:
        raise click.UsageError(f"cannot use public key {public_key!r}: {error}") from None
    return {entry: version for entry, version in noted.items() if entry.key == key}


def _forget(name: str, noted: dict[Entry, str]) -> None:
    """Forget what is noted of files of a name."""
    found = [entry for entry in noted if entry.name == name]
    if not found:
        raise Failure(f"no version of {name!r} was noted")
    for entry in found:
        entry.forget()
        version = noted.pop(entry)
        click.echo(
            printable(f"forgot version {version} of {name}, signed by {entry.key}"), err=True
        )
