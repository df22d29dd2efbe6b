"""
What lets a test decide the order of things, so that none depends on how long anything takes.

A `Gate` holds C code up until the test lets it go on; `background` runs a function in a thread
that is joined, and whose error is the test's; `wait_for` waits for what happens by itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from typing_extensions import Self

#: For how many seconds to wait for what must come. Only a defect waits so long: nothing is
#: learnt from the limit, so it may be as long as a slow machine needs.
PATIENCE = 240.0

_Result = TypeVar("_Result")

#: What C code needs for a gate: ``pass_gate(arrived, opened)`` says that it has come, and waits.
GATE_C = """
#include <unistd.h>
static void pass_gate(int arrived, int opened) {
    char byte = 0;
    if (write(arrived, &byte, 1) == 1)
        while (read(opened, &byte, 1) < 0) ; /* a signal came between */
}
"""


class Gate:
    """
    Holds C code up: ``pass_gate(arrived, opened)`` returns once the gate is open.

    Any number of threads and processes may pass, each as often as it likes. The descriptors are
    inheritable: a child process that was given them (``pass_fds``) can be held up, too.
    """

    def __init__(self) -> None:
        """Make a gate that is closed."""
        self._arrivals, self.arrived = os.pipe()
        self.opened, self._closed = os.pipe()
        for descriptor in (self.arrived, self.opened):
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature of os
        self._is_open = False

    def wait(self) -> None:
        """Wait until C code has come to the gate; each that comes is waited for once."""
        ready, _, _ = select.select([self._arrivals], [], [], PATIENCE)
        assert ready, "nobody came to the gate"
        os.read(self._arrivals, 1)

    def open(self) -> None:
        """Let everybody pass, now and later."""
        if not self._is_open:
            self._is_open = True
            os.close(self._closed)  # read(2) gives the end of the file from now on

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
