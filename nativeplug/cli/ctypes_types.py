"""A call plan's types as ctypes has them."""

from __future__ import annotations

import ctypes
from typing import Any

from nativeplug.call.plan import CallPlan, Kind, Value, is_signed

_BY_KIND: dict[Kind, Any] = {
    Kind.VOID: None,
    Kind.BOOL: ctypes.c_bool,
    Kind.CHAR: ctypes.c_char,
    Kind.LONG_DOUBLE: ctypes.c_longdouble,
    Kind.TEXT: ctypes.c_char_p,
    Kind.WIDE_TEXT: ctypes.c_void_p,
    Kind.POINTER: ctypes.c_void_p,
    Kind.CALLBACK: ctypes.c_void_p,
}
_FLOATS = {4: ctypes.c_float, 8: ctypes.c_double}


class InexpressibleError(Exception):
    """A call that cannot be made in some way."""


def result_and_arguments(ffi: Any, plan: CallPlan) -> tuple[Any, list[Any]]:
    """
    Return what ctypes calls ``restype`` and ``argtypes``.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan of a function.

    Raises:
        InexpressibleError: ctypes does not have one of the types, or the function takes
            further arguments.
    """
    if plan.signature.variadic:
        raise InexpressibleError("ctypes does not know how '...' is passed")
    return _type(ffi, plan.result), [_type(ffi, value) for value in plan.parameters]


def _type(ffi: Any, value: Value) -> Any:
    size = 0 if value.kind is Kind.VOID else ffi.sizeof(value.ctype)
    if value.kind is Kind.INTEGER:
        return getattr(ctypes, f"c_{'' if is_signed(ffi, value.ctype) else 'u'}int{8 * size}")
    if value.kind is Kind.FLOAT:
        return _FLOATS[size]
    if value.kind is Kind.WIDE and size == ctypes.sizeof(ctypes.c_wchar):
        return ctypes.c_wchar
    if value.kind in _BY_KIND:
        return _BY_KIND[value.kind]
    raise InexpressibleError(f"ctypes has no {value.ctype.cname!r}")
