"""The result of a call: converted, and released when the caller owns it."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from nativeplug.call.convert import FromC, from_c
from nativeplug.call.plan import CallPlan, Kind, Value

Release = Callable[[Any], object]


def finisher(ffi: Any, plan: CallPlan, free: Release | None) -> FromC | None:
    """
    Return the conversion of the call's result; None where cffi's will do.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        free: Releases the text of a result that the caller owns; None when it is borrowed.
    """
    if plan.fields is None:
        return _releasing(from_c(ffi, plan.result), plan.result, free)
    names = [name for name, _ in plan.fields]
    kind = namedtuple(f"{plan.signature.name}_return", names)  # type: ignore[misc]  # noqa: PYI024 - its fields are known at run time only
    conversions = [_releasing(from_c(ffi, value), value, free) or _same for _, value in plan.fields]

    def finish(struct: Any) -> Any:
        return kind._make(_convert_all([getattr(struct, name) for name in names], conversions))

    return finish


def _same(value: Any) -> Any:
    return value


def _convert_all(values: list[Any], conversions: list[FromC]) -> list[Any]:
    """Convert all of several results, also when one of them fails, so that none leaks."""
    if not values:
        return []
    try:
        first = conversions[0](values[0])
    finally:
        others = _convert_all(values[1:], conversions[1:])
    return [first, *others]


def _releasing(convert: FromC | None, value: Value, free: Release | None) -> FromC | None:
    """Return *convert*, releasing the text that the caller owns, whatever comes of it."""
    if free is None or value.kind is not Kind.TEXT or convert is None:
        return convert

    def finish(pointer: Any) -> Any:
        try:
            return convert(pointer)
        finally:
            if pointer:
                free(pointer)

    return finish
