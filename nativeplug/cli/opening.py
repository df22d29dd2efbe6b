"""What the commands share that open a plugin: their argument PLUGIN and their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import nativeplug
from nativeplug.cli.console import plugin_path

if TYPE_CHECKING:
    from nativeplug import Plugin

Command = TypeVar("Command", bound=Callable[..., Any])

_LIBC_FREE = "free"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a plugin is to be opened, as the user of the shell said it."""

    path: str
    declarations: str | Path | None
    free: dict[str, str]

    @classmethod
    def of(
        cls, *, plugin: str, declarations: str | None, header: Path | None, free: tuple[str, ...]
    ) -> Opening:
        """
        Take what click hands over for `opens_a_plugin`.

        Raises:
            UsageError: There are two sources of declarations.
        """
        if declarations is not None and header is not None:
            raise click.UsageError("--declarations and --header exclude each other")
        return cls(
            plugin_path(plugin),
            header if declarations is None else declarations,
            dict(_split_free(item) for item in free),
        )

    def open(self) -> Plugin:
        """Open the plugin."""
        return nativeplug.open(self.path, self.declarations, free=self.free)


def opens_a_plugin(command: Command) -> Command:
    """Give a command the argument PLUGIN, and the options that go with it."""
    for decorate in (
        click.option(
            "--free",
            metavar="FUNCTION[=RELEASE]",
            multiple=True,
            help="FUNCTION's result is released by RELEASE, an export of the plugin, "
            "or by libc's free.",
        ),
        click.option(
            "--header", type=click.Path(path_type=Path), help="A header that declares NAME."
        ),
        click.option("--declarations", metavar="TEXT", help="C text that declares NAME."),
        click.argument("args", nargs=-1, type=click.UNPROCESSED),
        click.argument("name"),
        click.argument("plugin", type=click.Path()),
    ):
        command = decorate(command)
    return command


def _split_free(item: str) -> tuple[str, str]:
    function, _, release = item.partition("=")
    return function, release or _LIBC_FREE
