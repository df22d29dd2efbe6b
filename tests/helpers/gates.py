"""
What lets a test decide the order of things, so that none depends on how long anything takes.

A `Gate` holds C code up until the test lets it go on; `background` runs functions in threads
that are joined, and whose errors are the test's; `at_once` runs functions in threads together;
`interrupted` lets a signal handler come between the lines of the library, `interrupted_at` an
interrupt; `wait_for` waits for what happens by itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from types import CodeType, FrameType
from typing import Any, TypeVar

from typing_extensions import Self

import nativeplug
from nativeplug._util.single_flight import SingleFlight
from nativeplug.runtime.registry import registry

#: For how many seconds to wait for what must come. Only a defect waits so long: nothing is
#: learnt from the limit, so it may be as long as a slow machine needs.
PATIENCE = 240.0

_Result = TypeVar("_Result")

#: What C code needs for a gate: ``pass_gate(arrived, opened)`` says that it has come, and waits.
#: It returns 1 once the gate is open, and 0 if nobody opens it: a call that holds the GIL, and
#: so keeps the test from opening the gate, is told by that.
GATE_C = f"""
#include <poll.h>
#include <unistd.h>
static inline int pass_gate_within(int arrived, int opened, int milliseconds) {{
    struct pollfd gate = {{.fd = opened, .events = POLLIN}};
    char byte = 0;
    int ready = -1;
    if (write(arrived, &byte, 1) == 1)
        while ((ready = poll(&gate, 1, milliseconds)) < 0) ; /* a signal came between */
    return ready > 0;
}}
static inline int pass_gate(int arrived, int opened) {{
    return pass_gate_within(arrived, opened, {PATIENCE * 1000:.0f});
}}
"""

_TESTS = os.path.dirname(os.path.dirname(__file__))
#: Where the tests' own modules are: what they share, and scripts.
FOLDERS = [os.path.join(_TESTS, name) for name in ("helpers", "fuzz", "soak")]
#: The environment of a child process that imports them.
GATES = {"PYTHONPATH": os.pathsep.join(FOLDERS)}


class Gate:
    """
    Holds C code up: ``pass_gate(arrived, opened)`` returns once the gate is open.

    Any number of threads and processes may pass, each as often as it likes. The descriptors are
    inheritable: a child process that was given them (``pass_fds``) can be held up, too.
    """

    def __init__(self) -> None:
        """Make a gate that is closed."""
        self._arrivals, self.arrived = os.pipe()
        self.opened, self._open = os.pipe()
        for descriptor in (self.arrived, self.opened):
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature of os

    def wait(self) -> None:
        """Wait until C code has come to the gate; each that comes is waited for once."""
        ready, _, _ = select.select([self._arrivals], [], [], PATIENCE)
        assert ready, "nobody came to the gate"
        os.read(self._arrivals, 1)

    def let_pass(self) -> None:
        """Wait until C code has come to the gate, and open it: what another thread can do."""
        self.wait()
        self.open()

    def open(self) -> None:
        """Let everybody pass, now and later."""
        os.write(self._open, b"x")  # nobody reads it, so it is there for all

    def __enter__(self) -> Self:
        """Return the gate, which opens at the end of the ``with`` statement at the latest."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Open the gate. Its descriptors stay: somebody may be about to pass."""
        self.open()


@contextlib.contextmanager
def background(*functions: Callable[[], _Result]) -> Iterator[list[Future[_Result]]]:
    """
    Run each function in a thread of its own; give their futures.

    At the end all have returned, and the error of one that has failed is raised. Where the body
    has failed nobody is waited for, so a gate around it can still open.
    """
    futures: list[Future[_Result]] = [Future() for _ in functions]
    for function, future in zip(functions, futures, strict=True):
        threading.Thread(target=_run, args=(function, future), daemon=True).start()
    yield futures
    for future in futures:
        future.result(PATIENCE)


def at_once(*functions: Callable[[], _Result]) -> list[_Result]:
    """Run each function in a thread of its own, all at once; return what they return."""
    barrier = threading.Barrier(len(functions))

    def work(function: Callable[[], _Result]) -> _Result:
        barrier.wait(PATIENCE)
        return function()

    with background(*[partial(work, function) for function in functions]) as futures:
        pass
    return [future.result() for future in futures]


def interrupted(
    function: Callable[[], _Result], handler: Callable[[], object], package: str = ""
) -> _Result:
    """
    Call a function; before each line of ours, or of one of our packages, a handler runs.

    So may the handler of a signal, which comes wherever it pleases. A line that is come to again
    is not interrupted again. The thread is another one: it may lock itself.
    """
    seen: set[tuple[CodeType, int]] = set()
    ours = os.path.join(os.path.dirname(nativeplug.__file__), package)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(ours):
            return None
        place = frame.f_code, frame.f_lineno
        if event == "line" and place not in seen:
            seen.add(place)
            handler()
        return trace

    def work() -> _Result:
        sys.settrace(trace)
        try:
            return function()
        finally:
            sys.settrace(None)

    with background(work) as (call,):
        result = call.result(PATIENCE)
    assert seen, f"nothing of {ours} has run"
    return result


def interrupted_at(step: int, code: CodeType, function: Callable[[], object]) -> bool:
    """
    Call a function, with an interrupt as Ctrl-C makes it; tell whether it came.

    Args:
        step: Before which step of the code it comes, counted from 1: any two can be torn apart.
        code: The code.
        function: What calls it.
    """
    steps = itertools.count(1)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code is not code:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(steps) == step:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def count_waiting(cache: SingleFlight[Any, Any] = registry) -> int:
    """Count the threads that wait for what another one loads: a plugin, or what a cache keeps."""
    events: list[Any] = [entry.done for entry in list(cache._entries.values())]
    return sum(len(event._cond._waiters) for event in events)


def _run(function: Callable[[], _Result], future: Future[_Result]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
    else:
        future.set_result(result)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something that comes by itself is true; other threads run meanwhile."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not become true"
        time.sleep(0.001)
