"""C text -> Declarations."""

from __future__ import annotations

import os
from functools import partial

from nativeplug.declare import compiled, sources
from nativeplug.declare.abitypes import abi_of
from nativeplug.declare.declarations import (
    Declarations,
    FunctionDeclaration,
    Parameter,
    SymbolDeclaration,
    VariableDeclaration,
    served,
)
from nativeplug.declare.preprocess import Prepared, preprocess
from nativeplug.declare.sources import Source
from nativeplug.declare.unit import Line, TypeDeclaration, Unit, from_line
from nativeplug.errors import DeclarationError

__all__ = [
    "Declarations",
    "FunctionDeclaration",
    "Line",
    "Parameter",
    "SymbolDeclaration",
    "TypeDeclaration",
    "VariableDeclaration",
    "abi_of",
    "extend",
    "find",
    "from_line",
    "read",
    "served",
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
        return base.plus(_read_after(base, source))
    except RuntimeError as error:
        if _TOO_MANY not in str(error):
            raise
        raise DeclarationError(
            f"{source.name}: types were added a hundred times, and cffi takes no more: restart the "
            "program",
            file=source.name,
        ) from None


def _read_after(base: Declarations, source: Source) -> Unit:
    """Return what *source* declares, read after *base*."""
    known = dict.fromkeys(base.types.values())
    key = compiled.key_of(source.name, source.text, repr(base.constants), repr([*known]))
    unit = compiled.load(key)
    if unit is None:  # or it depends on more than that
        prepared = preprocess(source)
        parse = partial(_parse, prepared, source.name, base)
        if prepared.output is None:
            unit = compiled.parse_and_keep(key, parse)
        else:
            unit = compiled.load_or_parse(compiled.key_of(key, prepared.output), parse)
    return unit


def _parse(prepared: Prepared, origin: str, base: Declarations) -> Unit:
    from nativeplug.declare.ctext import parse  # it imports pycparser

    try:
        return parse(prepared.finish(), origin, base)
    except DeclarationError:
        again = prepared.fallback()
        if again is None:
            raise
    except RecursionError:
        raise DeclarationError(f"{origin}: nested too deeply to be read", file=origin) from None
    return parse(again.finish(), origin, base)
