"""``nativeplug check``: everything that can be said against a plugin, before it is shipped."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nativeplug import checking
from nativeplug.checking import HARDENING, CheckOptions, Report, SymbolCheck
from nativeplug.cli.console import Failure, console, printable, read_plugin, table
from nativeplug.cli.stubs import find_interface
from nativeplug.trust import OriginRequirements, Policy

Command = TypeVar("Command", bound=Callable[..., Any])

_ALL: Final = "all"
_SHOWN_NAMES: Final = 20
_KEY_START: Final = "RW"  # of all public keys, "Ed" in Base64
_OPTIONS: Final = (
    click.option(
        "--interface",
        metavar="MODULE:CLASS",
        type=click.Path(),
        help="The interface that PLUGIN must be; its module is imported.",
    ),
    click.option(
        "--require-checked", is_flag=True, help="The types of all that is declared must be told."
    ),
    click.option(
        "--hardening",
        type=click.Choice([*HARDENING, _ALL]),
        multiple=True,
        help="What must protect it; can be given several times.",
    ),
    click.option("--probe", is_flag=True, help="Load it in a process of its own: it runs there."),
    click.option(
        "--key",
        "keys",
        metavar="KEY",
        type=click.Path(),
        multiple=True,
        help="A public key, or its file, one of which must have signed it.",
    ),
    click.option("--require-version", is_flag=True, help="The signature must say a version."),
    click.option("--require-expiry", is_flag=True, help="The signature must say when it ends."),
    click.option("--sha256", metavar="HEX", help="The SHA-256 that it must have."),
    click.option(
        "--directory",
        "directories",
        type=click.Path(path_type=Path),
        multiple=True,
        help="A directory in or below which it must lie.",
    ),
    click.option(
        "--owner", "owners", metavar="UID", type=int, multiple=True, help="Who must own it."
    ),
    click.option(
        "--others-cannot-write",
        is_flag=True,
        help="Nobody else may be able to write to it, or to what leads to it.",
    ),
    click.option(
        "--toolchain",
        "toolchains",
        metavar="PATTERN",
        multiple=True,
        help="What must have made it, as inspect shows it: 'Go go1.27*'.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
)


def _takes_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Check a plugin before it is shipped, or loaded.")
@click.argument("plugin", type=click.Path())
@click.argument("declarations", required=False, type=click.Path(path_type=Path))
@_takes_options
def check(plugin: str, declarations: Path | None, *, as_json: bool, **options: Any) -> None:
    """
    Check the file PLUGIN: what it is, what it tells, and whether it is as it is declared.

    None of its code runs, unless --probe is given. What it exports must be what
    DECLARATIONS, a header file, declares; or what is found with the plugin, as for opening it.
    The exit status is 1 if there are findings, and 2 if it could not be checked.
    """
    if "/" not in plugin and not os.path.exists(plugin):
        raise Failure(f"no file {plugin!r} here: check reads a file, so name a library by its path")
    wanted = _wanted(declarations, **options)
    report = checking.check(read_plugin(plugin), wanted)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=2))
    else:
        _print(report)
    click.get_current_context().exit(1 if report.findings else 0)


def _wanted(
    declarations: Path | None,
    *,
    interface: str | None,
    hardening: tuple[str, ...],
    require_checked: bool,
    probe: bool,
    **demands: Any,
) -> CheckOptions:
    return CheckOptions(
        declarations,
        None if interface is None else find_interface(interface),
        _demands(**demands),
        frozenset(HARDENING if _ALL in hardening else hardening),
        require_checked,
        probe,
    )


def _demands(
    *, keys: tuple[str, ...], sha256: str | None, others_cannot_write: bool, **demands: Any
) -> OriginRequirements:
    """Return what is demanded of the origin; versions that were run before are not looked up."""
    given = {name: value for name, value in demands.items() if value}
    if keys:
        given["public_keys"] = [key if key.startswith(_KEY_START) else Path(key) for key in keys]
        given["allow_older"] = True
    try:
        policy = Policy(refuse_writable_by_others=others_cannot_write, **given)
        return OriginRequirements.of(policy, sha256)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _as_json(report: Report) -> dict[str, Any]:
    """Return everything as JSON has it; its keys are part of the public interface."""
    return {**dataclasses.asdict(report), "findings": len(report.findings)}


def _print(report: Report) -> None:
    out = console()
    rows = [
        (each.name if not number else "", each.verdict if not number else "", text)
        for each in report.checks
        for number, text in enumerate(each.texts)
    ]
    out.print(table(report.path, ("check", "", "what was found"), rows))
    if report.symbols:
        columns = ("symbol", "", "declared as", "told as")
        out.print(table("Declared", columns, map(_describe, report.symbols)))
    if report.undeclared:
        out.print(_describe_undeclared(report.undeclared))
    count = len(report.findings)
    out.print(f"{count or 'no'} finding{'' if count == 1 else 's'}")


def _describe(symbol: SymbolCheck) -> Iterator[str]:
    yield symbol.name
    yield symbol.verdict
    yield symbol.declared
    if symbol.verdict == "not checked":
        yield symbol.text
    elif symbol.by is not None:
        yield "the same, by the plugin" if symbol.by == "plugin" else "the same, by DWARF"
    elif symbol.known is not None:
        yield symbol.known
    elif not symbol.is_exported:
        yield "not exported"
    else:
        yield "not told"


def _describe_undeclared(names: tuple[str, ...]) -> str:
    shown = ", ".join(map(printable, names[:_SHOWN_NAMES]))
    rest = len(names) - _SHOWN_NAMES
    more = f" and {rest} more (see --json)" if rest > 0 else ""
    return f"exported, not declared: {shown}{more}"
