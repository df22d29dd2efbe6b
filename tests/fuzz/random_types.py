"""
Random C types, and others in their place that the ABI tells from them.

See `edits`, which makes prototypes of them.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

_MOST_FIELDS = 5
# What the ABI sees of a type, where that is not an integer's size and sign.
_POINTER, _ENUM = ("pointer", 8, False), ("enum", 4, False)
_ADDRESSES = {"intptr_t", "uintptr_t"}
_CHAR_IS_SIGNED = platform.machine() == "x86_64"


@dataclass(frozen=True)
class Scalar:
    """A type without members."""

    name: str
    #: Its class, size and sign.
    seen: tuple[str, int, bool]

    def declare(self, name: str) -> str:
        """Return the declaration of something of the type."""
        if "(*)" in self.name:
            return self.name.replace("(*)", f"(*{name})")
        return f"{self.name} {name}"

    @property
    def records(self) -> Iterator[Record]:
        """The records whose definitions it needs."""
        return iter(())


@dataclass(frozen=True)
class Field:
    """A member of a record."""

    type: Scalar | Record
    length: int | None = None
    bits: int | None = None

    def declare(self, name: str) -> str:
        """Return its declaration."""
        array = "" if self.length is None else f"[{self.length}]"
        bits = "" if self.bits is None else f" : {self.bits}"
        return f"{self.type.declare(name)}{array}{bits};"


@dataclass(frozen=True)
class Record:
    """A struct or union, by value or behind a pointer."""

    name: str
    fields: tuple[Field, ...]
    is_pointer: bool = False
    #: What its members are called, by their numbers.
    named: str = field(default="m{}", compare=False)

    def declare(self, name: str) -> str:
        """Return the declaration of something of the type."""
        return f"{self.name} {'*' if self.is_pointer else ''}{name}"

    @property
    def is_union(self) -> bool:
        """Whether its members lie over each other."""
        return self.name.startswith("union ")

    @property
    def records(self) -> Iterator[Record]:
        """The records whose definitions it needs, itself last."""
        for each in self.fields:
            yield from each.type.records
        yield self

    def definition(self) -> str:
        """Return its definition."""
        names = map(self.named.format, range(len(self.fields)))
        members = (each.declare(name) for each, name in zip(self.fields, names, strict=True))
        return f"{self.name} {{ {' '.join(members)} }};\n"


Type = Scalar | Record


def _integers() -> Iterator[Scalar]:
    sizes = {"signed char": 1, "short": 2, "int": 4, "long": 8, "long long": 8}
    for name, size in sizes.items():
        yield Scalar(name, ("integer", size, True))
        yield Scalar(f"unsigned {name.removeprefix('signed ')}", ("integer", size, False))
    for bits in (8, 16, 32, 64):
        yield Scalar(f"int{bits}_t", ("integer", bits // 8, True))
        yield Scalar(f"uint{bits}_t", ("integer", bits // 8, False))
    yield Scalar("char", ("integer", 1, _CHAR_IS_SIGNED))
    yield Scalar("size_t", ("integer", 8, False))
    yield Scalar("intptr_t", ("integer", 8, True))
    yield Scalar("uintptr_t", ("integer", 8, False))


VOID = Scalar("void", ("void", 0, False))
INTEGERS = tuple(_integers())
SCALARS = (
    *INTEGERS,
    Scalar("_Bool", ("boolean", 1, False)),
    Scalar("float", ("floating", 4, False)),
    Scalar("double", ("floating", 8, False)),
    Scalar("long double", ("floating", 16, False)),
    Scalar("float _Complex", ("complex", 8, False)),
    Scalar("enum shade", _ENUM),
    Scalar("void *", _POINTER),
    Scalar("const char *", _POINTER),
    Scalar("double *", _POINTER),
    Scalar("struct opaque *", _POINTER),
    Scalar("int (*)(int)", _POINTER),
)
# What there are arrays of; the last is a pointer to a function.
_ITEMS = SCALARS[:-1]
_BIT_FIELDS = tuple(each for each in INTEGERS if each.name in {"int", "unsigned int", "uint8_t"})


def random_type(rng: random.Random, tag: str) -> Type:
    """Return a random type; a record's tag ends in *tag*."""
    if rng.random() < 2 / 3:
        return rng.choice(SCALARS)
    is_union = rng.random() < 1 / 4
    record = _random_record(rng, f"{'union u' if is_union else 'struct s'}{tag}")
    return replace(record, is_pointer=rng.random() < 1 / 3)


