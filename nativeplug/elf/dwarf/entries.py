"""
Debugging information entries (DIEs), as far as they can be trusted: in bounds, and not too many.

pyelftools takes an entry apart; the walk from one to the next is ours, because a damaged file
can send pyelftools' in circles. All that it reads (a unit's abbreviations, a list of ranges, a
text) it reads from streams of ours, which look at the clock: it has no other loops.
"""

from __future__ import annotations

import io
import struct
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from nativeplug.elf.dwarf.debug_sections import READ, UnreadableError

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo

#: An entry, and the unit that holds it, as pyelftools has them.
Die: TypeAlias = Any
Unit: TypeAlias = Any

# What a large library needs, ten times over. An entry takes 20 microseconds.
_MOST_ENTRIES = 500_000
_MOST_SECONDS = 8.0
# How far a reference may lead on, and namespaces may be nested.
_MOST_STEPS = 32
_CHECK_EVERY = 256
# A longer name counts as more entries, one for each so many bytes, as it is copied again and again.
_BYTES_OF_AN_ENTRY = 256
_WIDE = 0xFFFFFFFF
_DWARF_5, _DW_UT_TYPE = 5, 2
_ORIGINS = ("DW_AT_abstract_origin", "DW_AT_specification")
_RANGES = frozenset({".debug_ranges", ".debug_rnglists"})
# What pyelftools has to be told that there is not.
_UNREAD = tuple(
    f".debug_{name}" for name in ("aranges", "frame", "loc", "line", "pubtypes", "pubnames", "sup")
)


class TimeBudgetError(UnreadableError):
    """It takes too long, on this machine and now."""


class UnknownTypeError(Exception):
    """Something is not told, or not in a way that we know; says what."""


@dataclass(slots=True)
class Budget:
    """What may be spent on a file."""

    entries: int = _MOST_ENTRIES
    deadline: float = field(default_factory=lambda: time.monotonic() + _MOST_SECONDS)
    _steps: int = 0

    def spend(self, entries: int = 1) -> None:
        """
        Pay for entries.

        Raises:
            UnreadableError: That was too much.
            TimeBudgetError: Time has run out.
        """
        self.entries -= entries
        if self.entries < 0:
            raise UnreadableError("more entries than a plugin's exports need")
        self.step()

    def step(self) -> None:
        """
        Pay for a step of whatever kind, of which there may be many for an entry.

        Raises:
            TimeBudgetError: Time has run out.
        """
        self._steps += 1
        if self._steps % _CHECK_EVERY == 0:
            self.check_time()

    def check_time(self) -> None:
        """Raise TimeBudgetError when time has run out."""
        if time.monotonic() > self.deadline:
            raise TimeBudgetError(f"reading it takes more than {_MOST_SECONDS:.0f} s")


