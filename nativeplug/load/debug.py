"""
What a file's debug information tells of its symbols, read once and kept on disk: see `kept`.

A file is named by the SHA-256 of the plugin: a build id may repeat, content does not. It has a
line for each type and each symbol, which is taken apart when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nativeplug import abi, kept
from nativeplug.load import dwarf
from nativeplug.load.dwarf import Debug, Known

if TYPE_CHECKING:
    from nativeplug.load.content import Content

# Changes whenever the meaning of the files does.
_FORMAT = 1
_WHAT = "debug information"
_COMPACT = (",", ":")
_C, _NOT_C = "c", "-"
_UNWRITABLE = frozenset("\t\n")


def find(content: Content) -> Debug:
    """
    Return what the debug information of a file tells of its exported symbols.

    Takes microseconds where there is none, a fraction of a millisecond where it was read
    before, and some tenths of a second otherwise. Never raises for what is in the file.

    Args:
        content: The file's.
    """
    if not dwarf.has_debug(content.data):
        return Debug()
    name = f"debug/{content.sha256}.{_FORMAT}.lines"
    found = kept.load(name, _WHAT, from_bytes)
    if found is None:
        payload = _read(content.data)
        found = from_bytes(payload)
        if found.is_final:
            kept.store(name, _WHAT, payload)
    return found


def _read(data: bytes) -> bytes:
    """Read the debug information of a file, and return what is kept of it."""
    return to_bytes(dwarf.read(data))


def to_bytes(debug: Debug) -> bytes:
    """Return what is known as lines of text, which say nothing that could be executed."""
    table = abi.Table()
    symbols = [
        "\t".join((name, str(table.add(known.type)), _C if known.is_c else _NOT_C, known.text))
        for name, known in debug.symbols.items()
        if _UNWRITABLE.isdisjoint(name + known.text)
    ]
    head = [_FORMAT, debug.build_id, debug.reason, debug.is_final, len(table.lines)]
    heads = (json.dumps(each, separators=_COMPACT) for each in (head, debug.types))
    lines = [*heads, *table.lines, *symbols]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def from_bytes(data: bytes | memoryview) -> Debug:
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
        return Debug(
            symbols=_Symbols(abi.Table(lines), _Rows(f"\n{rest}")),
            types=json.loads(types),
            reason=reason,
            build_id=build_id,
            is_final=is_final,
        )
    except (TypeError, LookupError) as error:
        raise ValueError(f"not debug information: {error}") from None


class _Rows(kept.Rows[tuple[int, bool, str]]):
    """Of each symbol its type's number, whether its text is C, and its text."""

    __slots__ = ()

    def _cut(self, row: str) -> tuple[int, bool, str]:
        _, number, mark, text = row.split("\t")
        return int(number), mark == _C, text


class _Symbols(Mapping[str, Known]):
    """
    Symbols by name, each taken apart when it is asked for.

    Immutable but for what is remembered, and safe to use from several threads.
    """

    __slots__ = ("_rows", "_table")

    def __init__(self, table: abi.Table, rows: _Rows) -> None:
        self._table = table
        self._rows = rows

    def __getitem__(self, name: str) -> Known:
        """Return what is known of *name*; KeyError when nothing is."""
        number, is_c, text = self._rows[name]
        return Known(text, self._table[number], is_c)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Return how many symbols there are."""
        return len(self._rows)
