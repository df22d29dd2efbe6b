"""What can be said against a new version of a plugin before anything of it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nativeplug.declare.sources import Source
from nativeplug.load.content import Content
from nativeplug.load.symbols import FUNCTIONS
from nativeplug.symbols import Given, Resolved
from nativeplug.update.handover import HOOKS

#: What a file exports: names, each with its kind.
Exports = Mapping[str, str]


def find_defects(content: Content, before: Exports, in_use: Iterable[str]) -> Iterator[str]:
    """
    Say why a file cannot take the place of the one that serves, a reason each.

    Args:
        content: The file.
        before: What the one that serves exports.
        in_use: What the program has looked up.
    """
    found = content.file.exports
    yield from find_changes(before, found, in_use).values()
    yield from find_changes(dict.fromkeys(HOOKS, "function"), found, HOOKS & found.keys()).values()


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
