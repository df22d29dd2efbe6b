"""Python callables as C function pointers."""

from __future__ import annotations

import array
import contextlib
import gc
import threading
import traceback
import weakref
from typing import Any

import pytest

import nativeplug
from nativeplug.call.callback import Call
from support import Compile, CPlugin, OpenPlugin, failing, shown


@pytest.fixture(scope="module")
def threads(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that calls back from a thread of its own."""
    return open_plugin(c_plugin("callback_threads"))


def test_a_callable_is_called(callbacks: Any) -> None:
    """Any callable will do where a function pointer is declared."""
    assert callbacks.apply(lambda x: x * 2, 21) == 42
    assert callbacks.apply(abs, -5) == 5
    assert callbacks.apply(int, 7) == 7


def test_several_calls_in_one_call(callbacks: Any) -> None:
    """A callback is called as often as C likes, with pointers as cdata."""
    seen: list[tuple[int, Any]] = []
    user = callbacks.ffi.new_handle(seen)

    def visit(x: int, user: Any) -> None:
        callbacks.ffi.from_handle(user).append((x, user))

    callbacks.for_each(array.array("i", [1, 2, 3]), 3, visit, user)
    assert [x for x, _ in seen] == [1, 2, 3]
    numbers = array.array("i", [3, 1, 2])
    integer = callbacks.ffi.typeof("int *")
    cast = callbacks.ffi.cast
    callbacks.sort_ints(numbers, 3, lambda a, b: cast(integer, a)[0] - cast(integer, b)[0])
    assert numbers.tolist() == [1, 2, 3]


@pytest.mark.parametrize("wrong", [5, "abs", object()], ids=shown)
def test_what_is_not_callable(callbacks: Any, wrong: object) -> None:
    """Anything else is a TypeError."""
    with pytest.raises(TypeError) as caught:
        callbacks.apply(wrong, 1)
    assert (
        "apply() argument 'f' must be a callable, a callback, cdata or None, "
        f"not {type(wrong).__name__}" == str(caught.value)
    )


def test_pointers_of_other_types(callbacks: Any) -> None:
    """A function pointer of another type is refused."""
    other = callbacks.callback("void (*)(void)", lambda: None)
    for wrong in (other, other.cdata):
        with pytest.raises(TypeError, match="argument 'f' must be cdata 'int\\(\\*\\)\\(int\\)'"):
            callbacks.apply(wrong, 1)


@pytest.mark.parametrize(
    "error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=shown
)
def test_errors_surface_from_the_call(callbacks: Any, error: BaseException) -> None:
    """Whatever a callback raises comes out of the call, with its traceback."""
    with pytest.raises(type(error)) as caught:
        callbacks.apply(failing(error), 1)
    assert caught.value is error
    assert caught.value.__context__ is None
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "fail"
    assert callbacks.apply(abs, -1) == 1


def test_nothing_is_called_after_an_error(callbacks: Any) -> None:
    """The rest of the call's callbacks are skipped, and C gets zeros."""
    seen: list[int] = []
    with pytest.raises(ValueError, match="mine"):
        callbacks.for_each(
            array.array("i", [1, 2, 3]),
            3,
            lambda x, _user: failing(ValueError("mine"), seen)(x),
            None,
        )
    assert seen == [1]


def test_other_callbacks_of_the_call_are_skipped_too(pairs: Any) -> None:
    """An error of one callback stops the others of the same call."""
    seen: list[int] = []
    with pytest.raises(ValueError, match="first"):
        pairs.both(failing(ValueError("first")), seen.append)
    assert seen == []
    assert pairs.both(abs, abs) == 3


@pytest.mark.parametrize("wrong", ["1", 1.5, None, 1 << 40], ids=shown)
def test_wrong_results_of_the_callable(callbacks: Any, wrong: object) -> None:
    """A result that C cannot have surfaces from the call, and names the callable."""

    def give(_x: int) -> object:
        return wrong

    error = OverflowError if isinstance(wrong, int) else TypeError
    with pytest.raises(error, match=r"result of callback .*give\(\) for 'int\(\*\)\(int\)': "):
        callbacks.apply(give, 1)


def test_wrong_number_of_parameters(callbacks: Any) -> None:
    """A callable that does not take the arguments is an error like any other."""
    with pytest.raises(TypeError, match="positional argument"):
        callbacks.apply(lambda: 1, 1)


def test_from_a_foreign_thread(threads: Any) -> None:
    """C may call back from any thread; the error surfaces where the callback was given."""
    names: list[str] = []

    def note(x: int) -> int:
        names.append(threading.current_thread().name)
        return x

    assert threads.call_from_thread(note, 7) == 7
    assert names != [threading.current_thread().name]
    error = ValueError("far away")
    with pytest.raises(ValueError, match="far away") as caught:
        threads.call_from_thread(failing(error), 7)
    assert caught.value is error


def test_from_goroutines(open_plugin: OpenPlugin, go_plugin: CPlugin) -> None:
    """Many threads of Go's call back at a time; the first error surfaces."""
    plg = open_plugin(go_plugin("callbacks"))
    numbers = array.array("q", range(100))
    assert plg.ForEachParallel(numbers, lambda x, _user: x * 2, None) == 9900
    assert plg.Apply(lambda x, _user: x + 1, 1) == 2
    with pytest.raises(ValueError, match="mine"):
        plg.ForEachParallel(numbers, lambda x, _user: failing(ValueError("mine"))(x), None)
    assert plg.ForEach(numbers, lambda x, _user: x, None) == 4950


def test_recursion(callbacks: Any) -> None:
    """A callback may call the function that calls it."""

    def down(x: int) -> int:
        return x + callbacks.apply(down, x - 1) if x else 0

    assert callbacks.apply(down, 20) == 210


def test_errors_of_nested_calls(callbacks: Any) -> None:
    """Each call raises the errors of its own callbacks, and only these."""

    def outer(_x: int) -> int:
        with pytest.raises(KeyError, match="inner"):
            callbacks.apply(failing(KeyError("inner")), 1)
        assert callbacks.apply(abs, -3) == 3
        return 5

    assert callbacks.apply(outer, 1) == 5

    def passes_on(x: int) -> int:
        result: int = callbacks.apply(failing(KeyError("inner")), x)
        return result

    with pytest.raises(KeyError, match="inner"):
        callbacks.apply(passes_on, 1)


class Function:
    """A callable that can be watched."""

    def __call__(self, x: int) -> int:
        """Raise for 0."""
        return 1 // x


@pytest.mark.parametrize("x", [0, 1], ids=["with an error", "without"])
def test_callables_are_let_go(callbacks: Any, x: int) -> None:
    """Nothing of a call is left when it is over, and no cycle: not even after an error."""
    function = Function()
    alive = weakref.ref(function)
    gc.disable()
    try:
        with contextlib.suppress(ZeroDivisionError):
            callbacks.apply(function, x)
        del function
        assert alive() is None
    finally:
        gc.enable()


def test_buffers_in_callbacks(callbacks: Any) -> None:
    """A buffer that a callback tries to resize stays where it is during the call."""
    numbers = array.array("i", [1, 2, 3])
    with pytest.raises(BufferError):
        callbacks.for_each(numbers, 3, lambda _x, _user: numbers.extend(range(10_000)), None)
    numbers.append(4)
    assert numbers.tolist() == [1, 2, 3, 4]


def test_closing_in_a_callback(open_plugin: OpenPlugin, c_plugin: CPlugin) -> None:
    """A call that is under way ends as usual when a callback closes the plugin."""
    plg = open_plugin(c_plugin("callbacks"))

    def close(x: int) -> int:
        plg.close()
        gc.collect()
        return x

    assert plg.apply(close, 5) == 5
    with pytest.raises(nativeplug.ClosedError):
        _ = plg.apply


def test_types_that_cannot_be_called_back(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """A function pointer with ``...`` takes pointers, but no callable."""
    plg = open_plugin(
        compile_c("int f(int (*p)(int, ...)) { return p == 0; }"), "int f(int (*p)(int, ...));"
    )
    assert plg.f(None) == 1
    with pytest.raises(nativeplug.DeclarationError, match="cannot make a callback of type"):
        plg.f(abs)
    with pytest.raises(nativeplug.DeclarationError, match="cannot make a callback of type"):
        plg.callback("int (*)(int, ...)", abs)


def test_only_the_first_error_is_kept() -> None:
    """Of errors that happen at once in several threads, one is raised."""
    first, second = ValueError("first"), ValueError("second")
    call = Call()
    assert not call.failed()
    call.add(first)
    call.add(second)
    assert call.failed()
    with pytest.raises(ValueError, match="first"):
        call.finish(None)
    assert not call.failed()
