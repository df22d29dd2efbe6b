"""
The core invoker: executes call plans in C, at the speed of a hand-written extension.

It serves every signature of numbers, text, pointers and buffers whose values fit into the
registers that the ABI has for arguments. What it declines, the cffi invoker serves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import _cffi_backend

from nativeplug._core import MAX_FLOATS, MAX_INTEGERS, SERVED, Plan
from nativeplug.call.buffers import class_of_type
from nativeplug.call.plan import CallPlan, Kind, PlanValue, is_signed

if TYPE_CHECKING:
    from nativeplug._core import _Description as Description

_KINDS = {Kind.BOOL, Kind.CHAR, Kind.INTEGER, Kind.FLOAT, Kind.TEXT, Kind.POINTER}
_POINTERS = {Kind.TEXT, Kind.POINTER}
_ANY, _NONE = "b", " "
_NO_COUNTER = -1


def compile_core(ffi: Any, plan: CallPlan) -> Plan | None:
    """
    Compile a call plan for the core.

    ``NATIVEPLUG_INVOKER=cffi`` in the environment makes the core decline everything.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.

    Returns:
        None when the core declines it: it has more arguments than registers, varargs, or
        values that do not travel in one register; or the machine has another ABI.
    """
    values = plan.parameters
    floats = sum(value.kind is Kind.FLOAT for value in values)
    if (
        not SERVED
        or plan.signature.variadic
        or not _KINDS.issuperset(value.kind for value in values)
        or plan.result.kind not in {*_KINDS, Kind.VOID}
        or floats > MAX_FLOATS
        or len(values) - floats > MAX_INTEGERS
        or os.environ.get("NATIVEPLUG_INVOKER") == "cffi"
    ):
        return None
    described = [describe(ffi, value) for value in values]
    for length in plan.lengths:
        counter = _NO_COUNTER if length.counter is None else length.counter
        described[length.array] = (*described[length.array][:-2], counter, length.least)
    return Plan(describe(ffi, plan.result), tuple(described))


def describe(ffi: Any, value: PlanValue) -> Description:
    """Describe a parameter or result as `_core.Plan` takes it."""
    ctype, kind = value.ctype, value.kind
    items, item_size = _NONE, 0
    if kind in _POINTERS:
        items, item_size = _items(ffi, ctype.item)
    return (
        kind.name,
        0 if kind is Kind.VOID else ffi.sizeof(ctype),
        kind is Kind.INTEGER and is_signed(ffi, ctype),
        value.readonly,
        items,
        item_size,
        ctype if kind in _POINTERS else None,
        _NO_COUNTER,
        0,
    )


def _items(ffi: Any, item: Any) -> tuple[str, int]:
    """Return what a buffer's elements must be; Python decides where it is not so simple."""
    if item.kind == "void" or (item.kind == "primitive" and ffi.sizeof(item) == 1):
        return _ANY, 1
    sort = class_of_type(ffi, item)
    size = 0 if sort is None else ffi.sizeof(item)
    return {"signed": "s", "unsigned": "u", "float": "f"}.get(sort or "", _NONE), size


def word_of(ffi: Any, value: PlanValue, converted: Any) -> int:
    """
    Return what a converted argument is in a register.

    Args:
        ffi: The ``FFI`` that knows the type.
        value: The parameter.
        converted: What its conversion for cffi returned. It keeps alive what is pointed to.
    """
    if value.kind is Kind.CHAR:
        return ord(converted)
    if value.kind not in _POINTERS:
        raise value.wrong_type("a number", converted)  # all that are, the core has taken
    if isinstance(converted, bytes):
        converted = ffi.from_buffer(converted)
    return int(_cffi_backend.cast(_ADDRESS, converted))


_ADDRESS = _cffi_backend.new_primitive_type("uintptr_t")
