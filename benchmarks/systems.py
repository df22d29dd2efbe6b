"""The systems that call native functions, and the calls that they make."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cffi
import pytest

import nativeplug
from benchmarks import building
from benchmarks.child import start
from nativeplug.cli.bench import result_and_arguments
from nativeplug.cli.measure import Candidate, Loop

HELD, RELEASED = "nativeplug, GIL held", "nativeplug, GIL released"
BY_CFFI_INVOKER = "nativeplug, cffi invoker"
HANDWRITTEN_HELD, HANDWRITTEN_RELEASED = "hand-written, GIL held", "hand-written, GIL released"
NANOBIND, CYTHON, PYBIND11 = "nanobind", "Cython", "pybind11"
CYTHON_UNBOUND = "Cython, binding=False"
CFFI_API, CFFI_ABI, CTYPES = "cffi API mode", "cffi ABI mode", "ctypes"
#: Those that hold the GIL while the native function runs; all others release it.
HOLDING = {HELD, HANDWRITTEN_HELD, NANOBIND, CYTHON, CYTHON_UNBOUND, PYBIND11}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one function of ``native.h``."""

    name: str
    arguments: tuple[object, ...]
    result: object


CALLS = (
    Call("nop", (), None),
    Call("add", (2, 3), 5),
    Call("half", (3.0,), 1.5),
    Call("fma3", (2.0, 3.0, 4.0), 10.0),
    Call("mixed", (1, 2.0, 3, 4.0, 5, 6.0), 44.0),
    Call("label", (), "a label"),
    Call("length", ("some text",), 9),
    Call("flip", (7, True), 248),
)


@dataclass(frozen=True, slots=True)
class System:
    """A way to call the functions of ``native.h``."""

    functions: Any
    #: What its user writes to pass a ``str``, and to get one.
    text_argument: str = "{}"
    text_result: str = "{}"
    names: dict[str, object] = field(default_factory=dict)

    def candidate(self, call: Call) -> Candidate:
        """Check the result of a call, and return the candidate that repeats it."""
        statement, names = self._statement(call), {"f": getattr(self.functions, call.name)}
        result = eval(statement, {**self.names, **names})  # noqa: S307 - it is ours
        assert call.result == result, (self, call, result)
        return Loop(statement, **self.names, **names)

    def _statement(self, call: Call) -> str:
        written = (
            (self.text_argument if isinstance(argument, str) else "{}").format(repr(argument))
            for argument in call.arguments
        )
        text = f"f({', '.join(written)})"
        return self.text_result.format(text) if isinstance(call.result, str) else text


@dataclass(frozen=True, slots=True)
class Plugins:
    """The native functions as plugins: a copy for each way in which they are to be called."""

    held: nativeplug.Plugin
    released: nativeplug.Plugin
    by_cffi_invoker: nativeplug.Plugin


def open_plugins(folder: Path) -> Plugins:
    """Open the copies."""

    def copy(name: str) -> Path:
        shutil.copy(building.SOURCES / "native.h", folder / f"{name}.h")
        return Path(shutil.copy(building.native(), folder / f"{name}.so"))

    by_cffi_invoker = nativeplug.open(copy("by_cffi_invoker"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATIVEPLUG_INVOKER", "cffi")
        _check_invoker(by_cffi_invoker, "cffi")
    held = nativeplug.open(copy("held"), hold_gil=True)
    released = nativeplug.open(copy("released"))
    _check_invoker(held, "core")
    _check_invoker(released, "core")
    return Plugins(held, released, by_cffi_invoker)


def functions_of(plugin: nativeplug.Plugin) -> Iterator[nativeplug.Function]:
    """Look all functions up."""
    for name in plugin:
        found = plugin.lookup(name)
        assert isinstance(found, nativeplug.Function)
        yield found


def _check_invoker(plugin: nativeplug.Plugin, invoker: str) -> None:
    assert {invoker} == {function.invoker for function in functions_of(plugin)}


def systems(plugins: Plugins) -> Iterator[tuple[str, System]]:
    """Give all systems by name, in the order in which they are shown."""
    yield HELD, System(plugins.held)
    yield HANDWRITTEN_HELD, System(building.handwritten(release_gil=False))
    yield NANOBIND, System(building.by_nanobind())
    yield CYTHON, System(building.by_cython())
    yield CYTHON_UNBOUND, System(building.by_cython(binding=False))
    yield PYBIND11, System(building.by_pybind11())
    yield RELEASED, System(plugins.released)
    yield HANDWRITTEN_RELEASED, System(building.handwritten(release_gil=True))
    yield BY_CFFI_INVOKER, System(plugins.by_cffi_invoker)
    by_cffi = building.by_cffi()
    yield CFFI_API, _cffi_system(by_cffi.lib, by_cffi.ffi)
    ffi = cffi.FFI()
    ffi.cdef(building.native_declarations())
    yield CFFI_ABI, _cffi_system(ffi.dlopen(str(building.native())), ffi)
    yield CTYPES, System(_ctypes_library(plugins.released), "{}.encode()", "{}.decode()")


def _cffi_system(lib: Any, ffi: Any) -> System:
    return System(lib, "{}.encode()", "string({}).decode()", {"string": ffi.string})


def _ctypes_library(plugin: nativeplug.Plugin) -> ctypes.CDLL:
    lib = ctypes.CDLL(str(building.native()))
    for ours in functions_of(plugin):
        theirs = getattr(lib, ours.name)
        theirs.restype, theirs.argtypes = result_and_arguments(plugin.ffi, ours.call_plan)
    return lib


def go(operation: str) -> Candidate:
    """Return a candidate of the program that measures Go's own ``plugin`` package."""
    program, plugin = building.go_program()
    return lambda: float(start([program, plugin, operation])) * 1e-9
