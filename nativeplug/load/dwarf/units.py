"""
Which units define a file's exported symbols, found without reading all units.

A unit that says where a symbol is has its address in it, as eight bytes: so the debug
information is searched for those first, at the speed of `re`. What is not found that way is told
by reference (``DW_FORM_addrx``, range lists): then all units' own entries are asked.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from nativeplug.load.dwarf.dies import Die, Dies, Unit

# Addresses under 4 GB, of which no file has more; at every place, as nothing is aligned.
_ADDRESS: Final = re.compile(rb"(?=([\x00-\xff]{4}\0{4}))")
_DW_LANG_GO = 0x16
_DEEPEST = 32  # namespaces within each other


def likely(dies: Dies, addresses: frozenset[int]) -> list[Unit]:
    """Return the units that have one of *addresses* in them; most, and few others."""
    found: dict[int, None] = {}
    for offset in _iter_places(dies.sections[".debug_info"], addresses):
        unit = dies.unit_holding(offset)
        if unit is not None:
            found[unit] = None
    return [unit for unit in map(dies.unit, found) if not is_go(dies, unit)]


def others(dies: Dies, addresses: frozenset[int], asked: Iterable[Unit]) -> list[Unit]:
    """Return the units beside *asked* that have one of *addresses*, whatever tells that."""
    known = {unit.cu_offset for unit in asked}
    slots = sorted(set(_iter_places(dies.sections.get(".debug_addr", b""), addresses)))
    rest = [dies.unit(offset) for offset in dies.offsets if offset not in known]
    bases = sorted({base for unit in rest if (base := _address_base(dies, unit)) is not None})
    wanted = {_last_before(bases, slot) for slot in slots}
    return [
        unit
        for unit in rest
        if (_address_base(dies, unit) in wanted or _has(dies, unit, addresses))
        and not is_go(dies, unit)
    ]


def is_go(dies: Dies, unit: Unit) -> bool:
    """Tell whether a unit is Go's own, which C cannot call: cgo's wrappers are in units of C."""
    language = dies.top(unit).attributes.get("DW_AT_language")
    return language is not None and language.value == _DW_LANG_GO


def definitions(dies: Dies, parent: Die, depth: int = 0) -> Iterator[Die]:
    """Give the functions, variables and typedefs of a unit, also those in namespaces."""
    for die in dies.children(parent):
        if die.tag in {"DW_TAG_subprogram", "DW_TAG_variable", "DW_TAG_typedef"}:
            yield die
        elif die.tag in {"DW_TAG_namespace", "DW_TAG_module"} and depth < _DEEPEST:
            yield from definitions(dies, die, depth + 1)


def _iter_places(data: bytes, addresses: frozenset[int]) -> Iterator[int]:
    for match in _ADDRESS.finditer(data):
        if struct.unpack_from("<Q", data, match.start())[0] in addresses:
            yield match.start()


def _address_base(dies: Dies, unit: Unit) -> int | None:
    attributes = dies.top(unit).attributes
    base = attributes.get("DW_AT_addr_base") or attributes.get("DW_AT_GNU_addr_base")
    return None if base is None else int(base.value)


def _last_before(bases: list[int], slot: int) -> int | None:
    return max((base for base in bases if base <= slot), default=None)


def _has(dies: Dies, unit: Unit, addresses: frozenset[int]) -> bool:
    ranges = dies.ranges(dies.top(unit))
    return any(low <= address < high for address in addresses for low, high in ranges)
