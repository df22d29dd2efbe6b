"""A declaration and an address -> a Function or Variable."""

from __future__ import annotations

from nativeplug._core import COUNT_HELD, HOLD_GIL, SAVE_ERRNO, Uses, switch
from nativeplug.call.callback import PENDING, Callback
from nativeplug.call.cffi_invoker import Invoke, bind
from nativeplug.call.context import CallContext
from nativeplug.call.function import Function
from nativeplug.call.plan import CallPlan, Signature, check_free, compile_plan, refuse_go_result
from nativeplug.call.variable import Memory, Variable

__all__ = [
    "COUNT_HELD",
    "HOLD_GIL",
    "PENDING",
    "SAVE_ERRNO",
    "CallContext",
    "CallPlan",
    "Callback",
    "Function",
    "Invoke",
    "Memory",
    "Signature",
    "Uses",
    "Variable",
    "bind",
    "check_free",
    "compile_plan",
    "refuse_go_result",
    "switch",
]
