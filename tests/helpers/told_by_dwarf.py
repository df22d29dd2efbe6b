"""What files tell by debug information, and written entries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from nativeplug import abi, declare
from nativeplug.declare.sources import Source
from nativeplug.elf import dwarf
from support import Compile
from written_dwarf import C99, Entry, assembly, base, function, parameter

Tell = Callable[..., dwarf.DebugInfo]
INT = base("int", 5, 4)


def told(path: Path) -> dwarf.DebugInfo:
    """Return what the debug information of a file tells, which must not be damaged."""
    found = dwarf.read(path.read_bytes())
    assert found.reason is None
    return found


def opened(found: dwarf.DebugInfo) -> declare.Declarations:
    """Return the declarations that a plugin has by debug information alone."""
    source = Source(found.text, "greeter.so (debug information)")
    return declare.extend(declare.Declarations(), source)


def teller(compile_c: Compile) -> Tell:
    """Return a function that returns what entries tell, which must not be damaged."""
    return functools.partial(_told_by, compile_c)


def _told_by(
    compile_c: Compile, *entries: Entry, language: int = C99, producer: str = "hand"
) -> dwarf.DebugInfo:
    text = assembly(*entries, language=language, producer=producer)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return told(compile_c(f'__asm__("{escaped}");'))


def taken(found: dwarf.DebugInfo, name: str = "f") -> abi.Type:
    """Return the type of a function's only parameter."""
    type_ = found.symbols[name].type
    assert isinstance(type_, abi.FunctionType)
    assert type_.parameters is not None
    (only,) = type_.parameters
    return only


def one(type_: Entry) -> list[Entry]:
    """Return a function that takes a type, and the type."""
    return [type_, function("f", parameter(type_), prototyped=True)]
