"""Functions over whole columns: slices, threads, progress, errors."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

import nativeplug
from gates import GATE_C, Gate, background
from support import Compile, RunPython

TEXT = (
    GATE_C
    + """
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
typedef int (*handler_t)(int);
static handler_t kept;
void keep(handler_t h) { kept = h; }
int fire(int x) { return kept(x); }
double half(double x) { return x / 2; }
int count = 0;
void tick(void) { count++; }
void add_up(int by) { __atomic_fetch_add(&count, by, __ATOMIC_RELAXED); }
int gated(int arrived, int opened) { return pass_gate(arrived, opened); }
int nap(int us) {
    struct timespec t = {0, us * 1000L};
    nanosleep(&t, 0);
    add_up(1);
    return us;
}
int signalled = 0;
int send(int us) {
    int signal = __atomic_exchange_n(&signalled, 0, __ATOMIC_RELAXED);
    if (signal != 0)
        raise(signal);
    return nap(us);
}
int fail(int number) { errno = number; return number; }
"""
)
#: Calls of a millisecond each, which nobody waits for.
ENDLESS = 1_000_000
DECLARATIONS = """
typedef int (*handler_t)(int);
void keep(handler_t h);
int fire(int x);
double half(double x);
extern int count;
void tick(void);
void add_up(int by);
int gated(int arrived, int opened);
int nap(int us);
int send(int us);
int fail(int number);
"""


@pytest.fixture
def plg(compile_c: Compile) -> Any:
    """Return a fresh plugin."""
    return nativeplug.open(compile_c(TEXT), DECLARATIONS, save_errno=["fail"])


def test_one_call_for_each_element(plg: Any) -> None:
    """The result has what the function returns for each element, in order."""
    assert array.array("d", [0.5, 1, 1.5]) == plg.lookup("half").map(array.array("d", [1, 2, 3]))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [0, 1, 2, 255, 256, 257, 20_000])
def test_every_length_and_number_of_threads(plg: Any, threads: int, length: int) -> None:
    """Blocks, slices and parts meet without a gap, and nothing is done twice."""
    xs = np.arange(length, dtype=float)
    assert np.array_equal(xs / 2, plg.lookup("half").map(xs, threads=threads))
    plg.lookup("add_up").map(np.ones(length, np.int32), threads=threads)
    assert plg.count == length


def test_a_function_without_parameters(plg: Any) -> None:
    """*out* says how often a function without parameters is called; without it that is unknown."""
    with pytest.raises(TypeError, match=r"tick\(\) mapped over scalars only: give a buffer"):
        plg.lookup("tick").map()
    with pytest.raises(TypeError, match=r"tick\(\) has no result, so out= cannot take any"):
        plg.lookup("tick").map(out=array.array("i", [0]))


def test_chars_are_widened(compile_c: Compile) -> None:
    """A function that relies on its caller to widen a char, as Rust's and Clang's do, may."""
    text = """
    #ifdef __x86_64__
    int is_80(int c)
    #else
    int is_80(char c)
    #endif
    { return c == (char)0x80; }
    """
    is_80: Any = nativeplug.open(compile_c(text), "int is_80(char c);").lookup("is_80")
    assert [1, 0] == is_80.map(b"\x80\x7f").tolist()


def test_progress(plg: Any) -> None:
    """Progress tells the calls made, ever more, up to all."""
    for threads in (1, 2):
        told: list[tuple[int, int]] = []
        xs = np.ones(100_000)
        plg.lookup("half").map(xs, threads=threads, progress=lambda *now: told.append(now))  # noqa: B023
        assert (100_000, 100_000) == told[-1]
        assert sorted(told) == told


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_progress_stops_the_calls(plg: Any, threads: int) -> None:
    """What *progress* raises comes out, and the rest of the work is not done."""

    def refuse(_done: int, _total: int) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        plg.lookup("nap").map(np.full(ENDLESS, 1000, np.int32), threads=threads, progress=refuse)
    assert 0 < plg.count < ENDLESS


def test_other_threads_get_through(plg: Any) -> None:
    """The GIL is released while the loop runs."""
    with Gate() as gate, background(gate.let_pass):
        arrived, opened = (array.array("i", [each]) for each in (gate.arrived, gate.opened))
        assert [1] == plg.lookup("gated").map(arrived, opened).tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_gets_through(run_python: RunPython, compile_c: Compile, threads: int) -> None:
    """Ctrl-C stops a long run, in every thread."""
    code = f"""
    import array, signal, sys, nativeplug
    plg = nativeplug.open(sys.argv[1], "int send(int us); extern int count, signalled;")
    naps, once = array.array("i", [1000]) * {ENDLESS}, iter([signal.SIGINT])
    def begin(_done, _total):
        for plg.signalled in once:  # the next call sends it
            pass
    try:
        plg.lookup("send").map(naps, threads={threads}, progress=begin)
    except KeyboardInterrupt:
        print(0 < plg.count < {ENDLESS})
    """
    finished = run_python(code, compile_c(TEXT))
    assert "True\n" == finished.stdout, finished.stderr


def test_the_gil_can_be_held(compile_c: Compile) -> None:
    """A function that holds the GIL is mapped as well, and lets go of it between slices."""
    plg: Any = nativeplug.open(compile_c(TEXT), DECLARATIONS, hold_gil=["half"])
    assert plg.lookup("half").hold_gil
    assert [1.0] * 9 == plg.lookup("half").map(array.array("d", [2]) * 9).tolist()


def test_errors_of_callbacks(plg: Any) -> None:
    """A callback that fails ends the run, and its error comes out of it."""
    seen: list[int] = []

    def handler(number: int) -> int:
        seen.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    callback = plg.callback("handler_t", handler)
    plg.keep(callback)
    with pytest.raises(ValueError, match="two"):
        plg.lookup("fire").map(array.array("i", range(10_000)))
    assert [0, 1, 2] == seen
    assert [0, 1] == plg.lookup("fire").map(array.array("i", [0, 1])).tolist()


def test_errno_of_the_last_call(plg: Any) -> None:
    """Errno is kept as the last call left it."""
    plg.lookup("fail").map(array.array("i", [1, 2, 3]))
    assert nativeplug.get_errno() == 3


def test_a_closed_plugin(plg: Any) -> None:
    """A kept function of a closed plugin is not mapped."""
    half = plg.lookup("half")
    plg.close()
    with pytest.raises(nativeplug.ClosedError):
        half.map(array.array("d", [1]))


@pytest.mark.parametrize("threads", [0, -1, 1.5, None, "2", 4097])
def test_wrong_numbers_of_threads(plg: Any, threads: Any) -> None:
    """The number of threads is 1 or more."""
    with pytest.raises(ValueError, match=f"threads must be from 1 to 4096, not {threads!r}"):
        plg.lookup("half").map(array.array("d", [1]), threads=threads)


def test_buffers_are_held_during_a_run(plg: Any) -> None:
    """A column cannot be resized while its elements are read."""
    xs = array.array("i", [20_000]) * 20
    refused: list[BufferError] = []

    def resize(_done: int, _total: int) -> None:
        try:
            xs.append(1)
        except BufferError as error:
            refused.append(error)

    plg.lookup("nap").map(xs, progress=resize)
    assert refused
    xs.append(1)


def test_refused_buffers_are_let_go(plg: Any) -> None:
    """An error that is kept does not keep the buffers that were refused."""
    xs = array.array("d", [1, 2])
    half, nap, errors = plg.lookup("half"), plg.lookup("nap"), []
    for function, args, out in (
        (half, (xs,), array.array("d", [0])),
        (half, (xs, xs), None),
        (half, (xs,), xs[:1]),
        (nap, (xs,), None),
    ):
        try:
            function.map(*args, out=out)
        except (TypeError, ValueError) as error:
            errors.append(error)
        xs.append(3)
    assert len(errors) == 4


def test_closing_ends_a_run(plg: Any) -> None:
    """A run over many elements ends when its plugin is closed meanwhile."""
    with pytest.raises(nativeplug.ClosedError):
        plg.lookup("nap").map(array.array("i", [1000]) * 10_000, progress=lambda *_: plg.close())
