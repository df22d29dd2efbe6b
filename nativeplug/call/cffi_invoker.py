"""
The cffi invoker: executes call plans through cffi, which makes the call by libffi.

It serves every signature that cffi can call. The GIL is released around every call.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import _cffi_backend

from nativeplug import _core
from nativeplug._core import Uses
from nativeplug.call import buffers, context
from nativeplug.call.arguments import out_of_range
from nativeplug.call.callback import PENDING, Call
from nativeplug.call.convert import FromC, ToC, to_c
from nativeplug.call.plan import CallPlan, Kind, PlanValue
from nativeplug.call.results import Release, finisher, raised
from nativeplug.call.text import encode
from nativeplug.errors import DeclarationError, PluginRaised

Invoke = Callable[..., Any]

#: Parameters whose conversion leaves something in the `Call`.
_KEEPING = {Kind.CALLBACK, Kind.GO_STRING, Kind.GO_SLICE}
#: Results of which the program is given a copy.
_COPIED = {Kind.TEXT, Kind.GO_STRING}


def bind(  # noqa: PLR0913 - all that a call needs
    ffi: Any,
    plan: CallPlan,
    address: int,
    uses: Uses,
    *,
    release: int = 0,
    save_errno: bool = False,
    path: str = "",
) -> Invoke:
    """
    Return a callable that executes *plan* on the function at *address*.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        address: The function's address.
        uses: Who uses the generation that it lies in.
        release: The address of what releases a text that the caller owns; 0: it is borrowed.
        save_errno: Keep errno after each call, for `nativeplug.get_errno`.
        path: The plugin's path, for words.

    Raises:
        DeclarationError: cffi cannot call this signature.
    """
    _check_passable(ffi, plan)
    target = ffi.cast(_widening(plan), address)
    conversions = [_conversion(ffi, parameter) for parameter in plan.parameters]
    count, variadic = len(conversions), plan.signature.variadic
    counted = bool(plan.lengths)
    finish = finisher(ffi, plan, _releaser(ffi, release) if release else None)
    keeps = any(parameter.kind in _KEEPING for parameter in plan.parameters)
    exporting = plan.result.kind not in _COPIED and context.may_hold_address(plan.result.ctype)
    idle, late = Call(), PENDING.by_call
    error = partial(raised, path, plan.signature.name)
    asking = _Asking(ffi, target, uses, error, save_errno, bool(release), finish)
    target = asking if uses.tells_errors else target

    def invoke(*args: Any) -> Any:
        if len(args) != count and (len(args) < count or not variadic):
            args = buffers.complete(ffi, plan, args)
        pins: list[Any] = []
        call = Call() if keeps else idle
        converted: list[Any] = []
        try:
            # A comprehension is a call of its own before Python 3.12: it takes a third longer.
            taken = buffers.pin(ffi, plan, args, pins) if counted else args
            for convert, given in zip(conversions, taken):  # noqa: B905 - `...` takes the rest
                converted.append(convert(given, call))
            if counted:
                buffers.check(ffi, plan, pins, converted)
            if variadic:
                converted += _further(ffi, plan, args)
            if save_errno:
                ffi.errno = 0
            result = target(*converted)
            if save_errno:
                _core.set_errno(ffi.errno)
            if exporting:
                context.note(ffi, uses, result)
            return result if finish is None else finish(result)
        finally:
            del converted, pins  # an error's traceback holds this frame, and it buffers
            if keeps or late:
                # Of this frame: see PendingErrors.
                call.finish(PENDING.take(sys._getframe()) if late else None)  # noqa: SLF001

    PENDING.serve(invoke.__code__)
    return invoke


@dataclass(frozen=True, slots=True)
class _Asking:
    """A function of a plugin that is asked after each call whether that has failed."""

    ffi: Any
    target: Any
    uses: Uses
    error: Callable[[str], PluginRaised]
    save_errno: bool
    #: The conversion of the result releases it, too.
    releases: bool
    finish: FromC | None

    def __call__(self, *converted: Any) -> Any:
        result, told = self.uses.call(self.target, converted)
        if told is None:
            return result
        if self.save_errno:
            _core.set_errno(self.ffi.errno)
        if self.releases and self.finish is not None:
            with contextlib.suppress(UnicodeDecodeError):  # of a text that nobody sees
                self.finish(result)
        raise self.error(told)


def _releaser(ffi: Any, address: int) -> Release:
    release = ffi.cast("void (*)(void *)", address)
    return lambda pointer: release(ffi.cast("void *", pointer))


def _widening(plan: CallPlan) -> Any:
    """
    Return the type of a pointer to the function as libffi has to see it.

    cffi passes ``char`` as ``unsigned char``, without its sign. Clang's and Rust's code on x86-64
    relies on callers that widen; that of AArch64 widens itself.
    """
    pointer = plan.pointer
    if not any(parameter.kind is Kind.CHAR for parameter in plan.parameters):
        return pointer
    signed = _cffi_backend.new_primitive_type("signed char")
    types = (signed if value.kind is Kind.CHAR else value.ctype for value in plan.parameters)
    return _cffi_backend.new_function_type(
        tuple(types), pointer.result, pointer.ellipsis, pointer.abi
    )


def _conversion(ffi: Any, value: PlanValue) -> ToC:
    """Return the conversion of arguments; of ``char`` for the ``signed char`` that it goes as."""
    convert = to_c(ffi, value)
    if value.kind is not Kind.CHAR:
        return convert
    return lambda given, call: int.from_bytes(convert(given, call), sys.byteorder, signed=True)


def _further(ffi: Any, plan: CallPlan, args: Sequence[Any]) -> list[Any]:
    """Convert the arguments that stand for ``...``."""
    count, label = len(plan.parameters), plan.signature.label
    return [
        further_argument(ffi, label(index), given)
        for index, given in enumerate(args[count:], count)
    ]


def _check_passable(ffi: Any, plan: CallPlan) -> None:
    """Refuse what libffi cannot pass by value; cffi itself tells only at the first call."""
    sign, abi = plan.signature, _cffi_backend.FFI_DEFAULT_ABI
    types = [sign.result, *(parameter.type for parameter in sign.parameters)]
    for value, text in zip((plan.result, *plan.parameters), types, strict=True):
        if value.kind is not Kind.OTHER:
            continue
        returning = _cffi_backend.new_function_type((), value.ctype, 0, abi)
        try:
            ffi.callback(returning, _check_passable)  # takes the same preparation as a call
        except NotImplementedError:
            raise DeclarationError(
                f"cannot call {str(sign)!r}: cffi cannot pass {text!r} by value; "
                "declare a function that takes or returns a pointer to it"
            ) from None


# Arguments that stand for ``...``.


def further_argument(ffi: Any, label: str, given: Any) -> Any:
    """
    Convert an argument that stands for ``...``, which has no declared type.

    int is passed as 64 bits wide, which a callee may also read as ``int`` (its promotions
    leave the register or stack slot the same), float as ``double``, str and bytes as
    ``char *``, None as NULL; cdata as the type it has.
    """
    if isinstance(given, ffi.CData):
        return given
    if given is None:
        return ffi.NULL
    if isinstance(given, float):
        return ffi.cast("double", given)
    if isinstance(given, str):
        return ffi.new("char[]", encode(given, label))
    if isinstance(given, bytes):
        return ffi.new("char[]", given)
    if not hasattr(type(given), "__index__"):
        name = type(given).__name__
        raise TypeError(f"{label} must be int, float, str, bytes, cdata or None, not {name}")
    number = operator.index(given)
    if not -(1 << 63) <= number < 1 << 64:
        raise out_of_range(label, "64 bits", number)
    return ffi.cast("int64_t" if number < 1 << 63 else "uint64_t", number)
