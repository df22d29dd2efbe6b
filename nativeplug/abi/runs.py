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
# So many are made on the way, as most of them become one with others.
_MOST_MADE = 1 << 18


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
    return _Flattening().flat(type_)


class _Flattening:
    """
    Lays a type flat, and each that it is made of once.

    Ten members of a type with ten members, and so on, are few types and any number of paths.
    """

    def __init__(self) -> None:
        self._flat: dict[int, list[Run]] = {}  # by identity
        self._made = 0

    def flat(self, type_: Type) -> list[Run]:
        if id(type_) not in self._flat:
            runs = _merged(self._runs(type_))
            if len(runs) > _MOST:
                raise TooManyError
            self._flat[id(type_)] = runs
        return self._flat[id(type_)]

    def _runs(self, type_: Type) -> Iterator[Run]:
        if isinstance(type_, Record):
            for field in type_.fields:
                yield from self._field_runs(field)
        elif isinstance(type_, Array):
            yield from self._array_runs(type_)
        elif isinstance(type_, Pointer):
            yield Run(0, _BYTE * size_of(type_), 1, Pointer())
        elif isinstance(type_, (Scalar, Enumeration)) and type_.size:
            yield Run(0, _BYTE * type_.size, 1, type_)

    def _field_runs(self, field: Field) -> Iterator[Run]:
        leaf = field.type
        if field.bits is None:
            yield from self._moved(self.flat(leaf), _BYTE * field.offset)
        elif field.bits[1] > 0 and isinstance(leaf, (Scalar, Enumeration)):
            yield Run(*field.bits, 1, leaf)

    def _array_runs(self, array: Array) -> Iterator[Run]:
        items, length = self.flat(array.item), array.length or 0
        stride = _BYTE * size_of(array.item)
        if len(items) == 1 and items[0].start == 0 and items[0].end == stride:
            if length:
                yield replace(items[0], count=items[0].count * length)
            return
        if not items:  # there may be any number of nothing
            return
        if len(items) * length > _MOST:
            raise TooManyError
        for index in range(length):
            yield from self._moved(items, index * stride)

    def _moved(self, runs: list[Run], bits: int) -> Iterator[Run]:
        self._made += len(runs)
        if self._made > _MOST_MADE:
            raise TooManyError
        for run in runs:
            yield replace(run, start=run.start + bits)


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
