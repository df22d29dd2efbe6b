"""The cost of a call through the cffi invoker, beside cffi's ABI mode and ctypes."""

from __future__ import annotations

import ctypes
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cffi

import nativeplug
from interleaved import Action, report, rounds_of
from nativeplug import build

CALLS = 20_000
ROUNDS = 15
SOURCE = """
#include <stdint.h>
void nop(void) {}
int64_t add(int64_t a, int64_t b) { return a + b; }
double half(double x) { return x / 2; }
const char *name(void) { return "a name"; }
"""
DECLARATIONS = """
void nop(void);
int64_t add(int64_t a, int64_t b);
double half(double x);
const char *name(void);
"""


def timed(call: Callable[[], object]) -> Action:
    """Return an action that makes many calls."""
    timer = timeit.Timer("call()", globals={"call": call})
    return lambda: timer.timeit(CALLS)


def main() -> None:
    """Build a plugin, check that all callers agree, and time them."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "calls.c")
        source.write_text(SOURCE)
        path = str(build.build(source))
        plg = nativeplug.open(path, DECLARATIONS)
        ffi = cffi.FFI()
        ffi.cdef(DECLARATIONS)
        abi: Any = ffi.dlopen(path)
        lib = ctypes.CDLL(path)
    lib.nop.restype, lib.nop.argtypes = None, []
    lib.add.restype, lib.add.argtypes = ctypes.c_int64, [ctypes.c_int64, ctypes.c_int64]
    lib.half.restype, lib.half.argtypes = ctypes.c_double, [ctypes.c_double]
    lib.name.restype, lib.name.argtypes = ctypes.c_char_p, []
    cases: dict[str, tuple[Callable[[], object], ...]] = {
        "void nop(void)": (plg.nop, abi.nop, lib.nop),
        "int64_t add(int64_t, int64_t)": (
            lambda: plg.add(2, 3),
            lambda: abi.add(2, 3),
            lambda: lib.add(2, 3),
        ),
        "double half(double)": (
            lambda: plg.half(3.0),
            lambda: abi.half(3.0),
            lambda: lib.half(3.0),
        ),
        "const char *name(void) -> str": (
            plg.name,
            lambda: cast("bytes", ffi.string(abi.name())).decode(),
            lambda: lib.name().decode(),
        ),
    }
    for title, calls in cases.items():
        ours, by_cffi, by_ctypes = calls
        assert ours() == by_cffi() == by_ctypes(), title
        candidates = {
            "nativeplug, cffi invoker": timed(ours),
            "cffi ABI mode": timed(by_cffi),
            "ctypes": timed(by_ctypes),
        }
        seconds = rounds_of(candidates, ROUNDS)
        report(title, seconds, unit="ns a call", scale=1e9 / CALLS, baseline="cffi ABI mode")


if __name__ == "__main__":
    main()