class Dies:
    """The entries of a file."""

    def __init__(self, sections: dict[str, bytes], budget: Budget) -> None:
        self.sections = sections
        self.budget = budget
        self.info = self._information()
        #: Where each unit begins in ``.debug_info``, in order.
        self.offsets: list[int] = []
        self._type_units: dict[int, tuple[int, int]] = {}  # by signature: a unit and a type in it
        self._index_units()

    def _index_units(self) -> None:
        """Find the units, DWARF 5 section 7.5.1."""
        data, at = self.sections[".debug_info"], 0
        while at < len(data):
            self.budget.spend()
            length, word, size = *struct.unpack_from("<I", data, at), 4, 4
            if length == _WIDE:
                length, word, size = *struct.unpack_from("<Q", data, at + 4), 8, 12
            version, kind = struct.unpack_from("<HB", data, at + size)
            if version >= _DWARF_5 and kind == _DW_UT_TYPE:
                form = "<QI" if word == 4 else "<QQ"  # noqa: PLR2004 - bytes of an offset
                signature, type_at = struct.unpack_from(form, data, at + size + 4 + word)
                self._type_units[signature] = at, type_at
            else:
                self.offsets.append(at)
            at += size + length

    def unit_holding(self, offset: int) -> int | None:
        """Return which unit holds an offset into ``.debug_info``; None for what none does."""
        index = bisect_right(self.offsets, offset)
        return self.offsets[index - 1] if index else None

    def unit(self, offset: int) -> Unit:
        """Return the unit that begins at an offset."""
        return self.info.get_CU_at(offset)

    def top(self, unit: Unit) -> Die:
        """Return a unit's own entry."""
        self.budget.spend()
        return unit.get_top_DIE()

    def children(self, die: Die) -> Iterator[Die]:
        """Give an entry's children, in order."""
        if not die.has_children:
            return
        unit, at, depth = die.cu, die.offset + die.size, 0
        while True:
            self.budget.spend()
            child = unit.get_DIE_from_refaddr(at)
            at += child.size
            if child.is_null():
                if not depth:
                    return
                depth -= 1
            elif depth:
                depth += bool(child.has_children)
            else:
                yield child
                after = _sibling(child)
                if after is not None and after >= at:
                    at = after
                else:
                    depth += bool(child.has_children)

    def target(self, die: Die, attribute: str) -> Die | None:
        """
        Return the entry that an attribute of *die* refers to; None without such an attribute.

        Raises:
            UnknownTypeError: It is in another file.
        """
        reference = die.attributes.get(attribute)
        if reference is None:
            return None
        self.budget.spend()
        if reference.form == "DW_FORM_ref_sig8" and reference.raw_value in self._type_units:
            start, offset = self._type_units[reference.raw_value]
            return self.unit(start).get_DIE_from_refaddr(start + offset)
        try:
            return die.get_DIE_from_attribute(attribute)
        except (KeyError, NotImplementedError):
            raise UnknownTypeError("it is in another file") from None

    def steps(self, die: Die) -> Iterator[Die]:
        """Give an entry, and those that say more of what it is about."""
        found: Die | None = die
        for _ in range(_MOST_STEPS):
            if found is None:
                return
            yield found
            current, found = found, None
            for origin in _ORIGINS:
                found = found or self.target(current, origin)

    def attribute(self, die: Die, name: str) -> Any:
        """Return the value of an attribute of *die*, or of what it stems from; None without."""
        for step in self.steps(die):
            if name in step.attributes:
                return step.attributes[name].value
        return None

    def name(self, die: Die, attribute: str = "DW_AT_name") -> str:
        """Return the name of *die*; empty when it has none."""
        value = self.attribute(die, attribute)
        if not isinstance(value, bytes):
            return ""
        self.budget.spend(len(value) // _BYTES_OF_AN_ENTRY)
        return value.decode("utf-8", "replace")

    def type(self, die: Die) -> Die | None:
        """Return the type of *die*; None for void."""
        for step in self.steps(die):
            found = self.target(step, "DW_AT_type")
            if found is not None:
                return found
        return None

    def ranges(self, die: Die) -> list[tuple[int, int]]:
        """Return the addresses of *die*: where each part begins and ends."""
        attributes = die.attributes
        if "DW_AT_ranges" in attributes and _RANGES & self.sections.keys():
            return list(self._listed_ranges(die))
        low, high = attributes.get("DW_AT_low_pc"), attributes.get("DW_AT_high_pc")
        if low is None:
            return []
        if high is None:
            return [(low.value, low.value + 1)]
        is_end = high.form.startswith("DW_FORM_addr")
        return [(low.value, high.value if is_end else low.value + high.value)]

    def _listed_ranges(self, die: Die) -> Iterator[tuple[int, int]]:
        low = die.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
        base = low.value if low is not None else 0
        lists: Any = self.info.range_lists()
        for entry in lists.get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, die.cu):
            self.budget.spend()
            if hasattr(entry, "base_address"):
                base = entry.base_address
            else:
                start = 0 if getattr(entry, "is_absolute", False) else base
                yield start + entry.begin_offset, start + entry.end_offset

    def _information(self) -> DWARFInfo:
        from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

        named: dict[str, Any] = dict.fromkeys(f"{name[1:]}_sec" for name in (*READ, *_UNREAD))
        for name, data in self.sections.items():
            stream = _Stream(data, self)
            named[f"{name[1:]}_sec"] = DebugSectionDescriptor(stream, name, 0, len(data), 0)
        return DWARFInfo(
            config=DwarfConfig(little_endian=True, machine_arch="", default_address_size=8),
            eh_frame_sec=None,
            gnu_debugaltlink_sec=None,
            **named,
        )


class _Stream(io.BytesIO):
    """A section, which takes time to read."""

    def __init__(self, data: bytes, dies: Dies) -> None:
        super().__init__(data)
        self._dies = dies

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some of it; TimeBudgetError when time has run out."""
        self._dies.budget.step()
        return super().read(size)


def _sibling(die: Die) -> int | None:
    sibling = die.attributes.get("DW_AT_sibling")
    if sibling is None or sibling.form == "DW_FORM_ref_addr":
        return None
    return int(die.cu.cu_offset + sibling.value)


# The entry around an address that was found in ``.debug_info``, without reading what is before
# it.
#
# A unit of a large library has thousands of entries, and pyelftools takes 20 microseconds for each.
# Where an address stands, the entry that has it begins a few bytes before: its abbreviation tells
# how many. That is a guess until the entry's name confirms it.


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
