"""Arrays whose length is declared as C99 has it: ``double sum(size_t n, const double xs[n])``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nativeplug.call.arguments import wrong_count
from nativeplug.call.plan import CallPlan, Kind, Value, is_sized
from nativeplug.call.text import to_utf8


def complete(ffi: Any, plan: CallPlan, args: Sequence[Any]) -> tuple[Any, ...]:
    """
    Fill in the lengths of arrays, when a call leaves out all of them and nothing else.

    Raises:
        TypeError: The number of arguments is another one, or an array does not tell its length.
        ValueError: Arrays of one length have different ones.
    """
    signature = plan.signature
    counters = sorted({each.counter for each in plan.lengths if each.counter is not None})
    if not counters or len(args) != len(signature.parameters) - len(counters):
        raise wrong_count(signature, len(args))
    whole = list(args)
    for index in counters:
        whole.insert(index, None)
    for index in counters:
        whole[index] = _common_length(ffi, plan, index, whole, len(args))
    return tuple(whole)


def _common_length(ffi: Any, plan: CallPlan, counter: int, args: Sequence[Any], given: int) -> int:
    arrays = [length.array for length in plan.lengths if length.counter == counter]
    found = {index: items_of(ffi, plan.parameters[index], args[index]) for index in arrays}
    if None in found.values():
        raise wrong_count(plan.signature, given)
    if len({*found.values()}) > 1:
        listed = ", ".join(f"{plan.signature.names[index]!r}: {found[index]}" for index in arrays)
        name = plan.signature.names[counter]
        raise ValueError(
            f"{plan.signature.name}() arguments of one length {name!r} have different ones "
            f"({listed}): give {name!r}"
        )
    return found[arrays[0]] or 0


def items_of(ffi: Any, value: Value, given: Any) -> int | None:
    """Count the items of an argument for an array parameter; None when it does not tell."""
    if given is None:
        return 0
    if isinstance(given, ffi.CData):
        return len(given) if ffi.typeof(given).kind == "array" else None
    if isinstance(given, str) and value.kind is Kind.TEXT:
        return len(to_utf8(given, value.label))
    try:
        size = memoryview(given).nbytes
    except TypeError:
        return None
    item = value.ctype.item
    return size // ffi.sizeof(item) if is_sized(item) else size


def check(ffi: Any, plan: CallPlan, args: Sequence[Any], converted: Sequence[Any]) -> None:
    """
    Refuse arrays that are shorter than declared.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        args: The arguments as given.
        converted: The same as C gets them; of these the lengths are read.

    Raises:
        ValueError: One is too short.
    """
    for length in plan.lengths:
        wanted = length.least if length.counter is None else converted[length.counter]
        value, given = plan.parameters[length.array], args[length.array]
        items = items_of(ffi, value, given)
        if items is not None and not 0 <= wanted <= items + is_terminated(given):
            raise too_short(value, items, wanted)


def is_terminated(given: object) -> bool:
    """Tell whether C finds a NUL behind an argument's items, which it may count."""
    return isinstance(given, (str, bytes))


def too_short(value: Value, items: int, wanted: int) -> ValueError:
    """Return the error for an array with fewer items than the call says."""
    if wanted < 0:
        return ValueError(f"{value.label} cannot have {wanted} items")
    return ValueError(f"{value.label} must have at least {wanted} items, not {items}")