def _random_record(rng: random.Random, name: str, *, nested: bool = True) -> Record:
    if name.startswith("union "):
        return Record(name, tuple(Field(each) for each in _distinct(rng)))
    fields = []
    for index in range(rng.randint(1, _MOST_FIELDS)):
        chance = rng.random()
        if chance < 1 / 8 and nested:
            inner = _random_record(rng, f"{name}_{index}", nested=False)
            fields.append(Field(inner))
        elif chance < 1 / 4:
            fields.append(Field(rng.choice(_ITEMS), rng.randint(1, 4)))
        elif chance < 3 / 8:
            fields.append(Field(rng.choice(_BIT_FIELDS), None, rng.randint(1, 8)))
        else:
            fields.append(Field(rng.choice(SCALARS)))
    return Record(name, tuple(fields))


def _distinct(rng: random.Random) -> list[Scalar]:
    """Return members of a union of which no two agree."""
    found: list[Scalar] = []
    for each in rng.sample(SCALARS, 3):
        if not any(agree(each, other) for other in found):
            found.append(each)
    return found


def agree(one: Type, other: Type) -> bool:
    """Tell whether two types are one to the ABI."""
    one, other = _without_target(one), _without_target(other)
    if isinstance(one, Record) or isinstance(other, Record):
        return one == other
    classes = {one.seen[0], other.seen[0]}
    if "pointer" in classes and {one.name, other.name} & _ADDRESSES:
        return True
    if classes == {"enum", "integer"}:
        return one.seen[1] == other.seen[1]
    return one.seen == other.seen


def _without_target(type_: Type) -> Type:
    is_pointer = isinstance(type_, Record) and type_.is_pointer
    return Scalar("void *", _POINTER) if is_pointer else type_


def other_type(type_: Type, rng: random.Random) -> Type | None:
    """Return a type that does not agree with *type_*: a record of the same name, or another one."""
    if isinstance(type_, Record) and rng.random() < 2 / 3:
        return _other_record(type_, rng)
    made = rng.choice(SCALARS)
    return None if agree(made, type_) else made


def _other_record(record: Record, rng: random.Random) -> Record | None:
    if not record.is_union and rng.random() < 1 / 2:
        return _other_members(record, rng)
    fields: list[Any] = list(record.fields)
    at = rng.randrange(len(fields))
    old = fields[at]
    if isinstance(old.type, Record):
        inner = _other_record(old.type, rng)
        fields[at] = None if inner is None else Field(inner)
    elif old.bits is not None:
        bits = old.bits - 1 if old.bits > 1 else old.bits + 1
        fields[at] = replace(old, bits=bits)
    elif old.length is not None and rng.random() < 1 / 2:
        fields[at] = replace(old, length=old.length + 1)
    else:
        made = rng.choice(_ITEMS)
        others = [each.type for each in fields] if record.is_union else [old.type]
        fields[at] = None if any(agree(made, each) for each in others) else replace(old, type=made)
    return None if fields[at] is None else replace(record, fields=tuple(fields))


def _other_members(record: Record, rng: random.Random) -> Record:
    """Add a member to a struct, or take one away."""
    fields = list(record.fields)
    if len(fields) > 1 and rng.random() < 1 / 2:
        del fields[rng.randrange(len(fields))]
    else:
        fields.insert(rng.randint(0, len(fields)), Field(rng.choice(SCALARS)))
    return replace(record, fields=tuple(fields))
