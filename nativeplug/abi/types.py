"""
Types as the ABI sees them: what a caller and a function must agree on, and no more.

Names are for messages and are not compared; `compare.differ` tells what agrees.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

#: How many bytes a pointer of this process has; a plugin's are as long, or it is not loaded.
POINTER_SIZE: Final = struct.calcsize("P")


def _name() -> str:
    return field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number, a truth value, or nothing at all."""

    #: ``void``, ``boolean``, ``integer``, ``float`` (IEEE 754), ``x87`` (its 80 bits, in 16
    #: bytes), ``bfloat``, ``decimal``, ``complex``, ``x87 complex`` or ``vector``.
    kind: str
    #: Its bytes.
    size: int
    #: It is an integer that may be negative.
    signed: bool = False
    #: How it is written in C.
    name: str = _name()
    #: It is ``intptr_t`` or ``uintptr_t``: an integer that may hold a pointer.
    is_address: bool = False


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An enumeration, of which the ABI sees an integer."""

    size: int
    name: str = _name()


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer to anything, also to a function; a C++ reference."""

    #: The record that it points to, where its members are known. Not within a record.
    target: Record | None = None
    name: str = _name()


@dataclass(frozen=True, slots=True)
class Array:
    """An array, which is a variable or in a record: a parameter is a pointer."""

    item: Type
    #: How many items; None where that is not told.
    length: int | None
    name: str = _name()


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a record."""

    type: Type
    #: Where it begins, in bytes.
    offset: int
    #: Of a bit-field: its first bit, counted from the record's first, and how many they are.
    bits: tuple[int, int] | None = None
    name: str = _name()


@dataclass(frozen=True, slots=True)
class Record:
    """A struct or union."""

    #: ``struct point``, ``union value``, or a typedef's name.
    name: str
    size: int
    align: int
    fields: tuple[Field, ...]
    is_union: bool = False
    #: It is Rust's and has one field: it may be passed as that (``repr(transparent)``).
    is_transparent: bool = False


@dataclass(frozen=True, slots=True)
class FunctionType:
    """The type of a function."""

    result: Type
    #: None where nothing is known of them: ``int f()`` of C before C23.
    parameters: tuple[Type, ...] | None
    is_variadic: bool = False


Type = Scalar | Enumeration | Pointer | Array | Record | FunctionType

#: No value.
VOID: Final = Scalar("void", 0, name="void")


def size_of(type_: Type) -> int:
    """Return how many bytes a type has; 0 for what is not told, as of a flexible array."""
    if isinstance(type_, Pointer):
        return POINTER_SIZE
    if isinstance(type_, Array):
        return size_of(type_.item) * (type_.length or 0)
    return 0 if isinstance(type_, FunctionType) else type_.size
