"""
What a file's debug information tells of its symbols, read once and kept on disk: see `diskcache`.

A file is named by the SHA-256 of the plugin: a build id may repeat, content does not. It has a
line for each type and each symbol, which is taken apart when it is asked for.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nativeplug import abi
from nativeplug._util import diskcache
from nativeplug.elf import dwarf
from nativeplug.elf.dwarf import DebugInfo, SymbolType
from nativeplug.loader.child_programs import path_of

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File
    from nativeplug.loader.files import Content

# Changes whenever the meaning of the files does.
_FORMAT = 2
_WHAT = "debug information"
_COMPACT = (",", ":")
_C, _NOT_C = "c", "-"
_UNWRITABLE = frozenset("\t\n")
_PACKAGES = ("nativeplug", "elftools")
# How many bytes of it are read here, which takes some milliseconds: to start a process that can
# read it takes 50 to 100.
_LITTLE = 1 << 17
# How long reading may take, which ends itself before that.
_SECONDS = 30.0
_PROGRAM = path_of("read_debug_info")


def find(content: Content) -> DebugInfo:
    """
    Return what the debug information of a file tells of its exported symbols.

    Takes microseconds where there is none, a fraction of a millisecond where it was read
    before, and up to some tenths of a second otherwise. Never raises for what is in the file.

    Args:
        content: The file's.
    """
    if not dwarf.has_debug(content.data):
        return DebugInfo()
    name = _name_of(content.sha256)
    found = diskcache.load(name, _WHAT, from_bytes)
    if found is None:
        found, payload = _read(content.data)
        if found.is_final:
            diskcache.store(name, _WHAT, payload)
    return found


def find_kept(sha256: str) -> DebugInfo:
    """
    Return what the debug information of a file told when it was read, if it was.

    Args:
        sha256: The file's.
    """
    found = diskcache.load(_name_of(sha256), _WHAT, from_bytes)
    return found or DebugInfo(reason="it was not read before the file was let go of")


def _name_of(sha256: str) -> str:
    return f"debug/{sha256}.{_FORMAT}.lines"


def _read(data: File) -> tuple[DebugInfo, bytes]:
    """
    Read debug information; return it also as it is to be kept.

    Other threads run meanwhile: it is read in a process of its own. pyelftools would hold the
    GIL here for milliseconds at a time, and a call of a plugin waits for that.
    """
    if threading.active_count() == 1 and dwarf.size_of(data) <= _LITTLE:
        return _read_here(data)
    from nativeplug.loader import child

    try:
        ended = child.run(
            _PROGRAM, child.DATA, child.ANSWER, *_paths(), data=data, seconds=_SECONDS
        )
    except child.ChildError:  # a frozen program has no Python to start, and is told the same
        return _read_here(data)
    try:
        return from_bytes(ended.output), ended.output
    except ValueError:  # it has not come to its end
        reason = ": ".join(filter(None, (f"Python {ended.ending}", ended.last_words)))
        return DebugInfo(reason=reason, is_final=False), b""


def _read_here(data: File) -> tuple[DebugInfo, bytes]:
    payload = to_bytes(dwarf.read(data))
    return from_bytes(payload), payload


def _paths() -> list[str]:
    """Return the directories from which to import what reads."""
    from importlib.util import find_spec

    origins = (spec.origin for name in _PACKAGES if (spec := find_spec(name)) is not None)
    packages = (os.path.dirname(origin) for origin in origins if origin is not None)
    return [*dict.fromkeys(map(os.path.dirname, packages))]


def to_bytes(debug: DebugInfo) -> bytes:
    """Return what is known as lines of text, which say nothing that could be executed."""
    table = abi.TypeTable()
    symbols = [
        "\t".join((name, str(table.add(known.type)), _C if known.is_c else _NOT_C, known.text))
        for name, known in debug.symbols.items()
        if _UNWRITABLE.isdisjoint(name + known.text)
    ]
    head = [_FORMAT, debug.build_id, debug.reason, debug.is_final, len(table.lines)]
    heads = (json.dumps(each, separators=_COMPACT) for each in (head, debug.types))
    lines = [*heads, *table.lines, *symbols]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def from_bytes(data: File | memoryview) -> DebugInfo:
    """
    Return what `to_bytes` wrote.

    Raises:
        ValueError: It did not write that.
    """
    try:
        text = str(data, "utf-8", "surrogatepass")
        head, types, *_ = text.split("\n", 2)
        found_format, build_id, reason, is_final, count = json.loads(head)
        if found_format != _FORMAT:
            raise ValueError(f"its format is {found_format}")
        *lines, rest = text.split("\n", 2 + count)[2:]
        return DebugInfo(
            symbols=_Symbols(abi.TypeTable(lines), _Rows(f"\n{rest}")),
            types=json.loads(types),
            reason=reason,
            build_id=build_id,
            is_final=is_final,
        )
    except (TypeError, LookupError) as error:
        raise ValueError(f"not debug information: {error}") from None


class _Rows(diskcache.Rows[tuple[int, bool, str]]):
    """Of each symbol its type's number, whether its text is C, and its text."""

    __slots__ = ()

    def _cut(self, row: str) -> tuple[int, bool, str]:
        _, number, mark, text = row.split("\t")
        return int(number), mark == _C, text


class _Symbols(Mapping[str, SymbolType]):
    """
    Symbols by name, each taken apart when it is asked for.

    Immutable but for what is remembered, and safe to use from several threads.
    """

    __slots__ = ("_rows", "_table")

    def __init__(self, table: abi.TypeTable, rows: _Rows) -> None:
        self._table = table
        self._rows = rows

    def __getitem__(self, name: str) -> SymbolType:
        """Return what is known of *name*; KeyError when nothing is."""
        number, is_c, text = self._rows[name]
        return SymbolType(text, self._table[number], is_c)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Return how many symbols there are."""
        return len(self._rows)
