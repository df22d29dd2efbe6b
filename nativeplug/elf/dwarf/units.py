"""
Which units define a file's exported symbols, found without reading all units.

A unit that says where a symbol is has its address in it, as eight bytes: so the debug
information is searched for those first, at the speed of `re`. What is not found that way is told
by reference (``DW_FORM_addrx``, range lists): then all units' own entries are asked.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from nativeplug.elf.dwarf.entries import Die, Dies, Unit

# Addresses under 4 GB, of which no file has more; at every place, as nothing is aligned.
_ADDRESS: Final = re.compile(rb"(?=([\x00-\xff]{4}\0{4}))")
_DW_LANG_GO = 0x16
_DEEPEST = 32  # namespaces within each other
# An address stands in its entry, and in few others; zeros stand everywhere.
_MOST_PLACES = 1_000
# Where one of so many entries has no type, the others have none either.
_MANY_ENTRIES = 2_000


def places(dies: Dies, addresses: frozenset[int]) -> dict[int, list[int]]:
    """Return where in ``.debug_info`` each of *addresses* stands, if anywhere."""
    found: dict[int, list[int]] = {}
    for place, address in _iter_places(dies, ".debug_info", addresses):
        listed = found.setdefault(address, [])
        if len(listed) < _MOST_PLACES:
            listed.append(place)
    return found


def holding(dies: Dies, offsets: Iterable[int]) -> list[Unit]:
    """Return the units that hold places in ``.debug_info``, and that are not Go's own."""
    starts = dict.fromkeys(map(dies.unit_holding, offsets))
    units = (dies.unit(start) for start in starts if start is not None)
    return [unit for unit in units if not is_go(dies, unit)]


def others(dies: Dies, addresses: frozenset[int], asked: Iterable[Unit]) -> list[Unit]:
    """Return the units beside *asked* that have one of *addresses*, whatever tells that."""
    known = {unit.cu_offset for unit in asked}
    slots = {place for place, _ in _iter_places(dies, ".debug_addr", addresses)}
    rest = [dies.unit(offset) for offset in dies.offsets if offset not in known]
    bases = sorted({base for unit in rest if (base := _address_base(dies, unit)) is not None})
    wanted = {bases[index - 1] for slot in slots if (index := bisect_right(bases, slot))}
    ordered = sorted(addresses)
    return [
        unit
        for unit in rest
        if (_address_base(dies, unit) in wanted or _has(dies, unit, ordered))
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


def has_types(dies: Dies, unit: Unit) -> bool:
    """Tell whether anything in a unit has a type, going by its first entries."""
    at, end = unit.cu_die_offset, unit.cu_offset + unit.size
    for _ in range(_MANY_ENTRIES):
        if at >= end:
            break
        dies.budget.spend()
        die = unit.get_DIE_from_refaddr(at)
        if "DW_AT_type" in die.attributes:
            return True
        at += die.size
    return False


def _iter_places(dies: Dies, section: str, addresses: frozenset[int]) -> Iterator[tuple[int, int]]:
    data = dies.sections.get(section, b"")
    for match in _ADDRESS.finditer(data):
        dies.budget.step()
        (address,) = struct.unpack_from("<Q", data, match.start())
        if address in addresses:
            yield match.start(), address


def _address_base(dies: Dies, unit: Unit) -> int | None:
    attributes = dies.top(unit).attributes
    base = attributes.get("DW_AT_addr_base") or attributes.get("DW_AT_GNU_addr_base")
    return None if base is None else int(base.value)


def _has(dies: Dies, unit: Unit, addresses: list[int]) -> bool:
    """Tell whether one of some addresses, which are in order, is in a unit."""
    return any(
        bisect_left(addresses, low) < bisect_left(addresses, high)
        for low, high in dies.ranges(dies.top(unit))
    )
