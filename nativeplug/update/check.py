"""What can be said against a new version of a plugin before anything of it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nativeplug.declare.sources import Source, beside
from nativeplug.errors import (
    InterfaceError,
    OpenError,
    OriginError,
    PluginError,
    SignatureMismatchError,
)
from nativeplug.interface import find_mismatch
from nativeplug.load.symbols import FUNCTIONS
from nativeplug.load.told import InterfaceVersion
from nativeplug.symbols import Given, Known, Loaded, Resolved
from nativeplug.update.admission import Admission
from nativeplug.update.handover import HOOKS

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
    admission: Admission,
    file: str,
    serving: Loaded,
    given: Given,
    resolved: Resolved,
    wanted: Iterable[InterfaceVersion],
) -> tuple[list[str], Source | None]:
    """
    Say why a version cannot serve what is in use, and which declarations it brings.

    Args:
        admission: The version.
        file: The path beside which a header may stand.
        serving: The one that serves.
        given: What is declared for that.
        resolved: What the program has looked up.
        wanted: The interfaces that it was opened as.
    """
    known, exports = admission.known, admission.content.file.exports
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
    known: Known, before: Known, given: Given, in_use: Iterable[str]
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


def find_faults_of_header(file: str, given: Given, resolved: Resolved) -> Iterator[str]:
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


def given_by(header: Source | None, before: Given, resolved: Resolved) -> Given:
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
