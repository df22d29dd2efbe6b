"""
Who made a plugin's file: its language and toolchain, as far as the file says.

Sources, in the order of their worth: Go's build information, the names of the compilers
in ``.comment``, and the debug information (DWARF) of the first compilation unit.
Where these are silent the answer is None, not a guess.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativeplug.elf import defects

if TYPE_CHECKING:
    from nativeplug.elf.elffile import ElfFile, File

# DW_LANG_* of DWARF 5, section 7.12, and of https://dwarfstd.org/languages.html.
_LANGUAGES = {
    "C": {0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x3E},
    "C++": {0x04, 0x1A, 0x21, 0x2B, 0x3A, 0x3F},
    "Ada": {0x03, 0x0D, 0x2E, 0x2F},
    "D": {0x13},
    "Fortran": {0x07, 0x08, 0x0E, 0x22, 0x23, 0x2D},
    "Go": {0x16},
    "Rust": {0x1C},
    "Swift": {0x1E},
    "Zig": {0x27},
}
_LANGUAGES_BY_NUMBER = {number: name for name, numbers in _LANGUAGES.items() for number in numbers}
# The libraries that give a language away.
_RUNTIMES = {"libstdc++.so": "C++", "libc++.so": "C++", "libgfortran.so": "Fortran"}
# The header of Go's build information: magic, pointer size, flags, 16 unused bytes.
_GO_FLAGS_AT, _GO_VERSION_AT, _GO_INLINE = 15, 32, 2
_GO_LONGEST_VERSION = 256
_LONGEST_COMMENT = 1 << 16


@dataclass(frozen=True, slots=True)
class Producer:
    """Who made a file."""

    #: The language that it was written in; None when the file does not say.
    language: str | None
    #: Compiler and version, as the compiler wrote it; None when the file does not say.
    toolchain: str | None

    @property
    def is_go(self) -> bool:
        """Whether the file brings a Go runtime."""
        return self.language == "Go"


def find(data: File, file: ElfFile, needed: tuple[str, ...]) -> Producer:
    """
    Say who made a file; damage only makes the answer shorter.

    Args:
        data: The whole file.
        file: The same file.
        needed: The libraries that it needs.
    """
    go = defects.find_go_build_info(data, file)
    if go is not None:
        return Producer("Go", _go_version(data, go))
    comments, written = _read_comments(data, file), Producer(None, None)
    # pyelftools raises whatever its helpers raise on damaged files.
    with contextlib.suppress(Exception):
        written = _read_debug_information(data)
    rust = next((text for text in comments if text.startswith("rustc ")), None)
    if rust:
        return Producer("Rust", rust)
    compiler = next((text for text in comments if not text.startswith("Linker:")), None)
    return Producer(written.language or _language_of_runtime(needed), written.toolchain or compiler)


def _go_version(data: File, start: int) -> str | None:
    # The layout: debug/buildinfo in Go's sources. Before Go 1.18 there were pointers here.
    header = data[start : start + _GO_VERSION_AT]
    if len(header) < _GO_VERSION_AT or not header[_GO_FLAGS_AT] & _GO_INLINE:
        return None
    rest = data[start + _GO_VERSION_AT : start + _GO_VERSION_AT + _GO_LONGEST_VERSION]
    length, shift = 0, 0
    for position, byte in enumerate(rest):  # a varint of encoding/binary
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
            text = rest[position + 1 : position + 1 + length].decode("utf-8", "replace")
            return f"Go {text}" if text.isprintable() and text else None
    return None


def _read_comments(data: File, file: ElfFile) -> list[str]:
    section = file.section(".comment")
    # Compilers write some lines, one for each of them.
    end = min(section.end, section.offset + _LONGEST_COMMENT) if section else 0
    texts = data[section.offset : end].split(b"\0") if section else []
    return [text.decode("utf-8", "replace").strip() for text in texts if text.strip()]


def _read_debug_information(data: File) -> Producer:
    from nativeplug.elf.dwarf import debug_sections, entries  # needs pyelftools

    found = debug_sections.load(data)
    if ".debug_info" not in found:
        return Producer(None, None)
    read = entries.Dies(found, entries.Budget())
    for offset in read.offsets:
        attributes = read.top(read.unit(offset)).attributes
        number = attributes.get("DW_AT_language")
        language = _LANGUAGES_BY_NUMBER.get(number.value) if number else None
        text = attributes.get("DW_AT_producer")
        if language and text and isinstance(text.value, bytes):
            return _describe_unit(language, text.value.decode("utf-8", "replace"))
    return Producer(None, None)


def _describe_unit(language: str, text: str) -> Producer:
    # GCC appends its options: "GNU C17 12.2.0 -mtune=generic -g".
    toolchain = re.split(r"\s-", text, maxsplit=1)[0].strip()
    rust = re.search(r"\((rustc version .*)\)$", toolchain)
    if rust:
        toolchain = rust.group(1)
    # Zig calls its code C99 before DWARF had a number for it.
    return Producer("Zig" if toolchain.startswith("zig ") else language, toolchain or None)


def _language_of_runtime(needed: tuple[str, ...]) -> str | None:
    for library in needed:
        for start, language in _RUNTIMES.items():
            if library.startswith(start):
                return language
    return None
