"""What was found of a plugin's file, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from nativeplug.elf.hardening import WANTED
from nativeplug.interface import Interface
from nativeplug.runtime.type_info import TypeSource
from nativeplug.trust import OriginRequirements

#: What comes of a check: "not checked" could not be, "not asked for" would have been on demand.
Verdict = Literal["ok", "finding", "not checked", "not asked for"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and what came of it."""

    name: str
    verdict: Verdict
    #: What was found, or why nothing was looked for; one text for each finding.
    texts: tuple[str, ...]
    #: Where in the file it was found, in bytes; None where it is not in one place.
    offset: int | None = None


def ok(name: str, *texts: str) -> Check:
    """Return a check that found nothing."""
    return Check(name, "ok", texts)


def not_checked(name: str, why: str) -> Check:
    """Return a check that could not be made."""
    return Check(name, "not checked", (why,))


def judged(name: str, findings: Iterable[str], otherwise: str) -> Check:
    """Return a check with its findings; where there are none, *otherwise* is what is said."""
    texts = tuple(findings)
    return Check(name, "finding", texts) if texts else ok(name, otherwise)


@dataclass(frozen=True, slots=True)
class SymbolCheck:
    """One declared symbol, and what came of comparing it with the file."""

    name: str
    verdict: Verdict
    #: Its declaration in C, and where that is.
    declared: str
    place: str
    #: Who has told its type: the plugin, or its debug information; None for nobody.
    by: TypeSource | None = None
    #: How the file has it, where that is something else; None where it is not known.
    known: str | None = None
    #: What is wrong, or why nothing was compared.
    text: str = ""
    #: The file exports it.
    is_exported: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a plugin's file."""

    path: str
    sha256: str
    #: In the order in which a file passes them.
    checks: tuple[Check, ...]
    #: The declared symbols.
    symbols: tuple[SymbolCheck, ...]
    #: What is exported and not declared.
    undeclared: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that stands against it."""
        found = (check.texts for check in self.checks if check.verdict == "finding")
        return tuple(text for texts in found for text in texts)


# What a check of a plugin's file is asked for.


#: That nobody else can write to the directories in which it looks for libraries.
SEARCH_PATH: Final = "search_path"
#: What can be wanted of a file's protection.
HARDENING: Final = (*WANTED, SEARCH_PATH)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What a check is asked for."""

    #: The header that declares the plugin's symbols; None for what is found with the plugin.
    declarations: Path | None = None
    #: What the plugin must be.
    interface: type[Interface] | None = None
    #: What is demanded of its origin, but for its hardening.
    demands: OriginRequirements = field(default_factory=OriginRequirements)
    #: Of `HARDENING`, what it must have.
    hardening: frozenset[str] = frozenset()
    #: The types of all declared symbols must be known.
    require_checked: bool = False
    #: It is loaded, in a process of its own.
    probe: bool = False
