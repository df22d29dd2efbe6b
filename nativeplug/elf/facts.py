"""
Everything a plugin's file tells about itself, read by pyelftools without loading it.

What the dynamic loader would use (dynamic section, dynamic symbols) is read through the
program headers and must be intact. Section headers and debug information are extras:
a stripped file has none, and damage there only leaves fields empty.

pyelftools is imported when a file is read, not with this module.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nativeplug.elf import defects, layout, producer
from nativeplug.elf.defects import Defect
from nativeplug.elf.symbols import FUNCTIONS, GO_RUNTIME, VARIABLES, ExportedSymbol, read_exported
from nativeplug.errors import FormatError, cannot_open

if TYPE_CHECKING:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile

_KINDS = {
    "ET_REL": "relocatable object",
    "ET_EXEC": "executable",
    "ET_DYN": "shared object",
    "ET_CORE": "core dump",
}
_FLAG_NAMES = {
    "DT_FLAGS": {0x2: "SYMBOLIC", 0x4: "TEXTREL", 0x8: "BIND_NOW", 0x10: "STATIC_TLS"},
    "DT_FLAGS_1": {0x1: "NOW", 0x2: "GLOBAL", 0x8: "NODELETE", 0x40: "NOOPEN", 0x8000000: "PIE"},
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
    from elftools.elf.elffile import ELFFile

    path, data = _load(file)
    if layout.Target.of(data) is None:
        raise _damaged(path, data, "not an ELF file")
    try:
        parsed = ELFFile(io.BytesIO(data))
        _forget_damaged_sections(parsed)
        return _read(data, parsed)
    except Exception as error:
        # pyelftools raises whatever its helpers raise on damaged files: ELFError,
        # struct.error, AssertionError, UnicodeDecodeError, MemoryError and others.
        raise _damaged(path, data, f"damaged: {str(error) or type(error).__name__}") from error


def _load(file: str | os.PathLike[str] | BinaryIO) -> tuple[str, bytes]:
    if not isinstance(file, (str, os.PathLike)):
        return str(getattr(file, "name", "<stream>")), file.read()
    path = os.fspath(file)
    try:
        return path, Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from None


def _damaged(path: str, data: bytes, otherwise: str) -> FormatError:
    defect = defects.find_defect(data) or Defect(otherwise)
    reason = " ".join(defect.text.split())
    message = f"cannot read plugin '{path}': {reason}"
    return FormatError(message, path=path, reason=reason, offset=defect.offset)


def _read(data: bytes, file: ELFFile) -> ElfFacts:
    dynamic = find_dynamic(file)
    tags = _read_tags(dynamic) if dynamic else {}
    defect = defects.find_defect(data)
    made_by = producer.find(data, file, tags.get("DT_NEEDED", []))
    exported = read_exported(file, dynamic) if dynamic else []
    symbols, runtime_symbols = _split_runtime(exported, is_go=made_by.is_go)
    return ElfFacts(
        defect=defect.text if defect else None,
        architecture=str(layout.Target.of(data)),
        word_size=file.elfclass,
        byte_order="little" if file.little_endian else "big",
        kind=_describe_kind(file["e_type"], tags.get("flags", [])),
        language=made_by.language,
        toolchain=made_by.toolchain,
        build_id=find_build_id(file),
        soname=next(iter(tags.get("DT_SONAME", ())), None),
        needed=tuple(tags.get("DT_NEEDED", ())),
        rpath=next(iter(tags.get("DT_RPATH", ())), None),
        runpath=next(iter(tags.get("DT_RUNPATH", ())), None),
        flags=tuple(tags.get("flags", ())),
        symbols=symbols,
        runtime_symbols=runtime_symbols,
    )


def _split_runtime(
    exported: list[ExportedSymbol], *, is_go: bool
) -> tuple[tuple[ExportedSymbol, ...], tuple[ExportedSymbol, ...]]:
    runtime = {symbol for symbol in exported if is_go and GO_RUNTIME.match(symbol.name)}
    return (
        tuple(symbol for symbol in exported if symbol not in runtime),
        tuple(symbol for symbol in exported if symbol in runtime),
    )


def _describe_kind(number: str | int, flags: list[str]) -> str:
    written = "ET_EXEC" if "PIE" in flags else str(number)
    return _KINDS.get(written, f"ELF type {written}")


def _forget_damaged_sections(file: ELFFile) -> None:
    # The dynamic loader never reads them, but pyelftools insists on sound ones.
    try:
        for section in file.iter_sections():
            section.name  # noqa: B018 - reading it is the check
    except Exception:  # noqa: BLE001 - see `read`
        file.header["e_shoff"] = file.header["e_shnum"] = 0


def find_dynamic(file: ELFFile) -> DynamicSegment | None:
    """Return the dynamic segment; None when there is none."""
    from elftools.elf.dynamic import DynamicSegment

    return next((s for s in file.iter_segments() if isinstance(s, DynamicSegment)), None)


def _read_tags(dynamic: DynamicSegment) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in dynamic.iter_tags():
        name = str(tag.entry.d_tag)
        if name in {"DT_NEEDED", "DT_RPATH", "DT_RUNPATH", "DT_SONAME"}:
            found.setdefault(name, []).append(getattr(tag, name[3:].lower()))
        for bit, flag in _FLAG_NAMES.get(name, {}).items():
            if tag.entry.d_val & bit:
                found.setdefault("flags", []).append(flag)
    return found


def find_build_id(file: ELFFile) -> str | None:
    """Return the linker's build id in hexadecimal digits; None when there is none."""
    from elftools.elf.segments import NoteSegment

    for segment in file.iter_segments():
        if not isinstance(segment, NoteSegment):
            continue
        for note in segment.iter_notes():
            if note["n_type"] == "NT_GNU_BUILD_ID":
                return str(note["n_desc"])
    return None
