"""Random and extreme values of C types."""

from __future__ import annotations

import math
import random
import struct
from array import array
from collections.abc import Callable
from typing import Any

from prototypes import CType, Group


def _double(bits: int) -> float:
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    return float(number)


_SMALLEST, _LARGEST = 2.0**-1074, 1.7976931348623157e308
_LARGEST_FLOAT = 2.0**128 - 2.0**104
_NUMBERS = [
    *[0.0, 1.0, 0.1, 1 / 3, math.pi, math.inf, _SMALLEST, 2.0**-1022 - _SMALLEST, _LARGEST],
    # NaNs, quiet and signalling, with and without a payload.
    *map(_double, [0x7FF8 << 48, 0x7FF80000DEADBEEF, 0x7FF0000000000001, 0x7FF7FFFFFFFFFFFF]),
    # What becomes a float by rounding: at its limits, halfway, a denormal, nothing at all.
    *[_LARGEST_FLOAT, 2.0**128 - 2.0**103, 2.0**128 - 2.0**103 - 2.0**75, 1e300, 1 + 2.0**-24],
    *[1 + 3 * 2.0**-24, 1 + 2.0**-24 + 2.0**-52, 2.0**-149, 2.0**-150, 1.5 * 2.0**-149, 2.0**-126],
    *[2.0**53 - 1, 2.0**53 + 2, 2.0**63, 2.0**64, 16777217.0],
]
_TEXTS = [None, "", "text", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{SNAKE}" * 9, "long" * 99]
_ADDRESSES = [None, 1, 8, (1 << 47) - 8, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def value(rng: random.Random, ctype: CType) -> Any:
    """
    Return a random or extreme value.

    Of text it is str or None; of a pointer an address, None, or a buffer.
    """
    return _MAKERS[ctype.group](rng, ctype)


def _bool(rng: random.Random, _ctype: CType) -> bool:
    return rng.random() < 1 / 2


def _char(rng: random.Random, _ctype: CType) -> bytes:
    return bytes([rng.choice([0, 0x7F, 0x80, 0xFF, rng.randrange(256)])])


def _integer(rng: random.Random, ctype: CType) -> int:
    power: int = 1 << rng.randrange(65)
    near = rng.choice([ctype.low, ctype.high, 0, power, -power]) + rng.randint(-1, 1)
    number = rng.choice([near, rng.randint(ctype.low, ctype.high)])
    return min(max(number, ctype.low), ctype.high)


def _number(rng: random.Random, _ctype: CType) -> float:
    kind = rng.randrange(8)
    if kind == 0:  # an int is a real number too
        return rng.getrandbits(rng.choice([8, 54, 65, 200]))
    number = rng.choice([*_NUMBERS, rng.uniform(-1e6, 1e6), _double(rng.getrandbits(64))])
    return number if kind % 2 else math.copysign(number, -1)


def _text(rng: random.Random, _ctype: CType) -> str | None:
    return rng.choice(_TEXTS)


def _pointer(rng: random.Random, ctype: CType) -> int | array[Any] | None:
    if ctype.buffer and rng.random() < 1 / 4:
        return array(ctype.buffer, [0, 1])
    return rng.choice([*_ADDRESSES, rng.getrandbits(64)])


_MAKERS: dict[Group, Callable[[random.Random, CType], Any]] = {
    Group.BOOL: _bool,
    Group.CHAR: _char,
    Group.INTEGER: _integer,
    Group.FLOAT: _number,
    Group.DOUBLE: _number,
    Group.TEXT: _text,
    Group.POINTER: _pointer,
}
