"""Records laid flat."""

from __future__ import annotations

import pytest

from nativeplug.abi import VOID, Array, Field, FunctionType, Pointer, Record, Scalar, Type
from nativeplug.abi.compare import Run, TooManyError, flat

INT = Scalar("integer", 4, signed=True)
SHORT = Scalar("integer", 2, signed=True)
PAIR = Record("struct pair", 8, 4, (Field(INT, 0), Field(SHORT, 4)))


def record(*fields: Field) -> Record:
    """Return a struct."""
    return Record("struct s", 64, 4, fields)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (INT, [Run(0, 32, 1, INT)]),
        (Pointer(PAIR), [Run(0, 64, 1, Pointer())]),
        (VOID, []),
        (FunctionType(INT, ()), []),
        (Array(INT, 3), [Run(0, 32, 3, INT)]),
        (Array(INT, 0), []),
        (Array(INT, None), []),
        (Array(record(), 1 << 60), []),
        (record(Field(INT, 0), Field(Array(INT, 2), 4)), [Run(0, 32, 3, INT)]),
        (record(Field(INT, 0), Field(INT, 8)), [Run(0, 32, 1, INT), Run(64, 32, 1, INT)]),
        (record(Field(INT, 4), Field(INT, 0)), [Run(0, 32, 2, INT)]),
        (record(Field(INT, 0, (3, 5))), [Run(3, 5, 1, INT)]),
        (record(Field(INT, 0, (3, 1))), [Run(3, 1, 1, INT)]),
        (
            record(Field(SHORT, 0), Field(INT, 4), Field(INT, 8)),
            [Run(0, 16, 1, SHORT), Run(32, 32, 2, INT)],
        ),
        (record(Field(PAIR, 0, (3, 5)), Field(INT, 0, (3, 0))), []),
        (PAIR, [Run(0, 32, 1, INT), Run(32, 16, 1, SHORT)]),
        (
            Array(PAIR, 2),
            [
                Run(0, 32, 1, INT),
                Run(32, 16, 1, SHORT),
                Run(64, 32, 1, INT),
                Run(96, 16, 1, SHORT),
            ],
        ),
    ],
)
def test_flat(type_: Type, expected: list[Run]) -> None:
    """Members have their places, and what follows without a gap is one run."""
    assert expected == flat(type_)


def test_union() -> None:
    """Members of a union lie over each other, each once."""
    fields = (Field(INT, 0), Field(INT, 0), Field(Array(SHORT, 2), 0))
    assert [Run(0, 16, 2, SHORT), Run(0, 32, 1, INT)] == flat(Record("union u", 4, 4, fields))


def test_too_many() -> None:
    """More runs than are worth comparing are not made."""
    with pytest.raises(TooManyError):
        flat(Array(PAIR, 1 << 40))
    with pytest.raises(TooManyError):
        flat(record(*(Field(INT, index * 8) for index in range(5000))))


def test_paths() -> None:
    """A type that is reached on any number of paths is laid flat once."""
    made: Type = record(Field(INT, 0), Field(SHORT, 6))
    for _ in range(60):
        made = Record("struct s", 8, 4, tuple(Field(made, 0) for _ in range(10)))
    assert [Run(0, 32, 1, INT), Run(48, 16, 1, SHORT)] == flat(made)


@pytest.mark.slow
def test_too_many_on_the_way() -> None:
    """Where types are few, and what they are made of is much, that is given up, too."""
    many = record(*(Field(INT, 8 * index) for index in range(4_000)))
    with pytest.raises(TooManyError):
        flat(record(*(Field(many, 0) for _ in range(100))))


@pytest.mark.parametrize(
    ("start", "expected"),
    [(0, False), (8, True), (24, False), (40, True), (72, True), (104, False)],
)
def test_items(start: int, *, expected: bool) -> None:
    """An item of a run begins at each multiple of its size, and nowhere else."""
    assert expected is Run(8, 32, 3, INT).has_item_at(start)
