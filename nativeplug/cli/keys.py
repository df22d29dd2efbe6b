"""What the commands share that have to do with keys: where these lie, and their passwords."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nativeplug._util.storage import replacing
from nativeplug.cli.console import Failure, Finding, printable, progress, read_plugin
from nativeplug.errors import OriginError
from nativeplug.trust import Policy, secret_key
from nativeplug.trust.comment import Comment
from nativeplug.trust.minisign import SUFFIX, UNTRUSTED, UntrustedError
from nativeplug.trust.secret_key import SecretKey
from nativeplug.trust.verify import check

Command = TypeVar("Command", bound=Callable[..., Any])

PASSWORD: Final = "NATIVEPLUG_PASSWORD"  # noqa: S105 - the variable's name
_SECRET_MODE: Final = 0o600
_MODE: Final = 0o666


def secret_key_option(command: Command) -> Command:
    """Give a command the option for the secret key's file, which lies where minisign has it."""
    return click.option(
        "-s",
        "--secret-key",
        type=click.Path(path_type=Path),
        default=Path("~/.minisign/minisign.key"),
        show_default=True,
        callback=lambda _context, _option, path: path.expanduser(),
        help="The file of the secret key.",
    )(command)


def read_secret_key(path: Path) -> secret_key.SecretKey:
    """
    Read a secret key; its password comes from $NATIVEPLUG_PASSWORD, or else is asked for.

    Raises:
        Failure: It cannot be used.
    """
    if not path.exists():
        raise Failure(
            f"no secret key '{path}': name one with --secret-key, or make a pair of keys by "
            "'nativeplug keygen'"
        )
    try:
        text, password = path.read_text(), None
        if secret_key.is_encrypted(text):
            password = os.environ.get(PASSWORD) or click.prompt(
                "Password", hide_input=True, err=True
            )
        return secret_key.SecretKey.parse(text, password)
    except UntrustedError as error:
        raise Failure(f"cannot use secret key '{path}': {error}") from None
    except UnicodeDecodeError:
        raise Failure(f"cannot use secret key '{path}': not a minisign secret key") from None


def new_password() -> str:
    """Return the password for a new key: $NATIVEPLUG_PASSWORD, or what the user writes twice."""
    given = os.environ.get(PASSWORD)
    return given or str(
        click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )


def write_whole(path: Path, text: str, *, secret: bool = False, replace: bool = True) -> None:
    """
    Write a file so that nobody ever sees a part of it.

    Args:
        path: Where.
        text: What is in it.
        secret: Only its owner may read it.
        replace: Also where there is a file already.

    Raises:
        OSError: It cannot be written, or there is one.
    """
    with replacing(path, mode=_SECRET_MODE if secret else _MODE, replace=replace) as file:
        file.write(text.encode())


# ``nativeplug keygen``: make a pair of keys for signing plugins.


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


# ``nativeplug sign``: say that a plugin comes from you.


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


# ``nativeplug verify``: who has signed a plugin.


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
