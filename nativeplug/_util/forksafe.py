"""
Locks, and other state, that a child process can use after fork().

Only the thread that forks lives on in the child, fork(2). A lock that another thread held would
stay locked there for ever, and what another thread was about to do never happens. This is the one
place where the package tells Python what to do then.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

_Function = TypeVar("_Function", bound=Callable[[], object])

_PACKAGE: Final = __name__.partition(".")[0]
_locks: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def lock() -> threading.RLock:
    """
    Return a new lock that is free in a child process, unless the thread that forks holds it.

    It is reentrant: a signal handler or a finalizer may use a plugin at any point, also where the
    thread that runs it holds the lock.
    """
    made = threading.RLock()
    _locks.add(made)
    return made


def in_child(function: _Function) -> _Function:
    """
    Call a function in every child process: a decorator.

    The functions are called in the order in which they were given, after all locks are free. What
    one of them raises is printed, and stops none of the others.
    """
    os.register_at_fork(after_in_child=function)
    return function


@in_child
def _free_locks() -> None:
    for each in [*_locks]:
        # Private methods of the standard library, which `logging` and `threading.Condition` use.
        if not each._is_owned():  # noqa: SLF001
            each._at_fork_reinit()  # noqa: SLF001


@in_child
def _free_parser_of_cffi() -> None:
    """Let cffi's parser be used, which another thread may have been using."""
    parser = sys.modules.get("cffi.cparser")
    if parser is not None:
        vars(parser)["lock"] = threading.Lock()


def _finish_imports() -> None:
    """
    Wait until other threads have imported those of our modules that they are importing.

    Python leaves a module that is being imported locked in the child, and we import late.
    """
    for name, module in [*sys.modules.items()]:
        spec = getattr(module, "__spec__", None)
        if name.startswith(f"{_PACKAGE}.") and getattr(spec, "_initializing", False):
            with contextlib.suppress(Exception):  # it is the other thread's
                import_module(name)


os.register_at_fork(before=_finish_imports)
