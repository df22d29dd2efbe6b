"""
Everything a plugin's file tells about itself, read without loading it.

What the dynamic loader would use (dynamic section, dynamic symbols) is read through the
program headers and must be intact. Section headers and debug information are extras:
a stripped file has none, and damage there only leaves fields empty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nativeplug.elf import defects, producer
from nativeplug.elf.defects import Defect
from nativeplug.elf.elffile import DamagedError, ElfFile
from nativeplug.elf.numbers import (
    DF_1_GLOBAL,
    DF_1_NODELETE,
    DF_1_NOOPEN,
    DF_1_NOW,
    DF_1_PIE,
    DF_BIND_NOW,
    DF_STATIC_TLS,
    DF_SYMBOLIC,
    DF_TEXTREL,
    DT_FLAGS,
    DT_FLAGS_1,
    DT_NEEDED,
    DT_RPATH,
    DT_RUNPATH,
    DT_SONAME,
    ET_CORE,
    ET_DYN,
    ET_EXEC,
    ET_REL,
)
from nativeplug.elf.symbols import FUNCTIONS, GO_RUNTIME, VARIABLES, ExportedSymbol, read_exported
from nativeplug.errors import FormatError, cannot_open

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

_KINDS = {
    ET_REL: "relocatable object",
    ET_EXEC: "executable",
    ET_DYN: "shared object",
    ET_CORE: "core dump",
}
_FLAGS = {
    DT_FLAGS: {
        DF_SYMBOLIC: "SYMBOLIC",
        DF_TEXTREL: "TEXTREL",
        DF_BIND_NOW: "BIND_NOW",
        DF_STATIC_TLS: "STATIC_TLS",
    },
    DT_FLAGS_1: {
        DF_1_NOW: "NOW",
        DF_1_GLOBAL: "GLOBAL",
        DF_1_NODELETE: "NODELETE",
        DF_1_NOOPEN: "NOOPEN",
        DF_1_PIE: "PIE",
    },
}


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """What a plugin's file tells about itself."""

    #: Why this process could not load it; None when nothing speaks against it.
    defect: str | None
    #: The processor, such as ``x86-64``.
    architecture: str
    #: 32 or 64.
    word_size: int
    #: ``little`` or ``big``.
    byte_order: str
    #: ``shared object``, ``executable``, ``relocatable object`` or ``core dump``.
    kind: str
    #: The language that it was written in; None when the file does not say.
    language: str | None
    #: Compiler and version, as the compiler wrote it; None when the file does not say.
    toolchain: str | None
    #: The linker's build id in hexadecimal digits; None when there is none.
    build_id: str | None
    #: The name by which other files ask for it.
    soname: str | None
    #: The libraries that it needs, in the loader's order.
    needed: tuple[str, ...]
    #: Where these are looked for first: DT_RPATH.
    rpath: str | None
    #: Where these are looked for: DT_RUNPATH.
    runpath: str | None
    #: Flags for the dynamic loader, such as ``NODELETE`` and ``STATIC_TLS``.
    flags: tuple[str, ...]
    #: What it exports, by name; default versions only.
    symbols: tuple[ExportedSymbol, ...]
    #: What it exports for the use of its language's runtime only.
    runtime_symbols: tuple[ExportedSymbol, ...]

    @property
    def functions(self) -> tuple[ExportedSymbol, ...]:
        """The exported functions, by name."""
        return tuple(symbol for symbol in self.symbols if symbol.kind in FUNCTIONS)

    @property
    def variables(self) -> tuple[ExportedSymbol, ...]:
        """The exported variables, by name."""
        return tuple(symbol for symbol in self.symbols if symbol.kind in VARIABLES)


def read(file: str | os.PathLike[str] | BinaryIO) -> ElfFacts:
    """
    Read what a plugin's file tells about itself, without loading it.

    Files for other machines are read like any other; `ElfFacts.defect` names them.
    Safe to call from several threads.

    Args:
        file: A path, or a file open for reading bytes.

    Raises:
        OpenError: The file cannot be read.
        FormatError: It is not an ELF file, or a damaged one.
    """
    path, data = _load(file)
    try:
        return _read(data, ElfFile.of(data))
    except DamagedError as error:
        defect = defects.find_defect(data) or Defect(f"damaged: {error}")
    message = f"cannot read plugin '{path}': {defect}"
    raise FormatError(message, path=path, reason=defect.text, offset=defect.offset)


def _load(file: str | os.PathLike[str] | BinaryIO) -> tuple[str, bytes]:
    if not isinstance(file, (str, os.PathLike)):
        return str(getattr(file, "name", "<stream>")), file.read()
    path = os.fspath(file)
    try:
        return path, Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from None


def _read(data: File, file: ElfFile) -> ElfFacts:
    needed, flags = file.strings(DT_NEEDED), tuple(_flags(file))
    defect = defects.find_defect(data)
    made_by = producer.find(data, file, needed)
    symbols, runtime_symbols = _split_runtime(read_exported(file), is_go=made_by.is_go)
    return ElfFacts(
        defect=defect.text if defect else None,
        architecture=str(file.target),
        word_size=file.target.word_size,
        byte_order="little" if file.target.byte_order == "<" else "big",
        kind=_describe_kind(file.header.kind, flags),
        language=made_by.language,
        toolchain=made_by.toolchain,
        build_id=file.build_id(),
        soname=next(iter(file.strings(DT_SONAME)), None),
        needed=needed,
        rpath=next(iter(file.strings(DT_RPATH)), None),
        runpath=next(iter(file.strings(DT_RUNPATH)), None),
        flags=flags,
        symbols=symbols,
        runtime_symbols=runtime_symbols,
    )


def _flags(file: ElfFile) -> Iterator[str]:
    for tag, value in file.dynamic:
        yield from (name for bit, name in _FLAGS.get(tag, {}).items() if value & bit)


def _split_runtime(
    exported: list[ExportedSymbol], *, is_go: bool
) -> tuple[tuple[ExportedSymbol, ...], tuple[ExportedSymbol, ...]]:
    runtime = {symbol for symbol in exported if is_go and GO_RUNTIME.match(symbol.name)}
    return (
        tuple(symbol for symbol in exported if symbol not in runtime),
        tuple(symbol for symbol in exported if symbol in runtime),
    )


def _describe_kind(number: int, flags: tuple[str, ...]) -> str:
    written = ET_EXEC if "PIE" in flags else number
    return _KINDS.get(written, f"ELF type {written}")
