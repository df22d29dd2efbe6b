"""Arguments by number, by name and by size, and the errors CPython raises for its own functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nativeplug.call.plan import Signature

_WIDEST = 128  # bits of the numbers that a message shows; CPython refuses to print huge ones


def by_position(
    signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """
    Put the arguments that are given by name behind those given by position.

    The lengths of arrays may be left out: all of them, or none.

    Raises:
        TypeError: A name is unknown, or given twice; or an argument is missing.
    """
    function, names = signature.name, signature.names
    if not signature.by_name:
        raise TypeError(f"{function}() takes no keyword arguments")
    for name in kwargs:
        if name not in names:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
        if name in names[: len(args)]:
            raise TypeError(f"{function}() got multiple values for argument {name!r}")
    missing = [name for name in names[len(args) :] if name not in kwargs]
    if missing and missing != [names[index] for index in signature.counters]:
        raise _missing(function, missing)
    return (*args, *(kwargs[name] for name in names[len(args) :] if name in kwargs))


def wrong_count(signature: Signature, given: int) -> TypeError:
    """Return the error for a call with too few or too many arguments by position."""
    function, wanted = signature.name, len(signature.parameters)
    if given < wanted:
        return _missing(function, signature.names[given:])
    takes = f"{wanted} positional argument{'' if wanted == 1 else 's'}"
    were = "was" if given == 1 else "were"
    return TypeError(f"{function}() takes {takes} but {given} {were} given")


def _missing(function: str, names: Sequence[str]) -> TypeError:
    *others, last = map(repr, names)
    # As CPython lists them: 'a'; 'a' and 'b'; 'a', 'b', and 'c'.
    comma = "," if others[1:] else ""
    listed = f"{', '.join(others)}{comma} and {last}" if others else last
    plural = "s" if others else ""
    return TypeError(
        f"{function}() missing {len(names)} required positional argument{plural}: {listed}"
    )


def out_of_range(label: str, range_text: str, number: int) -> OverflowError:
    """Return the error for an integer that does not fit."""
    shown = f": {number}" if number.bit_length() <= _WIDEST else ""
    return OverflowError(f"{label} is out of range for {range_text}{shown}")
