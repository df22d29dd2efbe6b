"""
Ways to damage a plugin's file, each with what is said of it and where that is.

``build(folder)`` of `elf_parts` gives the sound file, whose constructor creates the file that
the environment variable *MARKER* names: nothing of a damaged one may run.
"""

from __future__ import annotations

import damages_dynamic as dynamic
import damages_functions as called
import damages_segments as segments
import damages_symbols as symbols
from elf_parts import MARKER, Damage, Made, Parts, build

__all__ = ["DAMAGES", "MARKER", "Damage", "Made", "Parts", "build"]

DAMAGES = (
    *segments.HEADER,
    *segments.LOADS,
    *segments.SEGMENTS,
    *dynamic.DYNAMIC,
    *dynamic.VERSIONS,
    *dynamic.HASHES,
    *symbols.SYMBOLS,
    *called.CALLED,
    *symbols.RELOCATIONS,
    *symbols.PACKED,
)
