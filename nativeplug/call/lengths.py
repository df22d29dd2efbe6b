"""Arrays whose length is declared as C99 has it: ``double sum(size_t n, const double xs[n])``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def limit_of(ffi: Any, value: Value, given: Any) -> int | None:
    """Count what C may read of an argument: of text also the NUL behind it."""
    items = items_of(ffi, value, given)
    terminated = value.kind is Kind.TEXT and isinstance(given, (str, bytes))
    return items if items is None else items + terminated


def pinned(ffi: Any, given: Any) -> Any:
    """Return a buffer as a view, so that what is counted and what is passed are the same."""
    if given is None or isinstance(given, (str, bytes, ffi.CData)):
        return given
    try:
        return memoryview(given)
    except TypeError:  # for its conversion to refuse
        return given


def pin(ffi: Any, plan: CallPlan, args: Sequence[Any], pins: list[Any]) -> Iterator[Any]:
    """Give the arguments, of arrays with a declared length views; each is put into *pins* too."""
    arrays = {length.array for length in plan.lengths}
    for index, given in enumerate(args):
        pins.append(pinned(ffi, given) if index in arrays else given)
        yield pins[-1]


def check(ffi: Any, plan: CallPlan, args: Sequence[Any], converted: Sequence[Any]) -> None:
    """
    Refuse arrays that are shorter than declared.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        args: The arguments as `pin` gave them.
        converted: The same as C gets them; of these the lengths are read.

    Raises:
        ValueError: One is too short.
    """
    for length in plan.lengths:
        wanted = length.least if length.counter is None else converted[length.counter]
        value = plan.parameters[length.array]
        limit = limit_of(ffi, value, args[length.array])
        if limit is not None and not 0 <= wanted <= limit:
            raise too_short(ffi, value, args[length.array], wanted)


def too_short(ffi: Any, value: Value, given: Any, wanted: int) -> ValueError:
    """Return the error for an array with fewer items than the call says."""
    if wanted < 0:
        return ValueError(f"{value.label} cannot have {wanted} items")
    items = items_of(ffi, value, given)
    return ValueError(f"{value.label} must have at least {wanted} items, not {items}")
