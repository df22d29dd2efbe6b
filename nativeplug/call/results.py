"""The result of a call: converted, and released when the caller owns it."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from nativeplug.call.convert import FromC, from_c
from nativeplug.call.plan import CallPlan, Kind, PlanValue
from nativeplug.errors import PluginRaised

Release = Callable[[Any], object]
Fields = tuple[tuple[str, PlanValue], ...]


def raised(path: str, symbol: str, text: str) -> PluginRaised:
    """Return the error for a call of which the plugin tells that it has failed."""
    shown = " ".join(text.split())
    message = f"{symbol!r} of plugin {path!r} raised: {shown}"
    return PluginRaised(message, path=path, symbol=symbol, text=text)


def finisher(ffi: Any, plan: CallPlan, free: Release | None) -> FromC | None:
    """
    Return the conversion of the call's result; None where cffi's will do.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        free: Releases the text of a result that the caller owns; None when it is borrowed.
    """
    if plan.fields is not None:
        return _several(ffi, plan, plan.fields, free)
    convert = from_c(ffi, plan.result)
    if convert is None or free is None or plan.result.kind is not Kind.TEXT:
        return convert

    def finish(pointer: Any) -> Any:
        try:
            return convert(pointer)
        finally:
            if pointer:
                free(pointer)

    return finish


def _several(ffi: Any, plan: CallPlan, fields: Fields, free: Release | None) -> FromC:
    names = [name for name, _ in fields]
    kind = namedtuple(f"{plan.signature.name}_return", names)  # type: ignore[misc]  # noqa: PYI024 - its fields are known at run time only
    conversions = [(name, from_c(ffi, value) or _same) for name, value in fields]
    texts = [name for name, value in fields if value.kind is Kind.TEXT]

    def finish(struct: Any) -> Any:
        try:
            return kind(*(convert(getattr(struct, name)) for name, convert in conversions))
        finally:
            if free is not None:  # all of them, also when one is not UTF-8
                _release(free, [getattr(struct, name) for name in texts])

    return finish


def _same(value: Any) -> Any:
    return value


def _release(free: Release, pointers: list[Any]) -> None:
    for pointer in pointers:
        if pointer:
            free(pointer)
