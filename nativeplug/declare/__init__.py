"""C text -> Declarations."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from nativeplug.declare import cached, sources
from nativeplug.declare.cffi_types import RefusedTypeError, reason
from nativeplug.declare.declarations import (
    Declarations,
    FunctionDeclaration,
    Parameter,
    SymbolDeclaration,
    VariableDeclaration,
    usable,
)
from nativeplug.declare.places import ContradictionError, error_in
from nativeplug.declare.redeclare import Used, with_rest, without
from nativeplug.declare.sources import Source
from nativeplug.declare.unit import Line, TypeDeclaration, Unit, from_line
from nativeplug.errors import DeclarationError

if TYPE_CHECKING:
    from nativeplug.declare.preprocess import Prepared

__all__ = [
    "Declarations",
    "FunctionDeclaration",
    "Line",
    "Parameter",
    "SymbolDeclaration",
    "TypeDeclaration",
    "Used",
    "VariableDeclaration",
    "extend",
    "extend_anew",
    "find",
    "from_line",
    "read",
    "usable",
]

# What cffi says of more than a hundred FFIs that include each other.
_TOO_MANY = "recursion overflow in ffi.include()"


def read(declarations: str | os.PathLike[str]) -> Declarations:
    """
    Read the declarations that a caller gives.

    Args:
        declarations: A ``str`` is C text, an ``os.PathLike`` is a header file.

    Raises:
        DeclarationError: They cannot be read; with file, line and column.
        TypeError: *declarations* is neither.
    """
    return extend(Declarations(), sources.from_caller(declarations))


def find(plugin: str) -> Declarations | None:
    """
    Read the declarations found with a plugin's file: the header beside it.

    Returns:
        None when there is no such header.

    Raises:
        DeclarationError: There is one, and it cannot be read.
    """
    source = sources.beside(plugin)
    return None if source is None else extend(Declarations(), source)


def extend(base: Declarations, source: Source) -> Declarations:
    """
    Return *base* and what *source* declares after it.

    Raises:
        DeclarationError: *source* cannot be read, or contradicts *base*.
    """
    try:
        return _extend(base, source)
    except ContradictionError as contradiction:
        raise contradiction.error from None


def extend_anew(base: Declarations, source: Source, used: Used) -> Declarations:
    """
    Return *base* and what *source* declares after it, also otherwise than *base* does.

    Args:
        base: What was declared before.
        source: What is declared now.
        used: What may not be declared otherwise.

    Raises:
        DeclarationError: *source* cannot be read, or contradicts what was used.
    """
    try:
        return with_rest(_extend(base, source), base)
    except ContradictionError as contradiction:
        reason = used.find(contradiction)
        if reason is not None:
            raise contradiction.too_late(reason) from None
        less = without(base, contradiction)
    try:  # it may contradict that, too, in another way
        return with_rest(extend_anew(less, source, used), base)
    except RefusedTypeError as refusal:  # an earlier type, as types are now
        raise error_in(refusal.declaration.place, str(refusal)) from None


def _extend(base: Declarations, source: Source) -> Declarations:
    try:
        return base.plus(_read_after(base, source))
    except (RuntimeError, MemoryError) as error:
        raise DeclarationError(f"{source.name}: {_reason(error)}", file=source.name) from None


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply to be read"
    if isinstance(error, MemoryError):
        return "too large to be read: memory is full"
    if _TOO_MANY in str(error):
        return "types were added a hundred times, and cffi takes no more: restart the program"
    return reason(error)


def _read_after(base: Declarations, source: Source) -> Unit:
    """Return what *source* declares, read after *base*."""
    known = dict.fromkeys(base.types.values())
    key = cached.key_of(source.name, source.text, repr(base.constants), repr([*known]))
    unit = cached.load(key)
    if unit is None:  # or it depends on more than that
        from nativeplug.declare.preprocess import preprocess

        prepared = preprocess(source)
        parse = partial(_parse, prepared, source.name, base)
        if prepared.output is None:
            unit = cached.parse_and_keep(key, parse)
        else:
            unit = cached.load_or_parse(cached.key_of(key, prepared.output), parse)
    return unit


def _parse(prepared: Prepared, origin: str, base: Declarations) -> Unit:
    from nativeplug.declare.parsing import parse  # it imports pycparser

    try:
        return parse(prepared.finish(), origin, base)
    except DeclarationError:
        again = prepared.fallback()
        if again is None:
            raise
    return parse(again.finish(), origin, base)
