"""What the commands share that have to do with keys: where these lie, and their passwords."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nativeplug.cli.console import Failure
from nativeplug.storage import replacing
from nativeplug.trust import secretkey
from nativeplug.trust.minisign import UntrustedError

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


def read_secret_key(path: Path) -> secretkey.SecretKey:
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
        if secretkey.is_encrypted(text):
            password = os.environ.get(PASSWORD) or click.prompt(
                "Password", hide_input=True, err=True
            )
        return secretkey.SecretKey.parse(text, password)
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
