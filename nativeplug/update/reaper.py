"""Unloading what serves no more, as soon as nobody needs it: at once, or by a thread that looks."""

from __future__ import annotations

import os
import threading

from nativeplug.update.history import History

#: How often to look, in seconds: often after something was replaced, and then less and less.
_FIRST, _LAST, _GROWTH = 0.02, 1.0, 1.5

_lock = threading.RLock()
_waiting: set[History] = set()
_thread: threading.Thread | None = None
_more = threading.Event()


def unload_idle(history: History) -> None:
    """Unload what serves no more and is needed by nobody, now or later. Never waits."""
    if history.unload_idle():
        with _lock:
            _waiting.add(history)
            _start()
        _more.set()


def _start() -> None:
    global _thread  # noqa: PLW0603 - one for all plugins, while there is something to wait for
    if _thread is None:
        _thread = threading.Thread(target=_run, name="nativeplug-unload", daemon=True)
        _thread.start()


def _run() -> None:
    global _thread  # noqa: PLW0603 - see above
    pause = _FIRST
    while True:
        if _more.wait(pause):
            _more.clear()
            pause = _FIRST
        else:
            pause = min(_LAST, pause * _GROWTH)
        done = [history for history in [*_waiting] if not history.unload_idle()]
        with _lock:
            _waiting.difference_update(done)
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
