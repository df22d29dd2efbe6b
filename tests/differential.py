"""Call random functions through nativeplug and through a module that cffi compiles."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import struct
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi

import nativeplug
import prototypes
import values
from batches import Note, main
from nativeplug import build
from prototypes import CType, Group, Prototype

CALLS = 20  # of each prototype, by each side
# Name, value of NATIVEPLUG_INVOKER, hold_gil.
WAYS = [("released", "core", False), ("held", "core", True), ("cffi", "cffi", False)]
Arguments = Sequence[Any]


@dataclass(frozen=True)
class Side:
    """One way to call the functions."""

    name: str
    ffi: Any
    #: Has the functions and the variable `seen` as attributes.
    functions: Any
    argument: Callable[[Any, CType, Any], Any]

    def call(self, prototype: Prototype, given: Arguments, salt: int) -> tuple[object, int]:
        """Return what the function gives back and what it saw of its arguments."""
        pairs = zip(prototype.parameters, given, strict=True)
        arguments = [self.argument(self.ffi, ctype, value) for ctype, value in pairs]
        self.functions.seen = salt
        result = getattr(self.functions, prototype.name)(*arguments)
        return comparable(self.ffi, prototype.result, result), self.functions.seen


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
    plugin = build.build(source)
    for name, invoker, hold_gil in WAYS:
        copy = shutil.copy(plugin, folder / f"{name}.so")
        plg = nativeplug.open(copy, prototypes.declarations(functions), hold_gil=hold_gil)
        resolve(plg, functions, invoker)
        yield Side(name, plg.ffi, plg, _for_plugin)


def resolve(plg: nativeplug.Plugin, functions: Sequence[Prototype], invoker: str) -> None:
    """Look all functions up, and check that those that the core can call are its."""
    for function in functions:
        os.environ["NATIVEPLUG_INVOKER"] = invoker  # read when a symbol is resolved
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
    spec = importlib.util.spec_from_file_location("reference", build.build(written, flags=flags))
    assert spec is not None
    return importlib.util.module_from_spec(spec)


def first_difference(
    rng: random.Random, functions: Sequence[Prototype], sides: Sequence[Side], note: Note
) -> str | None:
    """
    Call all functions with random arguments.

    Args:
        rng: Where the arguments come from.
        functions: The functions.
        sides: All ways to call them; the first one is right.
        note: Is told what is called next.

    Returns:
        The first difference, for people to read; None if there is none.
    """
    right, *others = sides
    for prototype in functions:
        note(str(prototype))
        for _ in range(CALLS):
            given = [values.value(rng, ctype) for ctype in prototype.parameters]
            salt = rng.getrandbits(64)
            wanted = right.call(prototype, given, salt)
            for side in others:
                got = side.call(prototype, given, salt)
                if wanted != got:
                    return _report(prototype, given, {right.name: wanted, side.name: got})
    return None


def _report(prototype: Prototype, given: Arguments, answers: dict[str, tuple[object, int]]) -> str:
    lines = [str(prototype)]
    for index, value in enumerate(given):
        bits = f" = {struct.pack('>d', value).hex()}" if isinstance(value, float) else ""
        lines.append(f"  a{index} = {value!r}{bits}")
    for name, (result, seen) in answers.items():
        lines.append(f"{name}: result {result}, arguments seen as {seen:016x}")
    return "\n".join(lines)


def run(seed: int, count: int, note: Note) -> str | None:
    """Compare so many random prototypes."""
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable
    functions = prototypes.prototypes(rng, count)
    with tempfile.TemporaryDirectory() as folder:
        return first_difference(rng, functions, [*sides_of(functions, Path(folder))], note)


if __name__ == "__main__":
    raise SystemExit(main(run))
