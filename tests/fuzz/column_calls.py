"""Call random functions over columns, and once for each element."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from typing import Any

import c_values
from batches import Note
from both_invokers import Answer, Side, comparable, report
from prototypes import CType, Group, Prototype, integer

LENGTH = 7
# Codes of the module array, each with a C type of the same c_values.
_ELEMENTS = {
    "f": CType("float", Group.FLOAT),
    "d": CType("double", Group.DOUBLE),
    **{code: integer(code, code) for code in "bBhHiIlLqQ"},
}
_SCALARS = {Group.BOOL, Group.CHAR, Group.INTEGER, Group.FLOAT, Group.DOUBLE}


def first_difference(
    rng: random.Random, functions: Sequence[Prototype], sides: Sequence[Side], note: Note
) -> str | None:
    """
    Map all functions that can be mapped; see `differential.first_difference`.

    Returns:
        Where the results differ from those of single calls, for people to read; None if they
        do not.
    """
    right, *others = sides
    for prototype in filter(can_map, functions):
        note(f"map of {prototype}")
        columns = [_column(rng, ctype) for ctype in prototype.parameters]
        whole = rng.randrange(len(columns))  # else nothing tells the length
        columns[whole] = _buffer(rng, prototype.parameters[whole])
        rows = [list(row) for row in zip(*(elements for _, elements in columns), strict=True)]
        salt = rng.getrandbits(64)
        wanted = right.call(prototype, rows, salt)
        given = [column for column, _ in columns]
        for side in others:
            if side.invoker == "core":
                got = _map(side, prototype, given, salt)
                if wanted != got:
                    shown = [elements for _, elements in columns]
                    return report(prototype, shown, {right.name: wanted, side.name: got})
    return None


def can_map(prototype: Prototype) -> bool:
    """Tell whether a function has parameters, nothing but numbers, and registers enough."""
    groups = {ctype.group for ctype in (prototype.result, *prototype.parameters)}
    takes_any = len(prototype.parameters) > 0
    return takes_any and prototype.fits_registers and groups <= {Group.VOID, *_SCALARS}


def _map(side: Side, prototype: Prototype, given: Sequence[Any], salt: int) -> Answer:
    side.functions.seen = salt
    mapped = side.functions.lookup(prototype.name).map(*given)
    results = [None] * LENGTH if mapped is None else [_single(prototype.result, x) for x in mapped]
    shown = [comparable(side.ffi, prototype.result, result) for result in results]
    return Answer(shown, side.functions.seen)


def _single(ctype: CType, element: Any) -> Any:
    """Return what a single call gives back for an element of a map's results."""
    if ctype.group is Group.CHAR:
        return bytes([element])
    return element == 1 if ctype.group is Group.BOOL and element in {0, 1} else element


def _column(rng: random.Random, ctype: CType) -> tuple[Any, list[Any]]:
    """Return an argument of a map, and the values that it stands for."""
    if rng.random() < 1 / 4:
        scalar = c_values.value(rng, ctype)
        return scalar, [scalar] * LENGTH
    return _buffer(rng, ctype)


def _buffer(rng: random.Random, ctype: CType) -> tuple[Any, list[Any]]:
    step = rng.randint(1, 2)
    size = LENGTH * step
    if ctype.group is Group.BOOL:
        truths = memoryview(bytes(rng.choices([0, 1], k=size))).cast("?")[::step]
        return truths, truths.tolist()
    if ctype.group is Group.CHAR:
        characters = memoryview(rng.randbytes(size)).cast("c")[::step]
        return characters, characters.tolist()
    code = rng.choice(_elements_for(ctype))
    numbers = [c_values.value(rng, _ELEMENTS[code]) for _ in range(size)]
    view = memoryview(array(code, map(float, numbers) if code in "fd" else numbers))[::step]
    return view, view.tolist()


def _elements_for(ctype: CType) -> list[str]:
    """Return the codes of arrays whose elements a parameter takes."""
    if ctype.group is Group.DOUBLE:
        return [*_ELEMENTS]
    if ctype.group is Group.FLOAT:
        return [*"fbBhH"]
    return [
        code
        for code, element in _ELEMENTS.items()
        if element.group is Group.INTEGER
        and ctype.low <= element.low
        and element.high <= ctype.high
    ]
