"""The command ``nativeplug`` itself, which holds the others."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

import nativeplug
from nativeplug.errors import PluginError

#: The commands, and the modules that have them: one is imported when it is run, or when all are
#: listed.
COMMANDS: Final = {
    "inspect": "inspect",
    "check": "check",
    "call": "call",
    "bench": "bench",
    "build": "build",
    "embed": "build",
    "stubs": "stubs",
    "header": "build",
    "keygen": "keys",
    "sign": "keys",
    "verify": "keys",
    "versions": "versions",
    "demo": "demo",
}

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class _Commands(click.Group):
    """Commands whose foreseeable errors are one line, and which Ctrl-C ends."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"nativeplug.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (PluginError, OSError) as error:  # a full disk, for one
            from nativeplug.cli.console import Failure

            raise Failure(str(error)) from error
        except (KeyboardInterrupt, click.Abort):  # a prompt makes the one into the other
            click.echo(err=True)  # the terminal shows ^C on the line
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nativeplug.__version__, message="%(prog)s %(version)s")
def app() -> None:
    """Look into, check, call, build and sign compiled plugins (C, Go, Rust)."""


# What click suggests for a name that is misspelt.
app.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # by `get_command`
