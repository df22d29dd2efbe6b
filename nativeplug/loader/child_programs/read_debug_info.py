"""
Reads debug information: what `nativeplug.loader.debug_info` has done in a process of its own.

pyelftools would hold the GIL for milliseconds at a time, and a call of a plugin waits for that.
"""

from __future__ import annotations

import sys


def main(data: str, answer: str, *directories: str) -> None:
    """
    Read the debug information of a file, and write it as it is kept.

    Args:
        data: The number of the descriptor of the file, as text.
        answer: That of the answer, which is written at once at the end: half of it would be none.
        directories: Where to import nativeplug and pyelftools from.
    """
    sys.path += directories

    from nativeplug.elf import dwarf
    from nativeplug.loader import debug_info

    with open(int(data), "rb") as file:
        found = debug_info.to_bytes(dwarf.read(file.read()))
    with open(int(answer), "wb") as file:
        file.write(found)
