"""What is checked of a plugin's types: what tells them, and whether they are an interface's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nativeplug import abi, declare, interface
from nativeplug.checking.report import Check, judged, not_checked, ok
from nativeplug.declare import Declarations, Line, abi_of
from nativeplug.errors import InterfaceError
from nativeplug.interface import Interface
from nativeplug.load.content import Content
from nativeplug.symbols import By, Known

#: Why nothing is compared with it.
OTHER_MACHINE: Final = "debug information of another machine is not compared"


@dataclass(frozen=True, slots=True)
class Types:
    """What a plugin's file tells of its types, and how strictly that is taken."""

    content: Content
    known: Known
    #: It is for another machine, whose types C's are not known of here.
    is_foreign: bool
    #: Nothing may be unknown.
    is_required: bool

    def check(self, line: Line, ffi: Any) -> By | None:
        """
        Compare a symbol's declaration with what is known of it; see `Known.check`.

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
