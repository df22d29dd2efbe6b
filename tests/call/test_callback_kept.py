"""Callbacks that outlive calls."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from functools import partial
from typing import Any

import pytest

import nativeplug
from gates import at_once
from support import CPlugin, OpenPlugin, failing


def test_callback_that_outlives_calls(callbacks: Any) -> None:
    """``plg.callback`` makes a pointer that C may keep as long as the object lives."""
    handler = callbacks.callback("handler_t", lambda event: event * 10)
    callbacks.register_handler(handler)
    gc.collect()
    assert callbacks.fire(4) == 40
    assert callbacks.apply(handler, 5) == 50
    assert callable(handler.function)
    assert "int(*)(int)" in repr(handler)
    callbacks.register_handler(None)
    assert callbacks.fire(4) == -1


def test_its_errors_surface_from_the_call_in_which_they_happen(callbacks: Any) -> None:
    """Not the call that registered it fails, but the one that fires."""
    error = ValueError("mine")
    handler = callbacks.callback("handler_t", failing(error))
    callbacks.register_handler(handler)
    with pytest.raises(ValueError, match="mine") as caught:
        callbacks.fire(1)
    assert caught.value is error
    callbacks.register_handler(None)
    assert callbacks.fire(1) == -1


def test_its_errors_in_nested_calls(callbacks: Any) -> None:
    """The innermost call is the one that fails."""
    handler = callbacks.callback("handler_t", failing(ValueError("mine")))
    callbacks.register_handler(handler)

    def outer(x: int) -> int:
        with pytest.raises(ValueError, match="mine"):
            callbacks.fire(x)
        return 7

    assert callbacks.apply(outer, 1) == 7
    callbacks.register_handler(None)


def test_it_is_skipped_after_its_error(pairs: Any) -> None:
    """After an error it is not called again in the same call, but in the next."""
    seen: list[int] = []
    handler = pairs.callback("handler_t", failing(ValueError("mine"), seen))
    pairs.keep(handler)
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            pairs.late()
    assert seen == [1, 1]


def test_two_errors_in_one_call(pairs: Any) -> None:
    """When callbacks of both sorts fail, the second error has the other as its context."""
    handler = pairs.callback("handler_t", failing(KeyError("late")))
    pairs.keep(handler)
    with pytest.raises(ValueError, match="own") as caught:
        pairs.all(failing(ValueError("own")))
    assert isinstance(caught.value.__context__, KeyError)
    pairs.keep(None)


@pytest.fixture(scope="module")
def threads(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that calls back from a thread of its own."""
    return open_plugin(c_plugin("callback_threads"))


def test_a_callback_of_another_plugin(callbacks: Any, threads: Any) -> None:
    """The error surfaces from the call that was made, whichever plugin's."""
    handler = callbacks.callback("handler_t", failing(ValueError("mine")))
    apply = threads.ffi.cast("int (*)(int (*)(int), int)", callbacks.lookup("apply").address)
    with pytest.raises(ValueError, match="mine"):
        callbacks.apply(handler, 1)
    with pytest.raises(ValueError, match="mine"):
        callbacks.apply(lambda x: apply(handler.cdata, x), 1)


def test_without_a_call_errors_are_shown(
    callbacks: Any, threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a thread of C's, or where cffi calls directly, errors go to ``threading.excepthook``."""
    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.append(args.exc_value))
    error = ValueError("mine")
    handler = threads.callback("int (*)(int)", failing(error))
    assert threads.call_from_thread(handler, 1) == 0
    assert handler.cdata(1) == 0
    assert shown == [error, error]
    assert callbacks.apply(abs, -1) == 1


def test_many_threads_with_errors_of_their_own(callbacks: Any) -> None:
    """Each thread gets the errors of its own calls."""
    right: list[int] = []
    handler = callbacks.callback("handler_t", lambda x: failing(ValueError(x))(x))
    callbacks.register_handler(handler)

    def work(number: int) -> None:
        for _ in range(200):
            for call in (callbacks.fire, lambda x: callbacks.apply(failing(ValueError(x)), x)):
                with pytest.raises(ValueError, match=f"^{number}$"):
                    call(number)
                right.append(number)

    at_once(*[partial(work, number) for number in range(8)])
    callbacks.register_handler(None)
    assert sorted(right) == sorted(list(range(8)) * 400)


class Function:
    """A callable that can be watched."""

    def __call__(self, x: int) -> int:
        """Raise for 0."""
        return 1 // x


def test_kept_callbacks_are_let_go(callbacks: Any) -> None:
    """A callback that nobody holds is gone, and so are its errors."""
    function = Function()
    alive = weakref.ref(function)
    gc.disable()
    try:
        with contextlib.suppress(ZeroDivisionError):
            callbacks.apply(callbacks.callback("handler_t", function), 0)
        del function
        assert alive() is None
    finally:
        gc.enable()
