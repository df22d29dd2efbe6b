"""A unit: what one C text declares, as plain data that can be kept on disk."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_COMPACT = (",", ":")

#: The declaration of a function or variable as plain data, as JSON has it.
Row = list[Any]
#: A row begins with its kind, name, text and cffi type, and ends with its place and with what
#: keeps it from being served.
KIND, NAME, TEXT, CTYPE, PLACE, PROBLEM = 0, 1, 2, 3, -2, -1
FUNCTION, VARIABLE = "function", "variable"
#: A function's row has its prototype here.
PROTOTYPE = -3


def to_line(row: Row) -> str:
    """
    Return a row as the line of text that is kept of it.

    A program may declare ten thousand functions of which it calls three: a line is taken apart
    when its symbol is used. Until then only its beginning is looked at, see `prototype_of`.
    """
    served = row[KIND] == FUNCTION and row[PROBLEM] is None
    prototype = " ".join(row[PROTOTYPE].split()) if served else ""
    return f"{prototype}\t{json.dumps(row, separators=_COMPACT)}"


def from_line(line: str) -> Row:
    """Return the row of a line."""
    row: Row = json.loads(line[line.index("\t") :])
    return row


def prototype_of(line: str) -> str:
    """Return what functions have in common that are called alike; "" of what is not served."""
    return line[: line.index("\t")]


class Lines(Mapping[str, str]):
    """
    The lines of functions and variables by name, in one text, cut out of it when asked for.

    Immutable.
    """

    __slots__ = ("_base", "_starts", "_text")

    def __init__(self, text: str, base: int, starts: dict[str, int]) -> None:
        """*text* has, *base* characters behind each of *starts*, a line that ends there."""
        self._text = text
        self._base = base
        self._starts = starts

    @classmethod
    def of(cls, lines: Mapping[str, str]) -> Lines:
        """Put lines together."""
        ends = itertools.accumulate(len(line) + 1 for line in lines.values())
        starts = dict(zip(lines, itertools.chain([0], ends), strict=False))
        return cls("".join(f"{line}\n" for line in lines.values()), 0, starts)

    def __getitem__(self, name: str) -> str:
        """Return the line of *name*; KeyError when there is none."""
        start = self._base + self._starts[name]
        return self._text[start : self._text.index("\n", start)]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a line of *name*."""
        return name in self._starts

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._starts)

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._starts)

    def __repr__(self) -> str:
        """Show the lines."""
        return f"Lines.of({dict(self)!r})"

    def __or__(self, more: Lines) -> Lines:
        """Return these lines and *more*."""
        return Lines.of({**self, **more}) if self and more else more or self

    def parts(self) -> tuple[dict[str, int], str]:
        """Return what another such object can be made of."""
        return self._starts, self._text[self._base :]


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
    #: The functions and variables by name, each as a line (see `to_line`).
    symbols: Lines
    #: The types, in an order in which C takes them.
    types: list[TypeDeclaration]
    #: The types and constants as cffi compiled them (see `cffitypes`).
    ffi: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Return the unit as lines of JSON, which say nothing that could be executed."""
        types = [[list(kept.names), kept.text, kept.place, kept.packed] for kept in self.types]
        starts, text = self.symbols.parts()
        head = json.dumps([self.origin, starts, types, _to_json(self.ffi)], separators=_COMPACT)
        return f"{head}\n{text}".encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, data: bytes) -> Unit:
        """
        Return the unit that `to_bytes` wrote.

        Raises:
            ValueError: It did not write that.
        """
        try:
            text = data.decode("utf-8", "surrogatepass")
            (origin, starts, rows, ffi), end = json.JSONDecoder().raw_decode(text)
            types = [TypeDeclaration(tuple(names), *rest) for names, *rest in rows]
            lines = Lines(text, end + 1, {**starts})
            return cls(origin, lines, types, {name: _from_json(ffi[name]) for name in ffi})
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
