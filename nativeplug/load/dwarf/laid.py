"""Whether C lays a record's members out as the debug information has them."""

from __future__ import annotations

from nativeplug import abi
from nativeplug.load.dwarf.fields import type_alignment

_BYTE = 8


def attribute_for(record: abi.Record) -> str | None:
    """
    Return the attribute by which C lays out the members of a record as they are.

    Returns:
        Empty for none, ``packed``, or None where C's rules alone do not lead there.
    """
    for attribute in ("", "packed"):
        if _is_laid_out(record, is_packed=attribute == "packed"):
            return attribute
    return None


def _is_laid_out(record: abi.Record, *, is_packed: bool) -> bool:
    """Lay the members out as C does, System V x86-64 section 3.1.2."""
    end, widest = 0, 1
    for field in record.fields:
        align = 1 if is_packed else type_alignment(field.type)
        if record.is_union:
            end_before, end = end, 0
        if field.bits is None:
            start = _rounded(end, _BYTE * align)
            end = start + _BYTE * abi.size_of(field.type)
            told = _BYTE * field.offset
        elif is_packed:
            return False  # compilers differ
        else:
            start = _bit_field_start(end, field, align)
            end = start + field.bits[1]
            told = field.bits[0]
        if told != start:
            return False
        if record.is_union:
            end = max(end, end_before)
        widest = max(widest, align)
    return _rounded(end, _BYTE * widest) == _BYTE * record.size and record.align in {
        widest,
        record.align if is_packed else widest,
    }


def _bit_field_start(end: int, field: abi.Field, align: int) -> int:
    """Return where a bit-field begins: it does not cross a boundary of its type."""
    assert field.bits is not None  # noqa: S101 - for type checkers
    unit = _BYTE * abi.size_of(field.type)
    into = end % (_BYTE * align)
    return end if into + field.bits[1] <= unit else _rounded(end, _BYTE * align)


def _rounded(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
