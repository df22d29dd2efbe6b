"""
Whether a record is passed by value as C passes it.

C++ passes a class by a hidden pointer that has a copy or move constructor or a destructor of
its own (Itanium C++ ABI, section 3.1.2.3). Clang says which ones; GCC leaves it to the reader.
"""

from __future__ import annotations

from nativeplug.load.dwarf.dies import Die, Dies, UntoldError
from nativeplug.load.dwarf.peel import DEEPEST, RECORDS, peel, whole

_DW_CC_PASS_BY_VALUE = 5
_REFERENCES = frozenset({"DW_TAG_reference_type", "DW_TAG_rvalue_reference_type"})


def check_by_value(dies: Dies, die: Die, name: str) -> None:
    """
    Check that a record is passed by value as in C.

    Raises:
        UntoldError: It is not, or may be not.
    """
    if not _is_as_in_c(dies, die, 0):
        raise UntoldError(f"{name!r} is not passed as C does")


def _is_as_in_c(dies: Dies, die: Die, depth: int) -> bool:
    said = die.attributes.get("DW_AT_calling_convention")
    children = list(dies.children(die))
    members = [child for child in children if child.tag == "DW_TAG_member"]
    if said is not None:
        return bool(said.value == _DW_CC_PASS_BY_VALUE and members)
    if not members or depth > DEEPEST:
        return False
    return not any(
        child.tag == "DW_TAG_inheritance" or _is_special(dies, child, dies.name(die))
        for child in children
    ) and all(_is_member_as_in_c(dies, child, depth) for child in members)


def _is_special(dies: Dies, die: Die, name: str) -> bool:
    """Tell whether a member function may be a destructor, or copy or move its object."""
    if die.tag != "DW_TAG_subprogram":
        return False
    own = dies.name(die)
    if own.startswith("~") or "DW_AT_virtuality" in die.attributes:
        return True
    return own == name and any(
        (type_ := dies.type(child)) is not None and type_.tag in _REFERENCES
        for child in dies.children(die)
        if child.tag == "DW_TAG_formal_parameter"
    )


def _is_member_as_in_c(dies: Dies, die: Die, depth: int) -> bool:
    found, _ = peel(dies, dies.type(die))
    while found is not None and found.tag == "DW_TAG_array_type":
        found, _ = peel(dies, dies.type(found))
    if found is None or found.tag not in RECORDS:
        return True
    return _is_as_in_c(dies, whole(dies, found), depth + 1)
