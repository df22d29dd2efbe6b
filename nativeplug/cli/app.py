"""The command ``nativeplug`` itself, which holds the others."""

from __future__ import annotations

from typing import Any

import click

import nativeplug
from nativeplug.cli.bench import bench
from nativeplug.cli.build import build, embed, header
from nativeplug.cli.call import call
from nativeplug.cli.check import check
from nativeplug.cli.console import Failure
from nativeplug.cli.demo import demo
from nativeplug.cli.inspect import inspect
from nativeplug.cli.keys import keygen, sign, verify
from nativeplug.cli.stubs import stubs
from nativeplug.cli.versions import versions
from nativeplug.errors import PluginError

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class _Commands(click.Group):
    """Commands whose foreseeable errors are one line, and which Ctrl-C ends."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (PluginError, OSError) as error:  # a full disk, for one
            raise Failure(str(error)) from error
        except (KeyboardInterrupt, click.Abort):  # a prompt makes the one into the other
            click.echo(err=True)  # the terminal shows ^C on the line
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nativeplug.__version__, message="%(prog)s %(version)s")
def app() -> None:
    """Look into, check, call, build and sign compiled plugins (C, Go, Rust)."""


_COMMANDS = (
    inspect,
    check,
    call,
    bench,
    build,
    embed,
    stubs,
    header,
    keygen,
    sign,
    verify,
    versions,
    demo,
)
for command in _COMMANDS:
    app.add_command(command)
