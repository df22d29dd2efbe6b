"""
What a file's debug information (DWARF) tells of the types of what it exports.

A pure function of the file's bytes. It takes some tenths of a second and trusts nothing in
them, so `load.debug` calls it in a process of its own and keeps what it has found. pyelftools
is imported when there is something to read.
"""

from nativeplug.load.dwarf.known import Debug, Known
from nativeplug.load.dwarf.reader import read
from nativeplug.load.dwarf.sections import has_debug

__all__ = ["Debug", "Known", "has_debug", "read"]
