"""Scope: what the functions and variables of one plugin share."""

from __future__ import annotations

from typing import Any

from nativeplug._core import Plan
from nativeplug.call.core_invoker import compile_core
from nativeplug.call.plan import CallPlan, compile_plan
from nativeplug.call.signature import Signature
from nativeplug.declare import FunctionDeclaration


class Scope:
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

    def copy(self) -> Scope:
        """Return another scope that shares types and plans with this one."""
        other = Scope(self.ffi, self.path)
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
