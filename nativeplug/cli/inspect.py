"""``nativeplug inspect``: what is in a plugin's file."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nativeplug import declare
from nativeplug.cli.console import Failure, console, printable, read_plugin, table
from nativeplug.declare import Declarations
from nativeplug.elf import facts
from nativeplug.errors import DeclarationError, FormatError
from nativeplug.loader import linking
from nativeplug.runtime.type_info import TypeInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativeplug.elf.facts import ElfFacts
    from nativeplug.elf.symbols import ExportedSymbol
    from nativeplug.loader.files import Content

_UNKNOWN = "unknown"
_WHO = {"plugin": "the plugin", "dwarf": "debug information", None: ""}


@click.command(short_help="Show what is in a plugin's file, without loading it.")
@click.argument("plugin", type=click.Path())
@click.argument("declarations", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def inspect(plugin: str, declarations: Path | None, *, as_json: bool) -> None:
    """
    Show what is in the file PLUGIN, without loading it.

    None of its code runs, and it may be built for another machine. The types of what it
    exports come from DECLARATIONS, a header file; or from PLUGIN itself, from a header of the
    same name beside it, or from its debug information. The exit status is 1 where libraries
    or symbols that it needs are missing here.
    """
    if "/" not in plugin and not os.path.exists(plugin):
        raise Failure(
            f"no file {plugin!r} here: inspect reads a file, so name a library by its path"
        )
    content = read_plugin(plugin)
    stream = io.BytesIO(content.data)
    stream.name = plugin  # for the words of errors
    found = facts.read(stream)
    report = _report(plugin, found, _find_types(content, declarations))
    report["missing"] = _find_missing(content)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print(report)
    click.get_current_context().exit(1 if report["missing"] else 0)


def _find_missing(content: Content) -> list[str] | None:
    """Return what the file needs of others and is not there; None where nobody can tell."""
    if content.defect is not None:
        return None
    try:
        return [*linking.find(content).missing]
    except linking.LinkingError:
        return None


@dataclass(frozen=True, slots=True)
class _Types:
    """What is known of the types of a plugin's symbols."""

    declared: Declarations
    #: Why nothing was found with the plugin.
    problem: str | None
    known: TypeInfo | None

    def told(self, name: str) -> dict[str, str | None]:
        """Return how the plugin's file itself tells a symbol, and by what."""
        try:
            found = None if self.known is None else self.known.find(name)
        except DeclarationError:  # which is the problem
            found = None
        if found is None:
            return {"told": None, "told_by": None}
        return {"told": found.text, "told_by": found.by}


def _find_types(content: Content, header: Path | None) -> _Types:
    known, problem, declared = None, None, Declarations()
    try:
        known = TypeInfo(content.path, content)
        brought = None if header is not None else known.brought(content.path)
        declared = declared if brought is None else brought.alone
    except (DeclarationError, FormatError) as error:
        # Nobody asked for this, and the file has more to tell.
        problem = str(error)
    if header is not None:
        declared = declare.read(header)
    return _Types(declared, problem, known)


def _report(plugin: str, found: ElfFacts, types: _Types) -> dict[str, Any]:
    """Return everything as JSON has it; its keys are part of the public interface."""
    declared, known = types.declared, types.known
    exported = {symbol.name for symbol in (*found.symbols, *found.runtime_symbols)}
    facts_of_file = dataclasses.asdict(found)
    del facts_of_file["symbols"], facts_of_file["runtime_symbols"]
    return {
        "path": plugin,
        **facts_of_file,
        "interface": str(known.interface) if known and known.interface else None,
        "declarations": {"origins": list(declared.origins), "problem": types.problem},
        "functions": [_entry(symbol, types) for symbol in found.functions],
        "variables": [_entry(symbol, types) for symbol in found.variables],
        "constants": dict(declared.constants),
        "not_exported": [
            {"name": name, **_declaration(declared, name)}
            for name in declared.symbols
            if name not in exported
        ],
        "runtime_symbols": [symbol.name for symbol in found.runtime_symbols],
    }


def _entry(symbol: ExportedSymbol, types: _Types) -> dict[str, Any]:
    name = symbol.name
    return {
        **dataclasses.asdict(symbol),
        **_declaration(types.declared, name),
        **types.told(name),
    }


def _declaration(declared: Declarations, name: str) -> dict[str, str | None]:
    found = declared.symbols.get(name)
    if found is None:
        return {"declaration": None, "place": None}
    return {"declaration": found.text, "place": found.place}


def _print(report: dict[str, Any]) -> None:
    out = console()
    out.print(table(report["path"], ("", ""), _describe_file(report)))
    for title, key in (("Functions", "functions"), ("Variables", "variables")):
        if report[key]:
            rows = [_describe(entry) for entry in report[key]]
            out.print(table(title, ("name", "declaration", "declared in", "told by"), rows))
    if report["not_exported"]:
        missing = [(e["name"], e["declaration"], e["place"]) for e in report["not_exported"]]
        out.print(table("Declared, not exported", ("name", "declaration", "declared in"), missing))
    if report["runtime_symbols"]:
        count = len(report["runtime_symbols"])
        out.print(f"and {count} symbols of the {report['language']} runtime (see --json)")


def _describe_file(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "kind", report["kind"]
    yield (
        "architecture",
        (f"{report['architecture']}, {report['word_size']} bit, {report['byte_order']}-endian"),
    )
    faults = [report["defect"]] if report["defect"] else report["missing"]
    yield "loadable here", f"no: {', '.join(faults)}" if faults else "yes"
    yield "language", report["language"] or _UNKNOWN
    yield "toolchain", report["toolchain"] or _UNKNOWN
    yield "build id", report["build_id"] or "none"
    for name in ("soname", "rpath", "runpath"):
        if report[name]:
            yield name, report[name]
    yield "needs", ", ".join(report["needed"]) or "no libraries"
    if report["flags"]:
        yield "flags", ", ".join(report["flags"])
    yield "interface", report["interface"] or "not told"
    declarations = report["declarations"]
    yield "declarations", declarations["problem"] or ", ".join(declarations["origins"]) or "none"


def _describe(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    marks = [entry["kind"]] if entry["kind"] in {"tls", "ifunc"} else []
    marks += ["weak"] if entry["weak"] else []
    marks += [f"version {entry['version']}"] if entry["version"] else []
    name = f"{entry['name']} ({', '.join(marks)})" if marks else entry["name"]
    declaration = entry["declaration"] or "not declared"
    told = _WHO[entry["told_by"]]
    if entry["told"] is not None and entry["told"].split() != declaration.split():
        told += f": {entry['told']}"
    return printable(name), declaration, entry["place"] or "", told
