"""Which entry of the debug information defines an exported symbol."""

from __future__ import annotations

import struct
from typing import Any

from nativeplug.elf.dwarf.entries import Die, Dies, UnknownTypeError
from nativeplug.elf.dwarf.model import Export
from nativeplug.elf.symbols import FUNCTIONS

_DW_OP_ADDR, _DW_OP_ADDRX, _DW_OP_GNU_ADDR_INDEX = 0x03, 0xA1, 0xFB
# What pushes the place of a thread-local variable, and says that it is one.
_DW_OP_CONST4U, _DW_OP_CONST8U = 0x0C, 0x0E
_DW_OP_TLS = frozenset({0x9B, 0xE0})  # DW_OP_form_tls_address, and GNU's before there was that
_LONGEST_NUMBER = 10  # of 64 bits
_PLACES = {_DW_OP_ADDR: "<Q", _DW_OP_CONST4U: "<I", _DW_OP_CONST8U: "<Q"}


class Definitions:
    """The functions and variables that units define, by their places."""

    def __init__(self, dies: Dies) -> None:
        self._dies = dies
        self._by_place: dict[tuple[str, int], list[Die]] = {}
        self._declared: dict[tuple[str, str], Die] = {}

    def is_of(self, die: Die, symbol: Export) -> bool:
        """Tell whether an entry defines a symbol, going by place and name."""
        place = _kind(symbol), symbol.address
        return symbol.name in self._names(die) and place in self._places(die)

    def add(self, die: Die) -> None:
        """Add a function or variable."""
        for kind, address in self._places(die):
            self._by_place.setdefault((kind, address), []).append(die)
        if "DW_AT_external" in die.attributes:
            self._declared.setdefault((str(die.tag), self._dies.name(die)), die)

    def of(self, symbol: Export) -> Die:
        """
        Return what defines a symbol.

        Another name of the same place (an alias, or what a linker has folded) may have a type
        of its own, which its declaration tells, if there is one.

        Raises:
            UnknownTypeError: Nothing does.
        """
        kind, tag = _kind(symbol), tag_of(symbol)
        found = self._by_place.get((kind, symbol.address), [])
        for die in found:
            if symbol.name in self._names(die):
                return die
        declared = self._declared.get((tag, symbol.name))
        if declared is not None and (found or self._is_folded(declared, symbol)):
            return declared
        if not found:
            raise UnknownTypeError("no unit defines it")
        return found[0]

    def _is_folded(self, die: Die, symbol: Export) -> bool:
        """Tell whether a function has lost its place as it only calls another one (GCC, -O2)."""
        if "DW_AT_declaration" in die.attributes or symbol.kind not in FUNCTIONS:
            return False
        ranges = self._dies.ranges(self._dies.top(die.cu))
        return any(low <= symbol.address < high for low, high in ranges)

    def _names(self, die: Die) -> set[str]:
        attributes = ("DW_AT_name", "DW_AT_linkage_name", "DW_AT_MIPS_linkage_name")
        return {self._dies.name(die, attribute) for attribute in attributes}

    def _places(self, die: Die) -> list[tuple[str, int]]:
        if die.tag == "DW_TAG_subprogram":
            return [("function", low) for low, _ in self._dies.ranges(die)]
        location = die.attributes.get("DW_AT_location")
        value = None if location is None else location.value
        if not isinstance(value, list) or not value:
            return []
        kind, address = self._located(die, bytes(value))
        return [] if address is None else [(kind, address)]

    def _located(self, die: Die, expression: bytes) -> tuple[str, int | None]:
        """Return where a variable is, DWARF 5 section 2.6.1.1."""
        operation = expression[0]
        kind = "tls" if expression[-1] in _DW_OP_TLS else "variable"
        if operation in {_DW_OP_ADDRX, _DW_OP_GNU_ADDR_INDEX}:
            index, size = _uleb128(expression[1:])
            is_whole = kind == "tls" or size + 1 == len(expression)
            return kind, self._address(die, index) if is_whole else None
        form = _PLACES.get(operation)
        if form is None or len(expression) != 1 + struct.calcsize(form) + (kind == "tls"):
            return kind, None
        return kind, struct.unpack_from(form, expression, 1)[0]

    def _address(self, die: Die, index: int) -> int:
        info: Any = self._dies.info
        return int(info.get_addr(die.cu, index))


def tag_of(symbol: Export) -> str:
    """Return the tag of an entry that defines a symbol."""
    return "DW_TAG_subprogram" if symbol.kind in FUNCTIONS else "DW_TAG_variable"


def _kind(symbol: Export) -> str:
    return "function" if symbol.kind in FUNCTIONS else symbol.kind


def _uleb128(data: bytes) -> tuple[int, int]:
    """Return a number, DWARF 5 section 7.6, and how many bytes it has."""
    value = 0
    for index, byte in enumerate(data[:_LONGEST_NUMBER]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
            return value, index + 1
    return value, len(data)
