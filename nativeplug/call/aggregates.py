"""Structs, unions, arrays and wide characters as a whole, as cffi converts them."""

from __future__ import annotations

from typing import Any

import _cffi_backend

from nativeplug.call.plan import Kind, PlanValue, kind_of

_TEXTS = {Kind.CHAR, Kind.WIDE}


def new_value(value: PlanValue, given: Any) -> Any:
    """
    Return cdata in memory of its own (of a wide character: the str).

    Args:
        value: What it is for.
        given: A list, tuple or dict, or cdata; of an array, any iterable of as many items.

    Raises:
        TypeError: *given* or a part of it is of the wrong type.
        ValueError: It has too many parts, or one that is not declared, or an array has not
            all its items.
        OverflowError: A part does not fit.
    """
    ctype = value.ctype
    if given is None:  # to cffi it means zeros
        raise value.wrong_type(repr(ctype.cname), given)
    given = _frozen(_items(value, ctype, given))
    try:
        if ctype.kind == "array":
            return _cffi_backend.newp(ctype, given)
        return _cffi_backend.newp(_cffi_backend.new_pointer_type(ctype), given)[0]
    except KeyError as error:
        raise ValueError(f"{value.label}: {ctype.cname!r} has no field {error}") from error
    except (TypeError, ValueError, OverflowError, IndexError) as error:
        kind = ValueError if type(error) is IndexError else type(error)
        if kind not in {TypeError, ValueError, OverflowError}:
            raise
        raise kind(f"{value.label}: {error}") from error


def _items(value: PlanValue, ctype: Any, given: Any) -> Any:
    """Return all items of an array, and of the arrays in it; what is no array as it is."""
    if ctype.kind != "array" or (kind_of(ctype.item) in _TEXTS and isinstance(given, (str, bytes))):
        return given
    try:
        items = list(given)
    except TypeError as error:
        if hasattr(type(given), "__iter__"):  # it is its own method that fails
            raise TypeError(f"{value.label}: {error}") from error
        raise value.wrong_type(f"{ctype.length} items", given) from None
    if len(items) != ctype.length:
        raise ValueError(f"{value.label} must be {ctype.length} items, not {len(items)}")
    return [_items(value, ctype.item, item) for item in items]


def _frozen(given: Any) -> Any:
    """
    Return a copy in which nothing can be replaced.

    cffi walks through lists and dicts without holding their items, and crashes when a
    ``__float__`` of one of them changes the list meanwhile.
    """
    if isinstance(given, (list, tuple)):
        return tuple(map(_frozen, given))
    if isinstance(given, dict):
        return {name: _frozen(item) for name, item in given.items()}
    return given
