"""Call random functions through nativeplug and through a module that cffi compiles."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import c_values
import column_calls
import prototypes
from batches import Note, main
from both_invokers import Side, report, sides_of
from prototypes import Prototype

CALLS = 20  # of each prototype, by each side


def first_difference(
    rng: random.Random, functions: Sequence[Prototype], sides: Sequence[Side], note: Note
) -> str | None:
    """
    Call all functions with random arguments.

    Args:
        rng: Where the arguments come from.
        functions: The functions.
        sides: All ways to call them; the first one is right.
        note: Is told what is called next.

    Returns:
        The first difference, for people to read; None if there is none.
    """
    right, *others = sides
    for prototype in functions:
        note(str(prototype))
        for _ in range(CALLS):
            given = [c_values.value(rng, ctype) for ctype in prototype.parameters]
            salt = rng.getrandbits(64)
            wanted = right.call(prototype, [given], salt)
            for side in others:
                got = side.call(prototype, [given], salt)
                if wanted != got:
                    return report(prototype, given, {right.name: wanted, side.name: got})
    return None


def run(seed: int, count: int, note: Note) -> str | None:
    """Compare so many random prototypes."""
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable
    functions = prototypes.prototypes(rng, count)
    with tempfile.TemporaryDirectory() as folder:
        sides = [*sides_of(functions, Path(folder))]
        return first_difference(rng, functions, sides, note) or column_calls.first_difference(
            rng, functions, sides, note
        )


if __name__ == "__main__":
    raise SystemExit(main(run))
