"""``nativeplug inspect``: what is in a plugin's file."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nativeplug import declare
from nativeplug.cli.console import Failure, console, printable, table
from nativeplug.errors import DeclarationError
from nativeplug.load import facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativeplug.declare import Declarations, SymbolDeclaration
    from nativeplug.load.facts import ElfFacts
    from nativeplug.load.symbols import ExportedSymbol

_UNKNOWN = "unknown"


@click.command(short_help="Show what is in a plugin's file, without loading it.")
@click.argument("plugin")
@click.argument("declarations", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def inspect(plugin: str, declarations: Path | None, *, as_json: bool) -> None:
    """
    Show what is in the file PLUGIN, without loading it.

    None of its code runs, and it may be built for another machine. The types of what it
    exports come from DECLARATIONS, a header file, or from a header of the same name
    beside PLUGIN.
    """
    if "/" not in plugin and not os.path.exists(plugin):
        raise Failure(
            f"no file {plugin!r} here: inspect reads a file, so name a library by its path"
        )
    found = facts.read(plugin)
    declared, problem = _find_declarations(plugin, declarations)
    report = _report(plugin, found, declared, problem)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print(report)


def _find_declarations(plugin: str, header: Path | None) -> tuple[Declarations | None, str | None]:
    if header is not None:
        return declare.read(header), None
    try:
        return declare.find(plugin), None
    except DeclarationError as error:
        # Nobody asked for this header, and the file has more to tell.
        return None, str(error)


def _report(
    plugin: str, found: ElfFacts, declared: Declarations | None, problem: str | None
) -> dict[str, Any]:
    """Return everything as JSON has it; its keys are part of the public interface."""
    types = dict(declared.symbols) if declared else {}
    exported = {symbol.name for symbol in (*found.symbols, *found.runtime_symbols)}
    told = dataclasses.asdict(found)
    del told["symbols"], told["runtime_symbols"]
    return {
        "path": plugin,
        **told,
        "declarations": {
            "origins": list(declared.origins) if declared else [],
            "problem": problem,
        },
        "functions": [_entry(symbol, types) for symbol in found.functions],
        "variables": [_entry(symbol, types) for symbol in found.variables],
        "constants": dict(declared.constants) if declared else {},
        "not_exported": [
            {"name": name, "declaration": types[name].text, "place": types[name].place}
            for name in types
            if name not in exported
        ],
        "runtime_symbols": [symbol.name for symbol in found.runtime_symbols],
    }


def _entry(symbol: ExportedSymbol, types: dict[str, SymbolDeclaration]) -> dict[str, Any]:
    declaration = types.get(symbol.name)
    return {
        **dataclasses.asdict(symbol),
        "declaration": declaration.text if declaration else None,
        "place": declaration.place if declaration else None,
    }


def _print(report: dict[str, Any]) -> None:
    out = console()
    out.print(table(report["path"], ("", ""), _describe_file(report)))
    for title, key in (("Functions", "functions"), ("Variables", "variables")):
        if report[key]:
            rows = [_describe(entry) for entry in report[key]]
            out.print(table(title, ("name", "declaration", "declared in"), rows))
    if report["not_exported"]:
        rows = [(e["name"], e["declaration"], e["place"]) for e in report["not_exported"]]
        out.print(table("Declared, not exported", ("name", "declaration", "declared in"), rows))
    if report["runtime_symbols"]:
        count = len(report["runtime_symbols"])
        out.print(f"and {count} symbols of the {report['language']} runtime (see --json)")


def _describe_file(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "kind", report["kind"]
    yield (
        "architecture",
        (f"{report['architecture']}, {report['word_size']} bit, {report['byte_order']}-endian"),
    )
    yield "loadable here", f"no: {report['defect']}" if report["defect"] else "yes"
    yield "language", report["language"] or _UNKNOWN
    yield "toolchain", report["toolchain"] or _UNKNOWN
    yield "build id", report["build_id"] or "none"
    for name in ("soname", "rpath", "runpath"):
        if report[name]:
            yield name, report[name]
    yield "needs", ", ".join(report["needed"]) or "no libraries"
    if report["flags"]:
        yield "flags", ", ".join(report["flags"])
    declarations = report["declarations"]
    yield "declarations", declarations["problem"] or ", ".join(declarations["origins"]) or "none"


def _describe(entry: dict[str, Any]) -> tuple[str, str, str]:
    marks = [entry["kind"]] if entry["kind"] in {"tls", "ifunc"} else []
    marks += ["weak"] if entry["weak"] else []
    marks += [f"version {entry['version']}"] if entry["version"] else []
    name = f"{entry['name']} ({', '.join(marks)})" if marks else entry["name"]
    return printable(name), entry["declaration"] or "not declared", entry["place"] or ""
