"""What does a program pay that opens a library, calls a function, and ends?"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.child import start
from benchmarks.conftest import Interleaved
from benchmarks.results import Results
from nativeplug.cli.measure import Candidate, once

EMPTY, WITH_SITE = "an empty program", "an empty program, with site"
KEPT, ANEW = "nativeplug, declarations kept on disk", "nativeplug, text seen for the first time"
CFFI = "cffi, ABI mode"
SONAME, CTYPES = "nativeplug, a soname, three functions", "ctypes, the same"
VERSION, CALL = "nativeplug --version", "nativeplug call"

_COS = "double cos(double);"
_THREE = f"{_COS} double sin(double); double pow(double, double);"
_CODE = {
    EMPTY: "pass",
    KEPT: f"import nativeplug; assert nativeplug.open('libm.so.6', {_COS!r}).cos(0.0) == 1.0",
    CFFI: f"""
import cffi
ffi = cffi.FFI()
ffi.cdef({_COS!r})
assert ffi.dlopen('libm.so.6').cos(0.0) == 1.0
""",
    SONAME: f"""
import nativeplug
plg = nativeplug.open('libm.so.6', {_THREE!r})
assert (plg.cos(0.0), plg.sin(0.0), plg.pow(2.0, 3.0)) == (1.0, 0.0, 8.0)
""",
    CTYPES: """
import ctypes
lib, double = ctypes.CDLL('libm.so.6'), ctypes.c_double
for name, count in (('cos', 1), ('sin', 1), ('pow', 2)):
    function = getattr(lib, name)
    function.restype, function.argtypes = double, [double] * count
assert (lib.cos(0.0), lib.sin(0.0), lib.pow(2.0, 3.0)) == (1.0, 0.0, 8.0)
""",
}
_COMMANDS = {
    VERSION: ["--version"],
    CALL: ["call", "libm.so.6", "cos", "0", "--declarations", _COS],
}


def bench_first_start(
    interleaved: Interleaved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whole processes of Python; each asserts what it has computed.

    Those of programs run without ``site``, which takes as long as all that has been installed has
    it take; commands run as their users run them.
    """
    kept = tmp_path / "kept"
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(kept))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    candidates = {name: _running("-c", _with_path(code)) for name, code in _CODE.items()}
    candidates[ANEW] = _first_seen(tmp_path)
    candidates[WITH_SITE] = once(lambda: start([sys.executable, "-c", "pass"]))
    for name, rest in _COMMANDS.items():
        command = [sys.executable, "-m", "nativeplug", *rest]
        candidates[name] = once(partial(start, [*command]))
    for candidate in candidates.values():
        candidate()  # what is compiled and kept by the first run is there
    interleaved(candidates, rounds=25)


def net(candidate: str, baseline: str, results: Results) -> float:
    """Return a ratio of what comes on top of the interpreter's own start."""
    costs = results.costs["bench_first_start"]
    empty = costs[EMPTY].minimum
    return (costs[candidate].minimum - empty) / (costs[baseline].minimum - empty)


def _with_path(code: str) -> str:
    return f"import sys; sys.path[:0] = {sys.path!r}\n{code}"


def _running(*arguments: str) -> Candidate:
    command = [sys.executable, "-S", *arguments]
    return once(lambda: start([*command]))


def _first_seen(folder: Path) -> Candidate:
    """Return what opens a library with a text that no process has seen before."""
    caches: Iterator[Path] = (folder / str(number) for number in itertools.count())
    command = [sys.executable, "-S", "-c", _with_path(_CODE[KEPT])]
    return once(lambda: start([*command], NATIVEPLUG_CACHE_DIR=next(caches)))
