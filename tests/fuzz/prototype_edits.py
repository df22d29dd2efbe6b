"""
Random prototypes, and random edits of them that the ABI sees.

`random_prototype` makes one, `edited` another that differs from it in one thing: the plugin has
the first, the program declares the second.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from random_types import SCALARS, VOID, Type, agree, other_type, random_type

#: What the texts need of C's headers.
PRELUDE_C = """#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
"""
TYPES_C = "enum shade { PALE, DARK = 7 };\nstruct opaque;\n"
_MOST_PARAMETERS = 7


@dataclass(frozen=True)
class Prototype:
    """A function's prototype."""

    name: str
    result: Type
    parameters: tuple[Type, ...]
    is_variadic: bool = False
    #: It is declared as a variable.
    is_variable: bool = False
    #: What was edited.
    edit: str = field(default="", compare=False)
    #: What its parameters are called, by their numbers.
    named: str = field(default="a{}", compare=False)

    def __str__(self) -> str:
        """Return the declaration in C, without the semicolon."""
        if self.is_variable:
            return f"extern int {self.name}"
        names = map(self.named.format, range(len(self.parameters)))
        listed = [each.declare(name) for each, name in zip(self.parameters, names, strict=True)]
        more = ["..."] if self.is_variadic else []
        return self.result.declare(f"{self.name}({', '.join([*listed, *more]) or 'void'})")

    def types(self) -> str:
        """Return the definitions of the types that it needs, which no other one has."""
        needed = (record for each in (self.result, *self.parameters) for record in each.records)
        return "".join(dict.fromkeys(record.definition() for record in needed))

    def definition(self) -> str:
        """Return the function in C, without its types."""
        if self.result == VOID:
            return f"{self} {{ }}\n"
        return f"{self} {{ static {self.result.declare('made')}; return made; }}\n"


def random_prototype(rng: random.Random, index: int = 0) -> Prototype:
    """Return a random prototype, whose names end in *index*."""
    count = rng.randint(0, _MOST_PARAMETERS)
    parameters = tuple(random_type(rng, f"{index}_{at}") for at in range(count))
    result = VOID if rng.random() < 1 / 4 else random_type(rng, f"{index}_r")
    return Prototype(f"f{index}", result, parameters, bool(count) and rng.random() < 1 / 8)


def edited(prototype: Prototype, rng: random.Random) -> Prototype:
    """Return a prototype with one edit that the ABI sees."""
    while True:
        edit = rng.choice(_EDITS)
        made = edit(prototype, rng)
        if made is not None:
            return replace(made, edit=edit.__name__.strip("_"))


Edit = Callable[[Prototype, random.Random], "Prototype | None"]


def _add_parameter(prototype: Prototype, rng: random.Random) -> Prototype:
    taken = list(prototype.parameters)
    taken.insert(rng.randint(0, len(taken)), rng.choice(SCALARS))
    return replace(prototype, parameters=tuple(taken))


def _drop_parameter(prototype: Prototype, rng: random.Random) -> Prototype | None:
    taken = list(prototype.parameters)
    if len(taken) < 1 + prototype.is_variadic:
        return None
    del taken[rng.randrange(len(taken))]
    return replace(prototype, parameters=tuple(taken))


def _swap_parameters(prototype: Prototype, rng: random.Random) -> Prototype | None:
    taken = list(prototype.parameters)
    if len(taken) < 2:
        return None
    one, other = rng.sample(range(len(taken)), 2)
    if agree(taken[one], taken[other]):
        return None
    taken[one], taken[other] = taken[other], taken[one]
    return replace(prototype, parameters=tuple(taken))


def _change_parameter(prototype: Prototype, rng: random.Random) -> Prototype | None:
    if not prototype.parameters:
        return None
    taken = list(prototype.parameters)
    at = rng.randrange(len(taken))
    made = other_type(taken[at], rng)
    if made is None:
        return None
    taken[at] = made
    return replace(prototype, parameters=tuple(taken))


def _change_result(prototype: Prototype, rng: random.Random) -> Prototype | None:
    made = VOID if rng.random() < 1 / 4 else other_type(prototype.result, rng)
    if made is None or agree(made, prototype.result):
        return None
    return replace(prototype, result=made)


def _change_variadic(prototype: Prototype, _: random.Random) -> Prototype | None:
    if not prototype.parameters:
        return None
    return replace(prototype, is_variadic=not prototype.is_variadic)


def _become_variable(prototype: Prototype, rng: random.Random) -> Prototype | None:
    return replace(prototype, is_variable=True) if rng.random() < 1 / 8 else None


_EDITS: Sequence[Edit] = (
    _add_parameter,
    _drop_parameter,
    _swap_parameters,
    *[_change_parameter] * 5,
    *[_change_result] * 2,
    _change_variadic,
    _become_variable,
)


def source(prototypes: Sequence[Prototype]) -> str:
    """Return a C file with all functions."""
    parts = (f"{each.types()}{each.definition()}" for each in prototypes)
    return f"{PRELUDE_C}{TYPES_C}{''.join(parts)}"


def declarations(prototypes: Sequence[Prototype]) -> str:
    """Return C text that declares all functions."""
    parts = (f"{each.types()}{each};\n" for each in prototypes)
    return f"{PRELUDE_C}{TYPES_C}{''.join(parts)}"
