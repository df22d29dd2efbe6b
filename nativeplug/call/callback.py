"""
A Python callable as a C function pointer.

C cannot carry an exception through: it is kept, C gets zero, and the call in which it
happened raises it when it returns. Until then further callbacks do nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any, Protocol

from nativeplug import _core
from nativeplug._core import FunctionBase
from nativeplug.call import context
from nativeplug.errors import DeclarationError


class Errors(Protocol):
    """Where callbacks put what was raised in them."""

    def add(self, error: BaseException) -> None:
        """Keep an error for the call in which it happened."""

    def failed(self) -> bool:
        """Tell whether the call that is under way has failed already."""


class Call:
    """One call: what must stay alive until it is over, and what its callbacks raised."""

    __slots__ = ("error", "kept")

    def __init__(self) -> None:
        # The first error of the callbacks that were made for this call, in any thread.
        self.error: BaseException | None = None
        self.kept: list[object] = []

    def add(self, error: BaseException) -> None:
        """Keep the first error."""
        if self.error is None:
            self.error = error

    def failed(self) -> bool:
        """Tell whether there is an error."""
        return self.error is not None

    def finish(self, late: BaseException | None) -> None:
        """
        Let go of everything, and raise what callbacks raised, if anything.

        Args:
            late: What a callback raised in this call that was not made for it.
        """
        error, self.error = self.error, None
        self.kept.clear()
        try:
            if late is not None:
                raise late
        finally:
            try:
                if error is not None:
                    raise error
            finally:
                del error, late  # their tracebacks hold this frame


class PendingErrors:
    """
    What was raised in callbacks that outlive calls, by the call in which it happened.

    A call is known by the frame of the invoker that makes it: the innermost one below the
    callback. So nothing is done per call, and neither nested calls nor threads, whose
    identifiers are used again, are mixed up.
    """

    __slots__ = ("_invokers", "by_call")

    def __init__(self) -> None:
        self.by_call: dict[FrameType, BaseException] = {}
        self._invokers: set[CodeType] = set()

    def serve(self, invoker: CodeType) -> None:
        """Note that frames of this code make calls, and take what they find in `by_call`."""
        self._invokers.add(invoker)

    def add(self, error: BaseException) -> None:
        """Keep the first error; where no call waits, as on a thread of C's, show it at once."""
        call = self._call_under_way()
        if call is not None:
            self.by_call.setdefault(call, error)
            return
        arguments = (type(error), error, error.__traceback__, None)
        threading.excepthook(threading.ExceptHookArgs(arguments))

    def take(self, call: FrameType) -> BaseException | None:
        """Return the error of the call that *call* has made; it is forgotten."""
        return self.by_call.pop(call, None)

    def failed(self) -> bool:
        """Tell whether the call that is under way in this thread has failed."""
        return bool(self.by_call) and self._call_under_way() in self.by_call

    def _call_under_way(self) -> FrameType | None:
        frame: FrameType | None = sys._getframe()  # noqa: SLF001 - there is no other way
        while frame is not None and frame.f_code not in self._invokers:
            frame = frame.f_back
        return frame


#: One table for all plugins: a callback that one of them made may be called by another.
PENDING = PendingErrors()


def _watched(function: FunctionBase, *args: Any) -> Any:
    """Make a call of the core, in a frame by which it is known to `PENDING`."""
    try:
        return function._invoke(*args)  # noqa: SLF001 - the core's, for this
    finally:
        if PENDING.by_call:
            Call().finish(PENDING.take(sys._getframe()))  # noqa: SLF001


PENDING.serve(_watched.__code__)


class _SkippedError(Exception):
    """The call has failed already: the callable is not called, and C gets zero."""


def function_pointer(ffi: Any, ctype: Any, function: Callable[..., object], errors: Errors) -> Any:
    """
    Return a C function pointer that calls *function*, for as long as the pointer lives.

    Args:
        ffi: The plugin's ``FFI``.
        ctype: The type of the function pointer.
        function: The Python callable.
        errors: Where to put what it raises.

    Raises:
        DeclarationError: cffi cannot make a callback of this type.
    """
    holding = [index for index, each in enumerate(ctype.args) if context.may_hold_address(each)]

    def run(*args: Any) -> object:
        if errors.failed():
            raise _SkippedError
        if holding:
            context.note_given(ffi, args, holding)
        return function(*args)

    def note(kind: type, error: BaseException, trace: TracebackType | None) -> None:
        if kind is _SkippedError:
            return
        if trace is None:  # it is cffi's own: the result cannot be converted
            name = getattr(function, "__qualname__", None) or repr(function)
            sort = kind if kind in {TypeError, OverflowError} else ValueError
            error = sort(f"result of callback {name}() for {ctype.cname!r}: {error}")
        errors.add(error.with_traceback(trace))

    try:
        return ffi.callback(ctype, run, onerror=note)
    except NotImplementedError:
        raise DeclarationError(
            f"cannot make a callback of type {ctype.cname!r}: "
            "'...', unions and complex numbers cannot be passed to Python"
        ) from None


class Callback:
    """
    A C function pointer that calls a Python callable, for as long as this object lives.

    Made by ``plg.callback``; accepted wherever its type of function pointer is declared.
    C may call it from any thread. An exception raised in it surfaces from the plugin's call
    in which it happened; on a thread of C's own it goes to ``threading.excepthook``.
    """

    __slots__ = ("__weakref__", "cdata", "function")

    def __init__(
        self, ffi: Any, ctype: Any, function: Callable[..., object], errors: Errors
    ) -> None:
        #: The Python callable.
        self.function = function
        _core.watch(_watched)  # from now on C may call it in any call
        #: The function pointer, a cffi cdata that this object keeps alive.
        self.cdata = function_pointer(ffi, ctype, function, errors)

    def __repr__(self) -> str:
        """Show the C type and the callable."""
        return f"<nativeplug.Callback {self.cdata!r} of {self.function!r}>"
