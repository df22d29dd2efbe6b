"""Unloading what serves no more, as soon as nobody needs it: at once, or by a thread that looks."""

from __future__ import annotations

import logging
import os
import threading

from nativeplug.update.history import History

#: How often to look, in seconds: often after something was replaced, and then less and less.
_FIRST, _LAST, _GROWTH = 0.02, 1.0, 1.5

_log = logging.getLogger("nativeplug.unload")
# Reentrant: a signal handler or a finalizer may close a plugin at any point.
_lock = threading.RLock()
_waiting: set[History] = set()
_more = threading.Event()
_thread: threading.Thread | None = None


def unload_idle(history: History) -> None:
    """Unload what is to go and is needed by nobody, now or later; destructors run meanwhile."""
    if history.unload_idle():
        with _lock:
            _waiting.add(history)
            _more.set()
            _start()


def _start() -> None:
    """Start the thread, unless it runs."""
    global _thread  # noqa: PLW0603 - one for all plugins, while there is something to wait for
    if _thread is not None and _thread.is_alive():
        return
    thread = threading.Thread(target=_run, name="nativeplug-unload", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # no more threads, or the interpreter exits
        _log.warning("nothing is unloaded before the next update: %s", error)
    else:
        _thread = thread


def _run() -> None:
    global _thread  # noqa: PLW0603 - see above
    pause = _FIRST
    while True:
        pause = _FIRST if _more.wait(pause) else min(_LAST, pause * _GROWTH)
        with _lock:
            _more.clear()
            histories = [*_waiting]
        idle = {history for history in histories if not history.unload_idle()}
        with _lock:
            if not _more.is_set():  # else one of them may have got something to wait for
                _waiting.difference_update(idle)
            if not _waiting:
                _thread = None
                return


def _after_fork() -> None:
    """Begin anew in a child process: it has no such thread."""
    global _lock, _more, _thread
    _lock, _more, _thread = threading.RLock(), threading.Event(), None
    if _waiting:
        _start()


os.register_at_fork(after_in_child=_after_fork)
