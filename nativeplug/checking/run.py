"""check(): everything that can be said against a plugin's file, in the order of its way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nativeplug.checking import binary, declared
from nativeplug.checking.declared import TypeChecks
from nativeplug.checking.report import (
    HARDENING,
    Check,
    CheckOptions,
    Report,
    SymbolCheck,
    judged,
    not_checked,
)
from nativeplug.declare import Declarations
from nativeplug.elf import elffile
from nativeplug.elf.symbols import hint_none
from nativeplug.errors import DeclarationError, FormatError, OriginError
from nativeplug.loader.files import Content
from nativeplug.runtime.type_info import TypeInfo
from nativeplug.trust.comment import written
from nativeplug.trust.verify import Verified

# The checks of what is in a plugin, in their order.
_INSIDE: Final = (
    *binary.LINKING,
    *map(binary.hardening_title, HARDENING),
    binary.FLOATS,
    *("told", "debug information", "agreement", "declarations", "exports", "types", "interface"),
)


def check(content: Content, wanted: CheckOptions) -> Report:
    """
    Check a plugin's file, as far as can be; nothing of it runs, unless a probe is wanted.

    Files for other machines are checked, too, but for the types that debug information tells.

    Args:
        content: What was read of it.
        wanted: What is asked for.

    Raises:
        DeclarationError: The interface that is wanted cannot be read.
    """
    return _Checking(content, wanted).run()


class _Checking:
    """One check of a file, under way."""

    def __init__(self, content: Content, wanted: CheckOptions) -> None:
        self.content = content
        self.wanted = wanted
        self.checks: list[Check] = []
        self.symbols: tuple[SymbolCheck, ...] = ()
        self.undeclared: tuple[str, ...] = ()
        self.verified: tuple[Verified, ...] = ()

    def run(self) -> Report:
        content = self.content
        self.checks.append(self._origin())
        self.checks += binary.check_structure(content.data)
        if self._is_plugin():
            self.checks += binary.check_linking(content)
            self.checks += binary.check_hardening(content, self.wanted.hardening)
            self.checks.append(binary.check_floats(content.data))
            self._check_types()
        else:
            self._give_up("it is no plugin, or too little of one")
        self.checks.append(self._probe())
        return Report(
            content.path, content.sha256, tuple(self.checks), self.symbols, self.undeclared
        )

    def _origin(self) -> Check:
        demands = self.wanted.demands
        if demands.are_none:
            return Check("origin", "not asked for", ("nothing is demanded of it",))
        try:
            self.verified = demands.check(self.content)
        except OriginError as error:
            return judged("origin", error.reasons, "")
        told = [words for each in self.verified for words in _describe(each)]
        return judged("origin", [], ", ".join(told) or "as it is demanded")

    def _is_plugin(self) -> bool:
        """Tell whether there is anything to look at; of a damaged file there may be."""
        is_sound = all(
            each.verdict != "finding" for each in self.checks if each.name == "structure"
        )
        return is_sound or bool(self.content.file.exports)

    def _give_up(self, why: str) -> None:
        """Note that none of the checks of what is in a plugin is made that were not yet."""
        made = {check.name for check in self.checks}
        self.checks += [not_checked(name, why) for name in _INSIDE if name not in made]

    def _check_types(self) -> None:
        content, is_signed = self.content, any(each.key for each in self.verified)
        try:
            known = TypeInfo(content.path, content, is_signed=is_signed)
            target = elffile.Target.of(content.data)
            is_foreign = target != elffile.host_target()
            types = TypeChecks(content, known, is_foreign, self.wanted.require_checked)
            self.checks.append(types.check_told())
        except FormatError as error:
            self.checks.append(Check("told", "finding", (error.reason,), error.offset))
        except DeclarationError as error:
            self.checks.append(judged("told", [str(error)], ""))
        else:
            self.checks += self._inside(types)
            return
        self._give_up("what it tells of itself cannot be read")

    def _inside(self, types: TypeChecks) -> Iterator[Check]:
        yield types.check_debug()
        yield types.check_agreement()
        found, declarations = declared.check_declarations(types, self.wanted.declarations)
        yield found
        lines = Declarations().lines if declarations is None else declarations.lines
        exported = self.content.file
        self.undeclared = tuple(sorted(exported.exports.keys() - lines.keys()))
        hint = hint_none(exported.exports, is_rust=exported.is_rust)
        if declarations is None or not lines:
            yield not_checked("exports", f"nothing is declared{hint}")
            yield not_checked("types", "nothing is declared")
        else:
            self.symbols = tuple(declared.check_symbols(types, declarations))
            yield declared.check_exports(self.symbols, hint)
            yield declared.check_types(self.symbols, is_foreign=types.is_foreign)
        yield types.check_interface(self.wanted.interface)

    def _probe(self) -> Check:
        if not self.wanted.probe:
            return Check("probe", "not asked for", ("loading it would run its constructors",))
        if self.checks[0].verdict == "finding":
            return not_checked("probe", "it does not come from where it must")
        return binary.check_loading(self.content)


def _describe(verified: Verified) -> Iterator[str]:
    """Say what is signed."""
    if verified.key is not None:
        yield f"signed by the key {verified.key}"
    if verified.version is not None:
        yield f"version {verified.version}"
    if verified.expires is not None:
        yield f"good until {written(verified.expires)}"
