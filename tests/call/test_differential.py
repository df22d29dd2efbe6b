"""Random functions, called through nativeplug and through a module that cffi compiles."""

from __future__ import annotations

import dataclasses
import math
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from batches import run_batch
from both_invokers import Side, comparable, sides_of
from differential import first_difference
from prototypes import TYPES, VOID, CType, Group, Prototype

SEED = int(os.environ.get("SEED", "3"))
PROTOTYPES = 100
# A function for each group of types, with one parameter.
FUNCTIONS = [
    Prototype(index, VOID, (ctype,), None, trusting=False)
    for index, ctype in enumerate({ctype.group: ctype for ctype in TYPES}.values())
]
SPOILED: dict[Group, Callable[[Any], object]] = {
    Group.BOOL: lambda value: not value,
    Group.CHAR: lambda value: bytes([value[0] ^ 0x80]),
    Group.INTEGER: lambda value: value ^ 1,
    Group.FLOAT: lambda value: -value,
    Group.DOUBLE: lambda value: -value,
    Group.TEXT: lambda value: f"{value}x",
    Group.POINTER: lambda value: value or 1,
}


@pytest.mark.slow
def test_random_prototypes() -> None:
    """Results and arguments of random functions are the same, bit for bit, also in maps."""
    problem = run_batch("differential", SEED, PROTOTYPES)
    assert None is problem, f"repeat it with SEED={SEED}:\n{problem}"


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Side]:
    """Give all ways to call the functions."""
    return [*sides_of(FUNCTIONS, tmp_path_factory.mktemp("sides"))]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.parameters[0].name)
def test_a_wrong_argument_is_noticed(sides: list[Side], function: Prototype) -> None:
    """One wrong bit of an argument is a difference, and the report names the function."""

    def argument(ffi: Any, ctype: CType, value: Any) -> Any:
        return right.argument(ffi, ctype, SPOILED[ctype.group](value))

    right = sides[0]
    spoiled = [right, dataclasses.replace(right, name="spoiled", argument=argument)]
    rng, noted = random.Random(SEED), list[str]()  # noqa: S311 - it must be repeatable
    report = first_difference(rng, [function], spoiled, noted.append) or ""
    assert [str(function)] == noted
    assert [str(function), "  a0"] == [report.splitlines()[0], report.splitlines()[1][:4]]
    assert "\nspoiled: " in report


def test_results_that_are_equal_but_not_the_same(sides: list[Side]) -> None:
    """Zeros of either sign, NaNs, and True and 1 are told apart."""
    double = CType("double", Group.DOUBLE)
    results = [0.0, -0.0, math.nan, -math.nan, 0, True, 1, 1.0]
    assert len(results) == len({comparable(sides[0].ffi, double, result) for result in results})
