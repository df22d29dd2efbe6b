"""Declaring anew what nobody has used: a text that contradicts an earlier one takes its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nativeplug.declare.cffi_types import compile_types
from nativeplug.declare.declarations import Declarations
from nativeplug.declare.places import ContradictionError
from nativeplug.declare.unit import Lines, TypeDeclaration, Unit

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Used:
    """What a program has used of its declarations, which therefore stay as they are."""

    #: The functions and variables that were looked up.
    symbols: Collection[str]
    #: The constants that were read.
    constants: Collection[str]
    #: Values of declared types may exist.
    types: bool

    def find(self, error: ContradictionError) -> str | None:
        """Say what of a contradiction was used, and how; None when nothing was."""
        for names, used, how in (
            (error.symbols, self.symbols, "looked up"),
            (error.constants, self.constants, "read"),
        ):
            name = next((name for name in names if name in used), None)
            if name is not None:
                return f"{name!r} was {how} before"
        return "values of the plugin's types may exist" if error.types and self.types else None


def without(base: Declarations, error: ContradictionError) -> Declarations:
    """Return declarations without those that a contradiction is about."""
    kept = base.copy()
    kept.lines = Lines.of(line for name, line in base.lines.items() if name not in error.symbols)
    kept.constants = {
        name: value for name, value in base.constants.items() if name not in error.constants
    }
    if error.types:
        gone = _with_dependents(base.types.values(), error.types)
        types = [each for each in dict.fromkeys(base.types.values()) if each not in gone]
        rebuilt = _add_types(Declarations(), types)  # no FFI forgets a type
        kept.types, kept.ffi, kept.types_ffi = rebuilt.types, rebuilt.ffi, rebuilt.types_ffi
    return kept


def with_rest(whole: Declarations, base: Declarations) -> Declarations:
    """Return declarations with the types that they lost because others depended on each other."""
    rest = [
        each
        for each in dict.fromkeys(base.types.values())
        if not any(name in whole.types for name in each.names)
    ]
    return _add_types(whole, rest) if rest else whole


def _add_types(base: Declarations, types: list[TypeDeclaration]) -> Declarations:
    literals = compile_types(dict.fromkeys(base.types.values()), types, {})
    added = base.plus(Unit("", Lines.of([]), types, literals))
    added.origins = base.origins
    return added


def _with_dependents(
    types: Iterable[TypeDeclaration], names: Collection[str]
) -> set[TypeDeclaration]:
    """Return the types of some names, and those whose text mentions one of them."""
    words = set(_last_words(names))
    found: set[TypeDeclaration] = set()
    for each in dict.fromkeys(types):  # a type comes after those that it uses
        if not words.isdisjoint(_WORD.findall(each.text)):
            found.add(each)
            words.update(_last_words(each.names))
    return found


def _last_words(names: Iterable[str]) -> Iterator[str]:
    """Iterate over names without ``struct`` and the like."""
    return (name.split()[-1] for name in names)
