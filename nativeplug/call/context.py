"""Scope: what the functions and variables of one plugin share."""

from __future__ import annotations

from typing import Any

import _cffi_backend

from nativeplug._core import Plan, Uses
from nativeplug._util import forksafe
from nativeplug.call.core_invoker import compile_core
from nativeplug.call.plan import CallPlan, Signature, compile_plan
from nativeplug.declare import FunctionDeclaration


class CallContext:
    """What the symbols of one plugin share: its types, and the plans made of them so far."""

    __slots__ = ("__weakref__", "_plans", "ffi", "holder", "known_plans", "path")

    def __init__(self, ffi: Any, path: str) -> None:
        #: The cffi ``FFI`` that knows the types.
        self.ffi = ffi
        #: The plugin's path, for people.
        self.path = path
        #: What has to live as long as any of the functions and variables.
        self.holder: object = None
        #: The core's plans by the pattern of the line that is kept of a function.
        self.known_plans: dict[str, Plan] = {}
        self._plans: dict[str, Plan | None] = {}

    def copy(self) -> CallContext:
        """Return another scope that shares types and plans with this one."""
        other = CallContext(self.ffi, self.path)
        other.known_plans, other._plans = self.known_plans, self._plans
        return other

    def call_plan(self, declaration: FunctionDeclaration) -> CallPlan:
        """Compile the call plan of a declared function."""
        return compile_plan(Signature.of(declaration), self.ffi.typeof(declaration.pointer))

    def core_plan(self, declaration: FunctionDeclaration, pattern: str) -> Plan | None:
        """
        Return the core's plan of a declared function; None when the core declines it.

        A plan is made once for each prototype, and known for each pattern.
        """
        prototype = declaration.prototype
        if prototype not in self._plans:
            self._plans[prototype] = compile_core(self.ffi, self.call_plan(declaration))
        plan = self._plans[prototype]
        if plan is not None:
            self.known_plans[pattern] = plan
        return plan


# Addresses of a plugin that Python is given: its code and data must stay as long as those.
#
# What decides is the C type, in whatever way its values are converted: a pointer, also to a
# function, and whatever may have one in it. An integer is none, also where it has an address.


_ADDRESS = _cffi_backend.new_primitive_type("uintptr_t")
_POINTERS = frozenset({"pointer", "function"})
_AGGREGATES = frozenset({"struct", "union", "array"})
_WORD = 8

#: Who uses each generation that may be unloaded, of all plugins: a callback may be called by any.
_watched: tuple[Uses, ...] = ()
#: Changes whenever a callback is given something in which an address may be.
_given = 0
_lock = forksafe.lock()


def may_hold_address(ctype: Any) -> bool:
    """Tell whether values of a type, as cffi describes it, may have addresses in them."""
    return ctype.kind in _POINTERS or ctype.kind in _AGGREGATES


def note(ffi: Any, uses: Uses, given: object) -> None:
    """
    Note the addresses in what a call or a variable gives.

    Args:
        ffi: The plugin's ``FFI``.
        uses: Who uses the generation that gives it.
        given: A cdata: a pointer, or a struct, union or array with whatever lies in it, at any
            place: it may be packed. What lies behind pointers is not looked at. Anything else
            has no address.
    """
    if not isinstance(given, ffi.CData):
        return
    kind = ffi.typeof(given).kind
    if kind in _POINTERS:
        uses.export(int(_cffi_backend.cast(_ADDRESS, given)))
    elif kind in _AGGREGATES:
        start = given if kind == "array" else ffi.addressof(given)
        uses.export(int(_cffi_backend.cast(_ADDRESS, start)))
        content = memoryview(ffi.buffer(start)[:])
        for first in range(_WORD):
            words = content[first : first + (len(content) - first) // _WORD * _WORD].cast("Q")
            for word in words:
                if uses.is_exported:
                    return
                uses.export(word)


def note_given(ffi: Any, args: tuple[Any, ...], holding: list[int]) -> None:
    """
    Note the addresses, of whichever generation they are, in what a callback is given.

    Args:
        ffi: The plugin's ``FFI``.
        args: The arguments.
        holding: Which of them may hold addresses.
    """
    global _given  # noqa: PLW0603 - the process's
    _given += 1
    for uses in _watched:
        for index in holding:
            note(ffi, uses, args[index])


def watch(uses: Uses) -> None:
    """Look for a generation's addresses in what callbacks are given from now on."""
    global _watched  # noqa: PLW0603 - the process's
    with _lock:
        _watched = (*(each for each in _watched if each is not uses), uses)


def unwatch(uses: Uses) -> None:
    """Look for them no more: it is not to be unloaded, or is not there any more."""
    global _watched  # noqa: PLW0603 - the process's
    with _lock:
        _watched = tuple(each for each in _watched if each is not uses)


def count_given() -> int:
    """Return what changes whenever a callback is given something that may hold an address."""
    return _given
