"""From what was read of a file to a loaded generation: every check, in its order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativeplug.declare.sources import Source, beside
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.elf.symbols import FUNCTIONS
from nativeplug.errors import (
    InterfaceError,
    OpenError,
    OriginError,
    PluginError,
    SignatureMismatchError,
)
from nativeplug.loader.files import Content
from nativeplug.loader.generation import Generation
from nativeplug.loader.loading import check_file, load_file
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime.binding import SymbolTable
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.handover import HOOKS
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.type_info import TypeInfo
from nativeplug.trust import OriginRequirements

if TYPE_CHECKING:
    from nativeplug.trust.verify import Verified

#: Raises what else stands against a content that may be loaded otherwise.
Veto = Callable[["Candidate"], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A file's content that may be loaded: nothing of it has run.

    All that is checked are the bytes that were read once, and that are mapped then.
    """

    path: str
    content: Content
    #: What was found of its origin, by each policy.
    verified: tuple[Verified, ...]
    #: What it tells of the types of its symbols, and of its interface.
    known: TypeInfo
    #: The only users that may be able to write where its private copy is made; None for any.
    trusted: frozenset[int] | None = None

    @classmethod
    def of(cls, path: str, content: Content, demands: OriginRequirements) -> Candidate:
        """
        Check a content.

        Args:
            path: The user's path, for words.
            content: What was read.
            demands: What is demanded of its origin.

        Raises:
            OriginError: It does not come from where it must.
            FormatError: It is no plugin for this process.
        """
        verified = demands.check(content)
        check_file(path, content)
        is_signed = any(each.key is not None for each in verified)
        known = TypeInfo(path, content, is_signed=is_signed)
        trusted = frozenset({0, os.geteuid()}) if demands.judge_files else None
        return cls(path, content, verified, known, trusted)

    def load(self, options: LoadOptions, *, probe: bool) -> Generation:
        """
        Load it; its constructors run.

        Args:
            options: How it is loaded.
            probe: Load it in a process of its own first, whatever the policy says.

        Raises:
            FormatError: That process died of it.
            OpenError: It cannot be loaded, or not be probed.
            OriginError: A newer version was accepted meanwhile.
        """
        return load_file(
            self.path,
            self.content,
            options,
            probe=probe or any(each.policy.probe for each in self.verified),
            trusted=self.trusted,
            ready=self._check_again,
        )

    def _check_again(self) -> None:
        for each in self.verified:
            each.check_again()

    def accept(self) -> None:
        """
        Note that it is loaded and serves: no older version is loaded after it.

        Raises:
            OriginError: That cannot be noted, or a newer version was accepted meanwhile.
        """
        for each in self.verified:
            each.accept()


def no_veto(_candidate: Candidate) -> None:
    """Have nothing against it."""


# What can be said against a new version of a plugin before anything of it runs.


#: What a file exports: names, each with its kind.
Exports = Mapping[str, str]


def reasons_of(error: Exception) -> tuple[str, ...]:
    """Return what stands against an update in the words of what was raised."""
    if isinstance(error, OriginError):
        return error.reasons
    if isinstance(error, InterfaceError):
        return error.findings
    return (error.reason if isinstance(error, OpenError) else str(error),)


def find_reasons(  # noqa: PLR0913, PLR0917 - all that serves
    candidate: Candidate,
    file: str,
    serving: Loaded,
    given: Declared,
    resolved: SymbolTable,
    wanted: Iterable[InterfaceVersion],
) -> tuple[list[str], Source | None]:
    """
    Say why a version cannot serve what is in use, and which declarations it brings.

    Args:
        candidate: The version.
        file: The path beside which a header may stand.
        serving: The one that serves.
        given: What is declared for that.
        resolved: What the program has looked up.
        wanted: The interfaces that it was opened as.
    """
    known, exports = candidate.known, candidate.content.file.exports
    changes = find_changes(serving.generation.exports, exports, resolved)
    hooks = find_changes(dict.fromkeys(HOOKS, "function"), exports, HOOKS & exports.keys())
    reasons = [*find_other_interfaces(known.interface, wanted), *changes.values(), *hooks.values()]
    source = None
    try:
        brought = known.brought(file) if given.brought else None
        source = None if brought is None else brought.source
        after = given_by(source, given, resolved)
        # What it lacks, or has as something else, was told already.
        reasons += _find_other_types(known, serving.known, after, resolved.keys() - changes.keys())
    except PluginError as error:
        reasons += reasons_of(error)
    return reasons, source


def _find_other_types(
    known: TypeInfo, before: TypeInfo, given: Declared, in_use: Iterable[str]
) -> Iterator[str]:
    """
    Say which symbols in use a version has otherwise than they are declared, or than before.

    Args:
        known: What is known of the version.
        before: What is known of the one that serves.
        given: What is declared for the version.
        in_use: What the program has looked up.
    """
    required, ffi = given.options.require_checked, given.declarations.ffi
    others = {}
    for name in in_use:
        try:
            known.check(given.declarations.lines[name], ffi, required=required)
        except SignatureMismatchError as error:  # noqa: PERF203 - it is about one of them
            others[name] = str(error)
    yield from (known.find_changes(before, in_use) | others).values()


def find_other_interfaces(
    told: InterfaceVersion | None, wanted: Iterable[InterfaceVersion]
) -> Iterator[str]:
    """Say which interfaces that a plugin was opened as a version does not have."""
    for version in wanted:
        from nativeplug.interface.versions import find_mismatch

        mismatch = find_mismatch(version, told)
        if mismatch is not None:
            yield mismatch


def find_changes(before: Exports, after: Exports, in_use: Iterable[str]) -> dict[str, str]:
    """Say what symbols that are in use have become in another file, where that matters."""
    changes = {}
    for name in in_use:
        if name not in before:  # what the file does not tell cannot be compared
            continue
        if name not in after:
            changes[name] = f"it does not export {name!r}, which is in use"
        elif (before[name] in FUNCTIONS) is not (after[name] in FUNCTIONS):
            kind = "function" if after[name] in FUNCTIONS else "variable"
            changes[name] = f"{name!r} is a {kind} in it"
    return changes


def find_faults_of_header(file: str, given: Declared, resolved: SymbolTable) -> Iterator[str]:
    """
    Say why the header beside a file could not be used.

    Args:
        file: The file, which is no plugin itself.
        given: What is declared for the one that serves.
        resolved: What the program has looked up.
    """
    try:
        given_by(beside(file) if given.brought else None, given, resolved)
    except PluginError as error:
        yield str(error)


def given_by(header: Source | None, before: Declared, resolved: SymbolTable) -> Declared:
    """
    Return what is declared for a new version.

    Args:
        header: The header that it brings; None for none.
        before: What is declared for the old one.
        resolved: What the program has looked up: that must be declared as it was.

    Raises:
        DeclarationError: It is not, a type has changed, or the header cannot be read.
    """
    if header is None or before.brought in {None, header}:
        return before
    return before.updated(header, {*resolved, *before.options.named()})
