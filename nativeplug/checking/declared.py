"""What is checked of a plugin's declarations: each symbol against its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nativeplug import declare
from nativeplug.checking.report import Check, SymbolCheck, Verdict, judged, not_checked, ok
from nativeplug.checking.types import OTHER_MACHINE, Types, text_of
from nativeplug.declare import Declarations
from nativeplug.errors import DeclarationError, SignatureMismatchError
from nativeplug.load.symbols import hint_missing
from nativeplug.symbols import By

_NONE: Final = "there are none: neither in the plugin, nor in a header beside it, nor by DWARF"
_UNTOLD: Final = "nobody tells them: build it with -g or by nativeplug.h"
_WHO: Final[dict[By | None, str]] = {
    "plugin": "the plugin itself",
    "dwarf": "its debug information",
    None: "nobody",
}


def check_declarations(types: Types, header: Path | None) -> tuple[Check, Declarations | None]:
    """
    Read what is declared for a plugin.

    Args:
        types: What its file tells.
        header: What declares its symbols; None for what is found with the plugin.
    """
    try:
        declared = _read(types, header)
    except DeclarationError as error:
        return Check("declarations", "finding", (str(error),)), None
    if declared is None:
        return not_checked("declarations", _NONE), None
    text = f"{len(declared.lines)} functions and variables in {', '.join(declared.origins)}"
    return ok("declarations", text), declared


def _read(types: Types, header: Path | None) -> Declarations | None:
    if header is not None:
        return declare.read(header)
    brought = types.known.brought(types.content.path)
    return None if brought is None else brought.alone


def check_symbols(types: Types, declared: Declarations) -> Iterator[SymbolCheck]:
    """Compare each declared symbol with what a plugin's file tells."""
    for name in declared.lines:
        yield _check_symbol(types, declared, name)


def _check_symbol(types: Types, declared: Declarations, name: str) -> SymbolCheck:
    symbol, text = declared.symbols[name], text_of(declared, name)
    file = types.content.file
    kind = file.exports.get(name)
    if kind is None:
        hint = hint_missing(name, file.exports, is_rust=file.is_rust)
        why = f"{name!r} is declared, and not exported{hint}"
        return SymbolCheck(name, "finding", text, symbol.place, text=why, is_exported=False)
    try:
        by = types.check(declared.lines[name], declared.ffi)
    except SignatureMismatchError as error:
        return SymbolCheck(name, "finding", text, symbol.place, known=error.known, text=str(error))
    problem = "it is a variable of each thread" if kind == "tls" else symbol.problem
    why = "" if problem is None else f"it cannot be used: {problem}"
    verdict: Verdict = "not checked" if by is None or problem is not None else "ok"
    return SymbolCheck(name, verdict, text, symbol.place, by, text=why)


def check_exports(symbols: Sequence[SymbolCheck], hint: str = "") -> Check:
    """Check that what is declared is exported; *hint* says what else there is to know."""
    findings = (each.text for each in symbols if not each.is_exported)
    return judged("exports", findings, f"all that is declared is exported{hint}")


def check_types(symbols: Sequence[SymbolCheck], *, is_foreign: bool) -> Check:
    """Check that what is declared is of the types that are known."""
    exported = [each for each in symbols if each.is_exported]
    counts = Counter(each.by for each in exported)
    mismatches = [each.text for each in exported if each.verdict == "finding"]
    if not mismatches and not counts["plugin"] + counts["dwarf"]:
        return not_checked("types", OTHER_MACHINE if is_foreign else _UNTOLD)
    told = ", ".join(f"{counts[by]} by {who}" for by, who in _WHO.items() if counts[by])
    return judged("types", mismatches, f"as they are told: {told}")
