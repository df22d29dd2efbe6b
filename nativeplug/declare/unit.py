"""A unit: what one C text declares, as plain data that can be kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nativeplug._util import diskcache

_COMPACT = (",", ":")

#: The declaration of a function or variable as plain data, as JSON has it.
Row = list[Any]
#: A row begins with its kind, name, text and cffi type, and ends with its place and with what
#: keeps it from being served.
KIND, NAME, TEXT, CTYPE, PLACE, PROBLEM = 0, 1, 2, 3, -2, -1
FUNCTION, VARIABLE = "function", "variable"

#: What is kept of a row: its pattern, which many rows share; its name; its line and column.
Line = tuple[str, str, str]


def to_line(row: Row) -> Line:
    """
    Return what is kept of a row.

    A program may declare ten thousand functions, most of them alike, of which it calls three:
    a line is taken apart when its symbol is used. What is known of one symbol (a call plan,
    say) holds for all of its pattern.
    """
    kind, name, text, *rest, place, problem = row
    before, _, after = text.partition(name)
    file, number, column = place.rsplit(":", 2)
    pattern = json.dumps([kind, before, after, *rest, file, problem], separators=_COMPACT)
    return pattern, name, f"{number}:{column}"


def from_line(line: Line) -> Row:
    """Return the row of a line."""
    pattern, name, place = line
    kind, before, after, *rest, file, problem = json.loads(pattern)
    return [kind, name, f"{before}{name}{after}", *rest, f"{file}:{place}", problem]


def is_function(line: Line) -> bool:
    """Tell whether a line is a function's."""
    return line[0].startswith(f'["{FUNCTION}"')


class Lines(diskcache.Rows[Line]):
    """The lines of functions and variables by name."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: list[str], text: str) -> None:
        """
        Take lines as `parts` gives them.

        Args:
            patterns: The patterns, each once.
            text: A newline, and of each line its name, its pattern's number and its place;
                a tab between them, a newline after them.
        """
        super().__init__(text)
        self._patterns = patterns

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Lines:
        """Put lines together."""
        numbers: dict[str, int] = {}
        texts = [
            f"{name}\t{numbers.setdefault(pattern, len(numbers))}\t{place}\n"
            for pattern, name, place in lines
        ]
        return cls([*numbers], f"\n{''.join(texts)}")

    def _cut(self, row: str) -> Line:
        name, number, place = row.split("\t")
        return self._patterns[int(number)], name, place

    def __repr__(self) -> str:
        """Show the lines."""
        return f"Lines.of({[*self.values()]!r})"

    def __or__(self, more: Lines) -> Lines:
        """Return these lines and *more*."""
        return Lines.of({**self, **more}.values()) if self else more

    def parts(self) -> tuple[list[str], str]:
        """Return what another such object can be made of; no pattern has a newline."""
        return self._patterns, self._text


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
        types = [[list(each.names), each.text, each.place, each.packed] for each in self.types]
        patterns, text = self.symbols.parts()
        head = json.dumps([self.origin, types, _to_json(self.ffi)], separators=_COMPACT)
        return "\n".join([head, *patterns, text]).encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Unit:
        """
        Return the unit that `to_bytes` wrote.

        Raises:
            ValueError: It did not write that.
        """
        try:
            text = str(data, "utf-8", "surrogatepass")
            end = text.index("\n\n")
            head, *patterns = text[:end].split("\n")
            origin, rows, ffi = json.loads(head)
            types = [TypeDeclaration(tuple(names), *rest) for names, *rest in rows]
            lines = Lines(patterns, text[end + 1 :])
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
