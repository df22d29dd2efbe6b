"""Other words for random prototypes: edits of what is declared that the ABI does not see."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from prototype_edits import Prototype
from random_types import INTEGERS, SCALARS, VOID, Record, Scalar, Type

# What stands for itself in other words, C11 6.7.2.
_SPELLINGS = {
    "short": ("short int", "signed short", "int short", "short signed int"),
    "unsigned short": ("unsigned short int", "short unsigned", "int unsigned short"),
    "int": ("signed", "signed int", "int signed"),
    "unsigned int": ("unsigned", "int unsigned"),
    "long": ("long int", "signed long", "int long", "long signed int"),
    "unsigned long": ("unsigned long int", "long unsigned", "int long unsigned"),
    "long long": ("long long int", "signed long long", "long signed long", "int long long"),
    "unsigned long long": ("long unsigned long int", "long long unsigned"),
    "signed char": ("char signed",),
    "unsigned char": ("char unsigned",),
    "long double": ("double long",),
    "float _Complex": ("_Complex float",),
    "_Bool": ("bool",),
}
_POINTERS = (
    *("void *", "const void *", "char *", "const char *", "const double *", "float *", "void **"),
    *("struct opaque *", "const struct opaque *", "struct unheard_of *", "enum shade *"),
    "void (*)(void)",
)
_ADDRESSES = ("intptr_t", "uintptr_t")


@dataclass(frozen=True)
class Worded(Scalar):
    """A type in other words."""

    of: Type = VOID
    #: The words are a typedef's name.
    is_typedef: bool = False

    @property
    def records(self) -> Iterator[Record | Worded]:  # type: ignore[override]
        """What has to be defined for it, itself last."""
        yield from self.of.records
        if self.is_typedef:
            yield self

    def definition(self) -> str:
        """Return the definition of the typedef."""
        return f"typedef {self.of.declare(self.name)};\n"


Change = Callable[[Type, random.Random, str], "Type | None"]


def reworded(prototype: Prototype, rng: random.Random) -> Prototype:
    """Return a prototype with one edit that the ABI does not see."""
    while True:
        change = rng.choice(_CHANGES)
        made = _renamed(prototype, rng) if change is None else _changed(prototype, rng, change)
        if made is not None and _text(made) != _text(prototype):
            edit = "rename_parameters" if change is None else change.__name__.strip("_")
            return replace(made, edit=edit)


def _text(prototype: Prototype) -> tuple[str, str]:
    return prototype.types(), str(prototype)


def _renamed(prototype: Prototype, rng: random.Random) -> Prototype | None:
    if not prototype.parameters:
        return None
    return replace(prototype, named=rng.choice(["", "other{}", "a1{}"]))


def _changed(prototype: Prototype, rng: random.Random, change: Change) -> Prototype | None:
    """Change the type of the result, or of a parameter."""
    types = [prototype.result, *prototype.parameters]
    at = rng.randrange(len(types))
    made = change(types[at], rng, prototype.name)
    if made is None:
        return None
    types[at] = made
    result, *parameters = types
    return replace(prototype, result=result, parameters=tuple(parameters))


def _seen(type_: Type) -> tuple[str, int, bool]:
    if isinstance(type_, Scalar):
        return type_.seen
    return ("pointer", 8, False) if type_.is_pointer else ("record", 0, False)


def _typedef(type_: Type, _: random.Random, name: str) -> Type | None:
    return Worded(f"{name}_t", _seen(type_), type_, is_typedef=True)


def _spelling(type_: Type, rng: random.Random, _: str) -> Type | None:
    words = _SPELLINGS.get(type_.name) if isinstance(type_, Scalar) else None
    return Worded(rng.choice(words), _seen(type_), type_) if words else None


def _integer_as_large(type_: Type, rng: random.Random, _: str) -> Type | None:
    kind, size, signed = _seen(type_)
    if kind == "enum":
        return rng.choice([each for each in INTEGERS if each.seen[1] == size])
    others = [each for each in INTEGERS if each.seen == (kind, size, signed)]
    enums = [each for each in SCALARS if each.seen[:2] == ("enum", size)]
    return rng.choice(others + enums) if others else None


def _pointer(type_: Type, rng: random.Random, _: str) -> Type | None:
    kind = _seen(type_)
    if isinstance(type_, Scalar) and type_.name in _ADDRESSES:  # of two signs
        return Scalar(rng.choice(_POINTERS), kind)
    return Scalar(rng.choice(_POINTERS + _ADDRESSES), kind) if kind[0] == "pointer" else None


def _const(type_: Type, _: random.Random, __: str) -> Type | None:
    if type_ == VOID or "(*)" in type_.name:
        return None
    is_pointer = _seen(type_)[0] == "pointer"
    star = " *" if isinstance(type_, Record) and is_pointer else ""
    words = f"{type_.name}{star} const" if is_pointer else f"const {type_.name}"
    return Worded(words, _seen(type_), type_)


def _const_target(type_: Type, _: random.Random, __: str) -> Type | None:
    if not isinstance(type_, Record) or not type_.is_pointer:
        return None
    return Worded(f"{type_.name} const *", _seen(type_), type_)


def _tag(type_: Type, _: random.Random, name: str) -> Type | None:
    if not isinstance(type_, Record):
        return None
    return replace(type_, name=f"{type_.name.split()[0]} other_{name}")


def _members(type_: Type, _: random.Random, __: str) -> Type | None:
    return replace(type_, named="other{}") if isinstance(type_, Record) else None


# None stands for other names of the parameters.
_CHANGES: tuple[Change | None, ...] = (
    None,
    _typedef,
    _spelling,
    _integer_as_large,
    _pointer,
    _const,
    _const_target,
    _tag,
    _members,
)
