"""Other words for random prototypes, which other tests rely on."""

from __future__ import annotations

import random

import pytest

from nativeplug import abi, declare
from nativeplug.declare import Declarations
from nativeplug.declare.abi_types import abi_of
from prototype_edits import Prototype, declarations, random_prototype
from rewordings import reworded


def types_of(declared: Declarations) -> list[abi.Type | None]:
    """Return the types of all functions as the ABI sees them."""
    return [abi_of(declared.ffi, line) for line in declared.lines.values()]


def made_and_reworded(count: int) -> tuple[list[Prototype], list[Prototype]]:
    """Return random prototypes, and the same in other words."""
    rng = random.Random(4)  # noqa: S311 - it must be repeatable
    made = [random_prototype(rng, index) for index in range(count)]
    return made, [reworded(each, rng) for each in made]


@pytest.mark.slow
def test_words_differ() -> None:
    """A prototype in other words is C, another text, and says in what; every edit is made."""
    made, other = made_and_reworded(300)
    pairs = zip(made, other, strict=True)
    assert all((one.types(), str(one)) != (more.types(), str(more)) for one, more in pairs)
    assert len(made) == len(declare.read(declarations(other)).lines)
    changes = {"const", "const_target", "integer_as_large", "members", "pointer"}
    assert changes | {"rename_parameters", "spelling", "tag", "typedef"} == {
        each.edit for each in other
    }


def test_types_agree() -> None:
    """To the ABI it is the same."""
    made, other = (types_of(declare.read(declarations(each))) for each in made_and_reworded(100))
    for one, more in zip(made, other, strict=True):
        assert one is not None
        assert more is not None
        assert abi.differ(one, more) is None
