"""What is the same type to the ABI under another name: typedefs, qualifiers, Rust's options."""

from __future__ import annotations

from nativeplug.load.dwarf.dies import Die, Dies, UntoldError

QUALIFIERS = frozenset(
    f"DW_TAG_{name}_type" for name in ("volatile", "restrict", "atomic", "immutable", "packed")
)
POINTERS = frozenset(f"DW_TAG_{name}_type" for name in ("pointer", "reference", "rvalue_reference"))
RECORDS = frozenset(f"DW_TAG_{name}_type" for name in ("structure", "union", "class"))
_TYPE_PARAMETERS = frozenset({"DW_TAG_template_type_param", "DW_TAG_template_type_parameter"})
_THROUGH = QUALIFIERS | {"DW_TAG_const_type", "DW_TAG_typedef"}
#: How deep types may be nested.
DEEPEST = 64


def peel(dies: Dies, die: Die | None) -> tuple[Die | None, list[str]]:
    """
    Return a type without its typedefs and qualifiers, and the typedefs' names.

    Raises:
        UntoldError: They do not end.
    """
    names: list[str] = []
    for _ in range(DEEPEST):
        die = unwrapped(dies, die)
        if die is None or die.tag not in _THROUGH:
            return die, names
        if die.tag == "DW_TAG_typedef":
            names.append(dies.name(die))
        die = dies.type(die)
    raise UntoldError("its type has no end")


def unwrapped(dies: Dies, die: Die | None) -> Die | None:
    """
    Return what stands for a type: what a unit of its own defines, and what C has.

    Of Rust's types, ``Option`` of a pointer or function is that pointer (its documentation,
    "Representation"), and ``c_void`` is void.
    """
    if die is None or die.tag not in RECORDS | {"DW_TAG_enumeration_type"}:
        return die
    die = dies.target(die, "DW_AT_signature") or die
    name = dies.name(die)
    if die.tag == "DW_TAG_enumeration_type":
        return None if name == "c_void" else die
    if not name.startswith("Option<"):
        return die
    held = _held(dies, die)
    return die if held is None or held.tag not in POINTERS else held


def _held(dies: Dies, die: Die) -> Die | None:
    """Return what an ``Option`` is of: the type parameter of it, or of its ``Some``."""
    for child in dies.children(die):
        if child.tag in _TYPE_PARAMETERS:
            return dies.type(child)
        if child.tag in RECORDS and dies.name(child) == "Some":
            return _held(dies, child)
    return None


def whole(dies: Dies, die: Die) -> Die:
    """
    Return an entry that tells a type's members.

    Raises:
        UntoldError: It is a mere declaration.
    """
    if "DW_AT_declaration" in die.attributes:
        raise UntoldError(f"{dies.name(die)!r} is declared only")
    return die
