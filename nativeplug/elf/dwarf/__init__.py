"""
What a file's debug information (DWARF) tells of the types of what it exports.

A pure function of the file's bytes. It takes some tenths of a second and trusts nothing in
them, so `loader.debug_info` calls it in a process of its own and keeps what it has found. What
reads it is imported when there is something to read, and pyelftools with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativeplug.elf.dwarf.debug_sections import has_debug, size_of
from nativeplug.elf.dwarf.model import DebugInfo, SymbolType

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

__all__ = ["DebugInfo", "SymbolType", "has_debug", "read", "size_of"]


def read(data: File) -> DebugInfo:
    """
    Read what the debug information of a file tells of the symbols that it exports.

    Never raises, and comes to an end: of damaged or hostile debug information nothing is
    known, or not all, for a reason that the result has.

    Args:
        data: The whole file.
    """
    if not has_debug(data):
        return DebugInfo()
    from nativeplug.elf.dwarf import exported

    return exported.read(data)
