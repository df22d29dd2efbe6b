"""
Types as lines of JSON, each once: what is kept of thousands of symbols on disk.

A line names the types that it is made of by their numbers, and these stand before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nativeplug.abi.types import (
    Array,
    Enumeration,
    Field,
    FunctionType,
    Pointer,
    Record,
    Scalar,
    Type,
)

_COMPACT = (",", ":")


class TypeTable:
    """
    Types by number.

    Not safe to add to from several threads at once; safe to read from.
    """

    __slots__ = ("_added", "_made", "_numbers", "lines")

    def __init__(self, lines: Sequence[str] = ()) -> None:
        """Take lines as `lines` gives them."""
        #: The lines, each a text without a newline.
        self.lines = list(lines)
        self._numbers = {line: number for number, line in enumerate(self.lines)}
        self._made: dict[int, Type] = {}
        # By identity: a type that many are made of is looked at once.
        self._added: dict[int, tuple[int, Type]] = {}

    def add(self, type_: Type) -> int:
        """Add a type, if it is not there yet, and return its number."""
        if id(type_) not in self._added:
            line = json.dumps(self._plain(type_), separators=_COMPACT)
            if line not in self._numbers:
                self._numbers[line] = len(self.lines)
                self.lines.append(line)
            self._added[id(type_)] = self._numbers[line], type_
        return self._added[id(type_)][0]

    def __getitem__(self, number: int) -> Type:
        """
        Return a type.

        Raises:
            ValueError: There is none of that number, or its line is not one of ours.
        """
        if number not in self._made:
            try:
                self._made[number] = self._type(number)
            except (TypeError, LookupError, RecursionError) as error:
                raise ValueError(f"not a type: {error}") from None
        return self._made[number]

    def _plain(self, type_: Type) -> list[Any]:
        if isinstance(type_, Scalar):
            flags = type_.signed + 2 * type_.is_address
            return ["scalar", type_.kind, type_.size, flags, type_.name]
        if isinstance(type_, Enumeration):
            return ["enumeration", type_.size, type_.name]
        if isinstance(type_, Pointer):
            target = None if type_.target is None else self.add(type_.target)
            return ["pointer", target, type_.name]
        if isinstance(type_, Array):
            return ["array", self.add(type_.item), type_.length, type_.name]
        if isinstance(type_, FunctionType):
            taken = type_.parameters
            numbers = None if taken is None else [self.add(each) for each in taken]
            return ["function", self.add(type_.result), numbers, type_.is_variadic]
        fields = [
            [self.add(field.type), field.offset, field.bits, field.name] for field in type_.fields
        ]
        flags = type_.is_union + 2 * type_.is_transparent
        return ["record", type_.name, type_.size, type_.align, flags, fields]

    def _type(self, number: int) -> Type:
        kind, *rest = json.loads(self.lines[number])
        if kind == "record":
            return self._record(number, rest)
        if kind == "scalar":
            name, size, flags, text = rest
            return Scalar(name, size, bool(flags & 1), text, bool(flags & 2))
        if kind == "enumeration":
            return Enumeration(*rest)
        if kind == "pointer":
            target = None if rest[0] is None else self._earlier(number, rest[0])
            if target is not None and not isinstance(target, Record):
                raise ValueError("not a type: only records are pointed to")
            return Pointer(target, rest[1])
        if kind == "array":
            return Array(self._earlier(number, rest[0]), *rest[1:])
        if kind == "function":
            result, taken, is_variadic = rest
            parameters = (
                None if taken is None else tuple(self._earlier(number, each) for each in taken)
            )
            return FunctionType(self._earlier(number, result), parameters, is_variadic)
        raise ValueError(f"not a type: {kind!r}")

    def _record(self, number: int, parts: list[Any]) -> Record:
        name, size, align, flags, rows = parts
        fields = tuple(
            Field(self._earlier(number, kind), offset, bits and (bits[0], bits[1]), text)
            for kind, offset, bits, text in rows
        )
        return Record(name, size, align, fields, bool(flags & 1), bool(flags & 2))

    def _earlier(self, number: int, earlier: int) -> Type:
        """Return a type that another is made of, which cannot be made of that one in turn."""
        if not 0 <= earlier < number:
            raise ValueError(f"not a type: it is made of number {earlier}")
        return self[earlier]
