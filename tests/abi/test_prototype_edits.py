"""Random prototypes and their edits, which other tests rely on."""

from __future__ import annotations

import random

from nativeplug import declare
from prototype_edits import declarations, edited, random_prototype, source
from random_types import Scalar, agree


def test_edit_is_one() -> None:
    """An edited prototype differs, says in what, and is C."""
    rng = random.Random(3)  # noqa: S311 - it must be repeatable
    made = [random_prototype(rng, index) for index in range(40)]
    changed = [edited(each, rng) for each in made]
    pairs = zip(made, changed, strict=True)
    assert all((one.types(), str(one)) != (other.types(), str(other)) for one, other in pairs)
    assert all(each.edit for each in changed)
    assert len(made) == len(declare.read(declarations(changed)).lines)
    assert all(f"{each} {{" in source(made) for each in made)


def test_repeatable() -> None:
    """A seed makes the same prototypes again."""
    sources = (random.Random(5) for _ in range(3))  # noqa: S311 - that is what is tested
    assert 1 == len({str(random_prototype(rng)) for rng in sources})


def test_agreement() -> None:
    """What agrees is what `abi` says agrees, by rules of its own."""
    pointer, address = Scalar("void *", ("pointer", 8, False)), ("integer", 8, False)
    assert agree(pointer, Scalar("uintptr_t", address))
    assert not agree(pointer, Scalar("size_t", address))
