"""
A Python callable as a C function pointer.

C cannot carry an exception through: it is kept, C gets zero, and the call in which it
happened raises it when it returns. Until then further callbacks do nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol


class Errors(Protocol):
    """Where callbacks put what was raised in them."""

    def add(self, error: BaseException) -> None:
        """Keep an error for the call in which it happened."""

    def failed(self) -> bool:
        """Tell whether the call that is under way has failed already."""


class CallErrors:
    """What was raised in callbacks that were made for one call, in any thread."""

    __slots__ = ("_first",)

    def __init__(self) -> None:
        self._first: BaseException | None = None

    def add(self, error: BaseException) -> None:
        """Keep the first error."""
        if self._first is None:
            self._first = error

    def failed(self) -> bool:
        """Tell whether there is an error."""
        return self._first is not None

    def raise_first(self) -> None:
        """Raise the first error, if there is one."""
        if self._first is not None:
            raise self._first


class PendingErrors:
    """What was raised in callbacks that outlive calls, until this thread's call returns."""

    __slots__ = ("_by_thread",)

    def __init__(self) -> None:
        self._by_thread: dict[int, BaseException] = {}

    def __bool__(self) -> bool:
        """Tell whether the call of any thread has failed."""
        return bool(self._by_thread)

    def add(self, error: BaseException) -> None:
        """Keep the first error; show it at once on a thread that C made, and no call waits."""
        caller = sys._getframe().f_back  # noqa: SLF001 - of the callback, in this module
        while caller is not None and caller.f_globals is globals():
            caller = caller.f_back
        if caller is not None:
            self._by_thread.setdefault(threading.get_ident(), error)
            return
        arguments = (type(error), error, error.__traceback__, None)
        threading.excepthook(threading.ExceptHookArgs(arguments))

    def failed(self) -> bool:
        """Tell whether this thread's call has failed."""
        return threading.get_ident() in self._by_thread

    def raise_here(self) -> None:
        """Raise the error of this thread's call, if there is one."""
        error = self._by_thread.pop(threading.get_ident(), None)
        if error is not None:
            raise error


class _SkippedError(Exception):
    """The call has failed already: the callable is not called, and C gets zero."""


class Callback:
    """
    A C function pointer that calls a Python callable, for as long as this object lives.

    Made by ``plg.callback``; accepted wherever its type of function pointer is declared.
    C may call it from any thread. An exception raised in it surfaces from the plugin's call
    in which it happened; on a thread of C's own it goes to ``threading.excepthook``.
    """

    __slots__ = ("__weakref__", "_errors", "cdata", "function")

    def __init__(
        self, ffi: Any, ctype: Any, function: Callable[..., object], errors: Errors
    ) -> None:
        self._errors = errors
        #: The Python callable.
        self.function = function
        #: The function pointer, a cffi cdata that this object keeps alive.
        self.cdata = ffi.callback(ctype, self._run, onerror=self._note)

    def __repr__(self) -> str:
        """Show the C type and the callable."""
        return f"<nativeplug.Callback {self.cdata!r}>"

    def _run(self, *args: Any) -> object:
        if self._errors.failed():
            raise _SkippedError
        return self.function(*args)

    def _note(self, kind: type, error: BaseException, _trace: TracebackType | None) -> None:
        """Take what the callable raised, or cffi when it converted the result."""
        if kind is not _SkippedError:
            self._errors.add(error)
