"""A unit: what one C text declares, as plain data that can be kept on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: The declaration of a function or variable as plain data, as JSON has it.
Row = list[Any]
#: A row begins with its kind, name, text and cffi type, and ends with its place and with what
#: keeps it from being served.
KIND, NAME, TEXT, CTYPE, PLACE, PROBLEM = 0, 1, 2, 3, -2, -1
FUNCTION, VARIABLE = "function", "variable"


@dataclass(frozen=True, slots=True)
class TypeDeclaration:
    """A declared struct, union, enum or typedef."""

    #: What it declares, itself first: ``struct Options``, ``typedef Options``.
    names: tuple[str, ...]
    #: Its C text, without the semicolon.
    text: str
    #: Where it is declared: ``file:line:column``.
    place: str
    #: Its members follow each other without gaps.
    packed: bool = False

    def says_the_same(self, other: TypeDeclaration) -> bool:
        """Tell whether both give the type the same members."""
        return (self.text, self.packed) == (other.text, other.packed)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one C text declares."""

    #: The text's name: a header's path, or ``<declarations>``.
    origin: str
    #: The functions and variables by name.
    symbols: dict[str, Row]
    #: The types, in an order in which C takes them.
    types: list[TypeDeclaration]
    #: The types and constants as cffi compiled them (see `cffitypes`).
    ffi: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Return the unit as JSON, which says nothing that could be executed."""
        types = [[list(kept.names), kept.text, kept.place, kept.packed] for kept in self.types]
        whole = [self.origin, self.symbols, types, _to_json(self.ffi)]
        return json.dumps(whole, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Unit:
        """
        Return the unit that `to_bytes` wrote.

        Raises:
            ValueError: It did not write that.
        """
        try:
            origin, symbols, rows, ffi = json.loads(data)
            types = [TypeDeclaration(tuple(names), *rest) for names, *rest in rows]
            return cls(origin, {**symbols}, types, {name: _from_json(ffi[name]) for name in ffi})
        except (TypeError, LookupError, RecursionError) as error:
            raise ValueError(f"not a unit: {error}") from None


def _to_json(value: Any) -> Any:
    """Turn bytes into text (Latin-1 has one character for each byte) and keep the rest."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: _to_json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    return value
