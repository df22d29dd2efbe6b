"""
The entry around an address that was found in ``.debug_info``, without reading what is before it.

A unit of a large library has thousands of entries, and pyelftools takes 20 microseconds for each.
Where an address stands, the entry that has it begins a few bytes before: its abbreviation tells
how many. That is a guess until the entry's name confirms it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nativeplug.load.dwarf.dies import Die, Dies, Unit

# How far before its place an entry may begin; a longer one is found by reading its unit.
_FARTHEST = 160
_FIXED: Final = {
    "DW_FORM_addr": 8,
    "DW_FORM_data1": 1,
    "DW_FORM_data2": 2,
    "DW_FORM_data4": 4,
    "DW_FORM_data8": 8,
    "DW_FORM_flag": 1,
    "DW_FORM_flag_present": 0,
    "DW_FORM_implicit_const": 0,
    "DW_FORM_ref1": 1,
    "DW_FORM_ref2": 2,
    "DW_FORM_ref4": 4,
    "DW_FORM_ref8": 8,
    "DW_FORM_ref_sig8": 8,
    "DW_FORM_strx1": 1,
    "DW_FORM_strx2": 2,
    "DW_FORM_strx4": 4,
}
_OFFSETS: Final = frozenset(
    {"DW_FORM_strp", "DW_FORM_line_strp", "DW_FORM_sec_offset", "DW_FORM_ref_addr"}
)
_NUMBERS: Final = frozenset({"DW_FORM_udata", "DW_FORM_sdata", "DW_FORM_strx", "DW_FORM_ref_udata"})
# What tells a place, and how many bytes stand before the address in it: its length and operation.
_PLACES: Final = {
    "DW_TAG_subprogram": {("DW_AT_low_pc", "DW_FORM_addr"): 0},
    "DW_TAG_variable": {
        ("DW_AT_location", "DW_FORM_exprloc"): 2,
        ("DW_AT_location", "DW_FORM_block1"): 2,
    },
}
_LAST = 0x80  # a byte of a number under it is the last


class Direct:
    """Finds entries by what is in them."""

    def __init__(self, dies: Dies) -> None:
        self._dies = dies
        self._data = dies.sections[".debug_info"]
        self._attributes: dict[tuple[int, int], list[tuple[str, str]]] = {}

    def iter_around(self, unit: Unit, place: int, tag: str) -> Iterator[Die]:
        """Give what may be the entries that have an address at *place*, nearest first."""
        first = max(unit.cu_die_offset, place - _FARTHEST)
        for start in range(place - 1, first - 1, -1):
            self._dies.budget.step()
            code, at = self._number(start)
            if code and self._leads_to(unit, code, at, place, tag):
                self._dies.budget.spend()
                yield unit.get_DIE_from_refaddr(start)

    def _leads_to(self, unit: Unit, code: int, at: int, place: int, tag: str) -> bool:
        """Tell whether an entry of an abbreviation, whose attributes begin at *at*, has *place*."""
        ahead = _PLACES[tag]
        for attribute in self._specification(unit, code, tag):
            if attribute in ahead:
                return at + ahead[attribute] == place
            size = self._size(unit, attribute[1], at, place)
            if size is None or at > place:
                return False
            at += size
        return False

    def _specification(self, unit: Unit, code: int, tag: str) -> list[tuple[str, str]]:
        """Return the attributes of an abbreviation; none of another tag."""
        table: Any = unit.get_abbrev_table()
        key = id(table), code
        if key not in self._attributes:
            try:
                found = table.get_abbrev(code)
            except KeyError:
                found = None
            is_it = found is not None and found["tag"] in _PLACES
            self._attributes[key] = [("", found["tag"]), *found.iter_attr_specs()] if is_it else []
        kept = self._attributes[key]
        return kept[1:] if kept and kept[0][1] == tag else []

    def _size(self, unit: Unit, form: str, at: int, end: int) -> int | None:
        """Return how many bytes an attribute has; None for one that is not looked into."""
        if form in _FIXED:
            return _FIXED[form]
        if form in _OFFSETS:
            return 4 if unit.dwarf_format() == 32 else 8  # noqa: PLR2004 - DWARF of 32 bits
        if form in _NUMBERS:
            return self._number(at)[1] - at
        after = self._data.find(b"\0", at, end) + 1
        return after - at if form == "DW_FORM_string" and after else None

    def _number(self, at: int) -> tuple[int, int]:
        """Return the number (DWARF 5 section 7.6) at an offset, and where it ends."""
        value = shift = 0
        for at_byte in range(at, min(at + 10, len(self._data))):
            byte = self._data[at_byte]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < _LAST:
                return value, at_byte + 1
        return 0, at + 10
