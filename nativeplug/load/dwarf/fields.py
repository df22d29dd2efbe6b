"""Records as debug information has them -> `abi`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from nativeplug import abi
from nativeplug.load.dwarf.dies import Die, Dies, UntoldError

if TYPE_CHECKING:

    class Types(Protocol):
        """What works out the members' types."""

        def of(self, die: Die | None, *, within: bool, depth: int) -> abi.Type:
            """Return a type."""


_DW_OP_PLUS_UCONST = 0x23
_LONGEST_NUMBER = 10  # of 64 bits
_DW_LANG_RUST = 0x1C
_LARGEST_ALIGNMENT = 16


class Fields:
    """Works out records."""

    def __init__(self, dies: Dies, types: Types) -> None:
        self._dies = dies
        self._types = types

    def record(self, die: Die, name: str, depth: int) -> abi.Record:
        """
        Return a record.

        Raises:
            UntoldError: A member's type or place is not told.
        """
        size = die.attributes.get("DW_AT_byte_size")
        if size is None or not isinstance(size.value, int):
            raise UntoldError(f"{name!r} has no size")
        fields = tuple(self._iter_fields(die, depth))
        said = die.attributes.get("DW_AT_alignment")
        return abi.Record(
            name,
            size.value,
            alignment(fields) if said is None else int(said.value),
            fields,
            die.tag == "DW_TAG_union_type",
            self._is_transparent(die, fields, size.value),
        )

    def _is_transparent(self, die: Die, fields: tuple[abi.Field, ...], size: int) -> bool:
        if len(fields) != 1 or abi.size_of(fields[0].type) != size:
            return False
        language = self._dies.top(die.cu).attributes.get("DW_AT_language")
        return language is not None and language.value == _DW_LANG_RUST

    def _iter_fields(self, die: Die, depth: int) -> Iterator[abi.Field]:
        for child in self._dies.children(die):
            if child.tag == "DW_TAG_variant_part":
                raise UntoldError("C has no enumeration with values in it")
            if child.tag not in {"DW_TAG_member", "DW_TAG_inheritance"}:
                continue
            if "DW_AT_declaration" in child.attributes:  # a static member of C++
                continue
            if "DW_AT_virtuality" in child.attributes:
                raise UntoldError("C has no virtual inheritance")
            type_ = self._types.of(self._dies.type(child), within=True, depth=depth + 1)
            yield self._field(child, type_)

    def _field(self, die: Die, type_: abi.Type) -> abi.Field:
        attributes, name = die.attributes, self._dies.name(die)
        width = attributes.get("DW_AT_bit_size")
        offset = _offset(die)
        if width is None:
            return abi.Field(type_, offset, None, name)
        if "DW_AT_data_bit_offset" in attributes:
            first = attributes["DW_AT_data_bit_offset"].value
        elif "DW_AT_bit_offset" in attributes:  # counted from the other end, DWARF 3 section 5.6.6
            size = attributes.get("DW_AT_byte_size")
            unit = abi.size_of(type_) if size is None else size.value
            first = 8 * (offset + unit) - attributes["DW_AT_bit_offset"].value - width.value
        else:
            first = 8 * offset
        return abi.Field(type_, first // 8, (first, width.value), name)


def _offset(die: Die) -> int:
    """Return where a member begins, DWARF 5 section 5.7.6 and DWARF 2 section 5.5.4."""
    attribute = die.attributes.get("DW_AT_data_member_location")
    if attribute is None:
        return 0
    if isinstance(attribute.value, int):
        return attribute.value
    operation, *rest = attribute.value
    if operation != _DW_OP_PLUS_UCONST or len(rest) > _LONGEST_NUMBER:
        raise UntoldError("a member's place is worked out at run time")
    return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(rest))


def alignment(fields: tuple[abi.Field, ...]) -> int:
    """Return what members are aligned to, going by where they are."""
    found = 1
    for field in fields:
        natural = type_alignment(field.type)
        if field.bits is None and field.offset % natural:
            return 1
        found = max(found, natural)
    return found


def type_alignment(type_: abi.Type) -> int:
    """Return what C aligns a type to, System V x86-64 figure 3.1 and AAPCS64 section 5."""
    if isinstance(type_, abi.Record):
        return type_.align
    if isinstance(type_, abi.Array):
        return type_alignment(type_.item)
    if isinstance(type_, abi.Scalar) and "complex" in type_.kind:
        return max(type_.size // 2, 1)
    return max(min(abi.size_of(type_), _LARGEST_ALIGNMENT), 1)
