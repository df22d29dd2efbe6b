"""What the commands share: how they print, show progress and fail."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from nativeplug.loader.files import Content

# Wide enough that no line of a table is broken for a program that reads it.
_WIDTH_OF_A_FILE = 1000


class Failure(click.ClickException):
    """A foreseeable error: one line on stderr, exit status 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"nativeplug: {printable(self.message)}", file=file, err=True)


class Finding(Failure):
    """A verdict against what was checked: exit status 1."""

    exit_code = 1


def printable(text: str) -> str:
    """
    Return a text that is one line and cannot steer the terminal.

    Names in a plugin's file can be any bytes, so escape sequences too.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode()
        for char in " ".join(text.split())
    )


def plugin_path(written: str) -> str:
    """
    Return the path for `nativeplug.open` of a plugin that a user of the shell named.

    A user who names a file in the working directory means this file, where ``open``
    takes a name without a slash for a system library.
    """
    return f"./{written}" if "/" not in written and Path(written).is_file() else written


def read_plugin(path: str) -> Content:
    """
    Read a plugin's file.

    Raises:
        OpenError: It cannot be read.
        Failure: Somebody writes it meanwhile.
    """
    from nativeplug.loader.files import FileChangedError, read_file

    try:
        return read_file(path)
    except FileChangedError:
        raise Failure(f"cannot read {path!r}: it changes while it is read") from None


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: C declarations are full of brackets."""
    from rich.console import Console  # it takes as long to import as all else together

    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _WIDTH_OF_A_FILE
    return made


def table(title: str, columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Table:
    """Return a table that loses no text, however narrow the terminal is."""
    from rich.table import Table

    made = Table(
        title=printable(title),
        title_justify="left",
        title_style="bold",
        show_header=any(columns),
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(printable(cell) for cell in row))
    return made


@contextmanager
def progress(step: str, *, logged: bool = False) -> Iterator[None]:
    """
    Show on stderr that a long step is running.

    Args:
        step: What is being done.
        logged: Where no spinner can turn, print a line.
    """
    errors = console(stderr=True)
    if errors.is_terminal:
        with errors.status(step):
            yield
        return
    if logged:
        errors.print(f"{step} ...")
    yield
