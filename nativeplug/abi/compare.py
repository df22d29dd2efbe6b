"""Whether what is declared and what is known of a symbol are one to the ABI."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from nativeplug.abi.types import (
    Array,
    Enumeration,
    Field,
    FunctionType,
    Pointer,
    Record,
    Scalar,
    Type,
    size_of,
)

# What needs no more than this is passed alike, whatever it is aligned to; what needs more goes
# to other registers and to other places of the stack (AAPCS64 6.8.2, System V x86-64 3.2.3).
_REGISTERS_ALIGN = 8
# What a kind is called in words; an integer is "signed" or "unsigned".
_KINDS = {
    "float": "floating-point",
    "x87": "extended floating-point",
    "bfloat": "brain floating-point",
    "decimal": "decimal floating-point",
    "x87 complex": "extended complex",
}


def differ(declared: Type, known: Type) -> str | None:
    """
    Tell in what a declared type differs from the known one, as the ABI sees it.

    Pointers agree with each other, but where both lead to records of one name these must be
    laid out alike. Enumerations agree with integers of their size, and ``intptr_t`` and
    ``uintptr_t`` with pointers. Names do not matter.

    Returns:
        The first difference in words, as of "parameter 2 is 'int' (4 bytes, signed), it takes
        'double' (8 bytes, floating-point)"; None when they agree.
    """
    if isinstance(declared, FunctionType) and isinstance(known, FunctionType):
        return _differ_as_functions(declared, known)
    if isinstance(declared, FunctionType):
        return f"it is declared as a function, it is a variable: {describe(known)}"
    if isinstance(known, FunctionType):
        return f"it is declared as a variable: {describe(declared)}, it is a function"
    return _values("it is declared as", declared, "it is", known)


def _differ_as_functions(declared: FunctionType, known: FunctionType) -> str | None:
    difference = _differ_in_number(declared, known)
    for number, (one, other) in enumerate(
        zip(declared.parameters or (), known.parameters or (), strict=False), 1
    ):
        difference = difference or _values(f"parameter {number} is", one, "it takes", other)
    return difference or _values("the result is", declared.result, "it returns", known.result)


def _differ_in_number(declared: FunctionType, known: FunctionType) -> str | None:
    if declared.parameters is None or known.parameters is None:
        return None
    if len(declared.parameters) != len(known.parameters):
        given, taken = len(declared.parameters), len(known.parameters)
        return f"it is declared with {_count(given, 'parameter')}, it takes {taken}"
    if declared.is_variadic != known.is_variadic:
        if declared.is_variadic:
            return "it is declared as variadic (...), it is not"
        return "it is not declared as variadic, it is (...)"
    return None


def _values(said: str, declared: Type, told: str, known: Type) -> str | None:
    detail = _difference(declared, known)
    if detail is None:
        return None
    return f"{said} {describe(declared)}, {told} {describe(known)}{detail}"


def describe(type_: Type) -> str:
    """Describe a type as C and the ABI have it."""
    if isinstance(type_, FunctionType):
        return "a function"
    kind = type_.kind if isinstance(type_, Scalar) else type(type_).__name__.lower()
    words = [f"'{type_.name or kind}'"]
    details = []
    if size_of(type_) and not isinstance(type_, Pointer):
        details.append(_count(size_of(type_), "byte"))
    if isinstance(type_, Scalar) and type_.kind == "integer":
        details.append("signed" if type_.signed else "unsigned")
    elif isinstance(type_, Scalar) and type_.kind != "void":
        details.append(_KINDS.get(type_.kind, type_.kind))
    elif isinstance(type_, (Pointer, Enumeration)):
        details.append(f"{'a' if isinstance(type_, Pointer) else 'an'} {kind}")
    return " ".join([*words, f"({', '.join(details)})"] if details else words)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _difference(one: Type, other: Type) -> str | None:
    """Return what is to be said of a difference besides both types; None when they agree."""
    if isinstance(one, Record):
        return _differ_from_record(one, other)
    if isinstance(other, Record):
        return _differ_from_record(other, one)
    if isinstance(one, Array) and isinstance(other, Array):
        is_as_long = None in {one.length, other.length} or one.length == other.length
        return _difference(one.item, other.item) if is_as_long else ""
    if isinstance(one, Pointer) and isinstance(other, Pointer):
        return _differ_as_pointers(one, other)
    return None if size_of(one) == size_of(other) and _agree(one, other) else ""


def _differ_from_record(record: Record, value: Type) -> str | None:
    """Compare a record; with what is none, too: Rust may pass it as its only field."""
    if isinstance(value, Record):
        return _differ_as_records(record, value, by_value=True)
    if record.is_transparent:
        (field,) = record.fields
        return _difference(field.type, value)
    return ""


def _differ_as_pointers(one: Pointer, other: Pointer) -> str | None:
    if one.target is None or other.target is None or _tag(one.target) != _tag(other.target):
        return None
    detail = _differ_as_records(one.target, other.target, by_value=False)
    if detail is None:
        return None
    sizes = f"of {one.target.size} and {_count(other.target.size, 'byte')}"
    return f", and they point to records {sizes}{detail}"


def _tag(record: Record) -> str:
    return record.name.split(" ")[-1]


def _differ_as_records(one: Record, other: Record, *, by_value: bool) -> str | None:
    if one.size != other.size:
        return ""
    aligns = one.align, other.align
    if by_value and max(aligns) > _REGISTERS_ALIGN and aligns[0] != aligns[1]:
        return f", aligned to {aligns[0]} and {aligns[1]} bytes"
    try:
        runs, others = flat(one), flat(other)
    except TooManyError:
        return None
    if runs == others:
        return None
    found = itertools.chain(
        uncovered(runs, others, _agree),
        ((bit, there, here) for bit, here, there in uncovered(others, runs, _agree)),
    )
    for bit, here, there in found:
        return f", which differ at {_place(bit)}: {_leaf(here)} and {_leaf(there)}"
    return None


def _place(bit: int) -> str:
    byte, rest = divmod(bit, 8)
    return f"bit {rest} of byte {byte}" if rest else f"byte {byte}"


def _leaf(leaf: Leaf | None) -> str:
    return "nothing" if leaf is None else describe(leaf)


def _agree(one: Type, other: Type) -> bool:
    """Tell whether two types of as many bytes or bits, which are no records, are one to the ABI."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        plain = one.name == other.name == "char"  # whatever -funsigned-char makes of it
        return one.kind == other.kind and (plain or one.signed == other.signed)
    if isinstance(one, Pointer) or isinstance(other, Pointer):
        return all(
            isinstance(each, Pointer) or (isinstance(each, Scalar) and each.is_address)
            for each in (one, other)
        )
    return all(
        isinstance(each, Enumeration) or (isinstance(each, Scalar) and each.kind == "integer")
        for each in (one, other)
    )


# What a record has at which place: its members laid flat, whatever they are called.
#
# ``struct { int a[2]; int b; }`` and ``struct { int x, y, z; }`` are one to the ABI: a run of
# three ints from byte 0.


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
