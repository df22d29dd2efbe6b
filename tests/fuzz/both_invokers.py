"""The same functions in a plugin and in a module that cffi compiles, and all ways to call them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import struct
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cffi

import building
import nativeplug
import prototypes
from prototypes import CType, Group, Prototype

Arguments = Sequence[Any]
Make = Callable[[Any, Arguments], Any]


@dataclass(frozen=True)
class Answer:
    """What a function gives back, and what it saw of its arguments."""

    results: list[object]
    seen: int

    def __str__(self) -> str:
        """Return the results and the arguments' hash."""
        return f"results {self.results}, arguments seen as {self.seen:016x}"


def _by_position(function: Any, arguments: Arguments) -> Any:
    return function(*arguments)


def _of_function(function: Any, arguments: Arguments) -> Any:
    return function.__self__(*arguments)  # not the built-in function that is bound to it


def _by_name(function: Any, arguments: Arguments) -> Any:
    return function(**{f"a{index}": argument for index, argument in enumerate(arguments)})


# Name, value of NATIVEPLUG_INVOKER, hold_gil, how calls are made.
WAYS = [
    ("released", "core", False, _by_position),
    ("held", "core", True, _by_position),
    ("function", "core", False, _of_function),
    ("by_name", "core", True, _by_name),
    ("cffi", "cffi", False, _by_position),
]


@dataclass(frozen=True)
class Side:
    """One way to call the functions."""

    name: str
    ffi: Any
    #: Has the functions and the variable `seen` as attributes.
    functions: Any
    argument: Callable[[Any, CType, Any], Any]
    #: Who calls those that fit into registers; None: cffi's compiled module.
    invoker: str | None = None
    #: Makes a call of a function with arguments.
    make: Make = _by_position

    def call(self, prototype: Prototype, rows: Sequence[Arguments], salt: int) -> Answer:
        """Call the function once for each row of arguments."""
        self.functions.seen = salt
        results = [self._call(prototype, row) for row in rows]
        return Answer(results, self.functions.seen)

    def _call(self, prototype: Prototype, row: Arguments) -> object:
        pairs = zip(prototype.parameters, row, strict=True)
        arguments = [self.argument(self.ffi, ctype, value) for ctype, value in pairs]
        result = self.make(getattr(self.functions, prototype.name), arguments)
        return comparable(self.ffi, prototype.result, result)


def _for_plugin(ffi: Any, ctype: CType, value: Any) -> Any:
    is_address = ctype.group is Group.POINTER and isinstance(value, int)
    return ffi.cast(ctype.name, value) if is_address else value


def _for_cffi(ffi: Any, ctype: CType, value: Any) -> Any:
    if value is None:
        return ffi.NULL
    if isinstance(value, str):
        return value.encode()
    if ctype.group is Group.POINTER and not isinstance(value, int):
        return ffi.from_buffer(ctype.name, value)
    return _for_plugin(ffi, ctype, value)


def comparable(ffi: Any, ctype: CType, result: Any) -> object:
    """Return a value that is equal only to one of the same type with the same bits."""
    if ctype.is_floating:
        return type(result).__name__, struct.pack(">d", result).hex()
    if isinstance(result, ffi.CData) and ctype.group is Group.TEXT:
        return "str", ffi.string(result).decode() if result else None
    if ctype.group is Group.TEXT:
        return "str", result
    if ctype.group is Group.POINTER:
        return ffi.typeof(result).cname, hex(int(ffi.cast("uintptr_t", result)))
    return type(result).__name__, result


def sides_of(functions: Sequence[Prototype], folder: Path) -> Iterator[Side]:
    """Yield cffi's compiled module, which is right, and each way of nativeplug."""
    module = _compiled_by_cffi(functions, folder)
    yield Side("cffi API mode", module.ffi, module.lib, _for_cffi)
    source = folder / "plugin.c"
    source.write_text(prototypes.source(functions))
    # Some parameters are wider than they are declared, and nobody is to tell.
    plugin = building.build(source, flags=["-g0"])
    for name, invoker, hold_gil, make in WAYS:
        copy = shutil.copy(plugin, folder / f"{name}.so")
        plg = nativeplug.open(copy, prototypes.declarations(functions), hold_gil=hold_gil)
        resolve(plg, functions, invoker)
        yield Side(name, plg.ffi, plg, _for_plugin, invoker, make)


def resolve(plg: nativeplug.Plugin, functions: Sequence[Prototype], invoker: str) -> None:
    """Look all functions up, and check that those that the core can call are its."""
    for function in functions:
        with mock.patch.dict(os.environ, NATIVEPLUG_INVOKER=invoker):  # read by lookup
            resolved = plg.lookup(function.name)
        assert isinstance(resolved, nativeplug.Function)
        wanted = "core" if function.fits_registers and invoker == "core" else "cffi"
        assert wanted == resolved.invoker, f"{function} is served by {resolved.invoker}"


def _compiled_by_cffi(functions: Sequence[Prototype], folder: Path) -> Any:
    builder = cffi.FFI()
    builder.cdef(prototypes.declarations(functions))
    builder.set_source("reference", prototypes.source(functions))
    written = folder / "reference.c"
    with contextlib.redirect_stdout(None):  # it says what it does
        builder.emit_c_code(str(written))
    # An extension module is a shared object like any other.
    flags = ["-O0", "-g0", "-I", sysconfig.get_path("include")]
    spec = importlib.util.spec_from_file_location("reference", building.build(written, flags=flags))
    assert spec is not None
    return importlib.util.module_from_spec(spec)


def report(prototype: Prototype, given: Arguments, answers: dict[str, Answer]) -> str:
    """Tell people of two answers to the same arguments."""
    lines = [str(prototype)]
    for index, value in enumerate(given):
        bits = f" = {struct.pack('>d', value).hex()}" if isinstance(value, float) else ""
        lines.append(f"  a{index} = {value!r}{bits}")
    return "\n".join([*lines, *(f"{name}: {answer}" for name, answer in answers.items())])
