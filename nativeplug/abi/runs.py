"""
What a record has at which place: its members laid flat, whatever they are called.

``struct { int a[2]; int b; }`` and ``struct { int x, y, z; }`` are one to the ABI: a run of
three ints from byte 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from nativeplug.abi.types import Array, Enumeration, Field, Pointer, Record, Scalar, Type, size_of

Leaf = Scalar | Enumeration | Pointer

_BYTE = 8
# A record of more runs is compared by its size.
_MOST = 4096


class TooManyError(Exception):
    """A record has more runs than are worth comparing."""


@dataclass(frozen=True, slots=True)
class Run:
    """Items of one type that follow each other without gaps."""

    #: Its first bit.
    start: int
    #: How many bits each item has, and how many items there are.
    bits: int
    count: int
    type: Leaf

    @property
    def end(self) -> int:
        """The bit after its last."""
        return self.start + self.bits * self.count

    def has_item_at(self, start: int) -> bool:
        """Tell whether one of its items begins at a bit."""
        return self.start <= start < self.end and (start - self.start) % self.bits == 0


def flat(type_: Type) -> list[Run]:
    """
    Return the runs of a type, by their places.

    Raises:
        TooManyError: They are more than are worth comparing.
    """
    found = _merged(_runs(type_))
    if len(found) > _MOST:
        raise TooManyError
    return found


def _runs(type_: Type) -> list[Run]:
    if isinstance(type_, Record):
        return [run for field in type_.fields for run in _field_runs(field)]
    if isinstance(type_, Array):
        return _array_runs(type_)
    if isinstance(type_, Pointer):
        return [Run(0, _BYTE * size_of(type_), 1, Pointer())]
    if isinstance(type_, (Scalar, Enumeration)) and type_.size:
        return [Run(0, _BYTE * type_.size, 1, type_)]
    return []


def _field_runs(field: Field) -> list[Run]:
    if field.bits is None:
        return [replace(run, start=run.start + _BYTE * field.offset) for run in flat(field.type)]
    start, bits = field.bits
    leaf = field.type
    if bits > 0 and isinstance(leaf, (Scalar, Enumeration)):
        return [Run(start, bits, 1, leaf)]
    return []


def _array_runs(array: Array) -> list[Run]:
    items, length, stride = flat(array.item), array.length or 0, _BYTE * size_of(array.item)
    if len(items) == 1 and items[0].start == 0 and items[0].end == stride:
        return [replace(items[0], count=items[0].count * length)] if length else []
    if len(items) * length > _MOST:
        raise TooManyError
    return [
        replace(run, start=run.start + index * stride) for index in range(length) for run in items
    ]


def _merged(runs: Iterable[Run]) -> list[Run]:
    """Put runs in order and together; members of a union may lie over each other."""
    made: list[Run] = []
    for run in sorted(dict.fromkeys(runs), key=_order):
        last = made[-1] if made else None
        if last and (last.end, last.bits, last.type) == (run.start, run.bits, run.type):
            made[-1] = replace(last, count=last.count + run.count)
        else:
            made.append(run)
    return made


def _order(run: Run) -> tuple[int, int, str]:
    return run.start, run.bits, f"{type(run.type).__name__} {_kind(run.type)}"


def _kind(leaf: Leaf) -> str:
    return f"{leaf.kind} {leaf.signed}" if isinstance(leaf, Scalar) else ""


def uncovered(
    runs: list[Run], others: list[Run], agree: Callable[[Leaf, Leaf], bool]
) -> Iterator[tuple[int, Leaf, Leaf | None]]:
    """
    Give the first place of each run at which no run of *others* has an item that agrees.

    Args:
        runs: The runs.
        others: What they are compared with.
        agree: Tells whether two items of as many bits agree.

    Yields:
        The bit; what is there in *runs*; and what in *others*, if anything.
    """
    for run in runs:
        at = run.start
        while at < run.end:
            here = [each for each in others if each.has_item_at(at)]
            ends = [
                each.end for each in here if each.bits == run.bits and agree(run.type, each.type)
            ]
            if not ends:
                yield at, run.type, here[0].type if here else None
                break
            at = max(ends)
