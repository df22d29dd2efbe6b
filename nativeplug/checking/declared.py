"""What is checked of a plugin's declarations: each symbol against its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nativeplug import abi, declare, interface
from nativeplug.checking.report import Check, SymbolCheck, Verdict, judged, not_checked, ok
from nativeplug.declare import Declarations, Line
from nativeplug.declare.abi_types import abi_of
from nativeplug.elf.symbols import hint_missing
from nativeplug.errors import DeclarationError, InterfaceError, SignatureMismatchError
from nativeplug.interface import Interface
from nativeplug.loader.files import Content
from nativeplug.runtime.type_info import TypeInfo, TypeSource

_NONE: Final = "there are none: neither in the plugin, nor in a header beside it, nor by DWARF"
_UNTOLD: Final = "nobody tells them: build it with -g or by nativeplug.h"
_WHO: Final[dict[TypeSource | None, str]] = {
    "plugin": "the plugin itself",
    "dwarf": "its debug information",
    None: "nobody",
}


def check_declarations(types: TypeChecks, header: Path | None) -> tuple[Check, Declarations | None]:
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


def _read(types: TypeChecks, header: Path | None) -> Declarations | None:
    if header is not None:
        return declare.read(header)
    brought = types.known.brought(types.content.path)
    return None if brought is None else brought.alone


def check_symbols(types: TypeChecks, declared: Declarations) -> Iterator[SymbolCheck]:
    """Compare each declared symbol with what a plugin's file tells."""
    for name in declared.lines:
        yield _check_symbol(types, declared, name)


def _check_symbol(types: TypeChecks, declared: Declarations, name: str) -> SymbolCheck:
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


# What is checked of a plugin's types: what tells them, and whether they are an interface's.


#: Why nothing is compared with it.
OTHER_MACHINE: Final = "debug information of another machine is not compared"


@dataclass(frozen=True, slots=True)
class TypeChecks:
    """What a plugin's file tells of its types, and how strictly that is taken."""

    content: Content
    known: TypeInfo
    #: It is for another machine, whose types C's are not known of here.
    is_foreign: bool
    #: Nothing may be unknown.
    is_required: bool

    def check(self, line: Line, ffi: Any) -> TypeSource | None:
        """
        Compare a symbol's declaration with what is known of it; see `TypeInfo.check`.

        Raises:
            SignatureMismatchError: They differ.
        """
        known = self.known
        if self.is_foreign and (known.told is None or line[1] not in known.own.lines):
            known.check_kind(line, ffi)
            return None
        return known.check(line, ffi, required=self.is_required)

    def check_told(self) -> Check:
        """
        Check what the plugin tells of itself.

        Raises:
            DeclarationError: That cannot be read.
        """
        told = self.known.told
        if told is None:
            return not_checked("told", "it has no section .nativeplug")
        count = len(self.known.own.lines)
        named = f"interface '{told.interface}'; " if told.interface is not None else ""
        return ok("told", f"{named}{count} functions and variables")

    def check_debug(self) -> Check:
        """Check what the debug information tells."""
        debug, exports = self.known.debug, self.content.file.exports
        if debug.reason is not None:
            return not_checked("debug information", debug.reason)
        count = len(exports.keys() & {*debug.symbols})
        if not count:
            return not_checked("debug information", "there is none of what is exported")
        return ok("debug information", f"types of {count} of {len(exports)} exported symbols")

    def check_agreement(self) -> Check:
        """Check that the plugin and its debug information do not contradict each other."""
        if self.is_foreign:
            return not_checked("agreement", OTHER_MACHINE)
        if self.known.told is None or not self.known.debug.symbols:
            return not_checked("agreement", "not both tell of types: plugin and debug information")
        return judged("agreement", self._contradictions(), "what both tell is the same")

    def _contradictions(self) -> Iterator[str]:
        own, symbols = self.known.own, self.known.debug.symbols
        for name, line in own.lines.items():
            told, known = abi_of(own.ffi, line), symbols.get(name)
            if told is None or known is None:
                continue
            difference = abi.differ(told, known.type)
            if difference is not None:
                text = text_of(own, name)
                yield (
                    f"the plugin tells {text!r}, its debug information {known.text!r}: {difference}"
                )

    def check_interface(self, expected: type[Interface] | None) -> Check:
        """Check that the plugin is what is expected."""
        told = self.known.interface
        if expected is None:
            has = "it tells of none" if told is None else f"it tells of '{told}'"
            return Check("interface", "not asked for", (has,))
        with interface.telling_members(expected):
            alone = declare.extend(Declarations(), interface.source_of(expected))
        lines, path, file = alone.lines, self.content.path, self.content.file
        try:
            interface.check_file(
                expected, path, file, told, lambda member: self.check(lines[member], alone.ffi)
            )
        except InterfaceError as error:
            return Check("interface", "finding", error.findings)
        version = "does not tell its version" if told is None else f"tells of '{told}'"
        return ok("interface", f"it is a {expected.__qualname__!r}, and {version}")


def text_of(declared: Declarations, name: str) -> str:
    """Return a symbol's declaration, in one line."""
    return " ".join(declared.symbols[name].text.split())
