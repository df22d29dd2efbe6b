"""Types as debug information has them -> `abi`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nativeplug import abi
from nativeplug.load.dwarf.dies import Die, Dies, UntoldError
from nativeplug.load.dwarf.fields import Fields
from nativeplug.load.dwarf.passing import check_by_value
from nativeplug.load.dwarf.peel import DEEPEST, POINTERS, RECORDS, peel, whole
from nativeplug.load.dwarf.units import has_types
from nativeplug.load.layout import host_target

# DW_ATE_* of DWARF 5, section 7.8.
_BOOLEAN, _COMPLEX, _FLOAT, _DECIMAL = 0x02, 0x03, 0x04, 0x0F
_SIGNED = frozenset({0x05, 0x06})
_UNSIGNED = frozenset({0x07, 0x08, 0x10, 0x12})  # also characters of UTF and ASCII
# DW_LANG_* of the C family, where a function without a prototype says nothing of its parameters.
_C = frozenset({0x01, 0x02, 0x0C, 0x10, 0x1D, 0x2C, 0x3E})
_DW_CC_NORMAL = 1
_EM_386, _EM_X86_64 = 3, 62
# What is as long as the x87's 80 bits are with their padding, and is not them.
_QUADS = ("float128", "f128", "Float128")
_MOST_BYTES = 1 << 62
_LONG = frozenset({16, 32})
_ADDRESSES = frozenset({"intptr_t", "uintptr_t"})

#: Writes a type (None: void) in C, for people to read.
Write = Callable[["Die | None"], str]


class Types:
    """The types of a file, each worked out once."""

    def __init__(self, dies: Dies, write: Write) -> None:
        self._dies = dies
        self._write = write
        self._fields = Fields(dies, self)
        self._made: dict[tuple[int, bool], abi.Type] = {}
        self._typed_units: dict[int, bool] = {}  # by the offsets of units

    def function(self, die: Die) -> abi.FunctionType:
        """
        Return the type of a function.

        Raises:
            UntoldError: A part of it is not told, or is passed in a way that C does not have.
        """
        convention = self._dies.attribute(die, "DW_AT_calling_convention")
        if convention not in {None, _DW_CC_NORMAL}:
            raise UntoldError(f"its calling convention is {convention:#x}")
        result = self._passed(self._dies.type(die))
        parts = [*self._dies.children(origin(self._dies, die))]
        listed = [part for part in parts if part.tag == "DW_TAG_formal_parameter"]
        if result == abi.VOID and not listed and not self._tells_functions(die):
            raise UntoldError("its unit tells no types")
        if not self._is_prototyped(die):
            return abi.FunctionType(result, None)
        parameters = tuple(self._passed(self._needed_type(each)) for each in listed)
        is_variadic = any(part.tag == "DW_TAG_unspecified_parameters" for part in parts)
        return abi.FunctionType(result, parameters, is_variadic)

    def variable(self, die: Die) -> abi.Type:
        """
        Return the type of a variable.

        Raises:
            UntoldError: It is not told, or C has nothing like it.
        """
        return self.of(self._needed_type(die))

    def _needed_type(self, die: Die) -> Die:
        found = self._dies.type(die)
        if found is None:
            raise UntoldError("its type is left out")
        return found

    def _tells_functions(self, die: Die) -> bool:
        """
        Tell whether a function without a result and parameters is said to have none.

        Where debug information is only for lines and inlined calls (GCC's and Clang's -g1, Rust's
        debuginfo=1), all functions look so.
        """
        if self._dies.attribute(die, "DW_AT_prototyped"):  # which is left out there, too
            return True
        unit = origin(self._dies, die).cu
        if unit.cu_offset not in self._typed_units:
            self._typed_units[unit.cu_offset] = has_types(self._dies, unit)
        return self._typed_units[unit.cu_offset]

    def _is_prototyped(self, die: Die) -> bool:
        if self._dies.attribute(die, "DW_AT_prototyped"):
            return True
        top = self._dies.top(origin(self._dies, die).cu)
        language = top.attributes.get("DW_AT_language")
        # Zig calls its code C99, and its functions always have prototypes.
        made_by = self._dies.name(top, "DW_AT_producer")
        return language is None or language.value not in _C or made_by.startswith("zig ")

    def _passed(self, die: Die | None) -> abi.Type:
        """Return the type of a parameter or result."""
        found = self.of(die)
        if isinstance(found, abi.Record):
            peeled, _ = peel(self._dies, die)
            check_by_value(self._dies, whole(self._dies, peeled), found.name)
        return found

    def of(self, die: Die | None, *, within: bool = False, depth: int = 0) -> abi.Type:
        """
        Return a type.

        Args:
            die: Its entry; None for void.
            within: It is a part of a record, whose pointers lead nowhere.
            depth: How many types it is within.

        Raises:
            UntoldError: It is not told, or C has nothing like it.
        """
        peeled, names = peel(self._dies, die)
        if peeled is None:
            return abi.VOID
        if depth > DEEPEST:
            raise UntoldError("its type has no end")
        key = id(die), within
        if key not in self._made:
            made = self._make(peeled, self._write(die), within=within, depth=depth)
            if isinstance(made, abi.Scalar) and not _ADDRESSES.isdisjoint(names):
                made = replace(made, is_address=True)
            self._made[key] = made
        return self._made[key]

    def _make(self, die: Die, name: str, *, within: bool, depth: int) -> abi.Type:
        if die.tag == "DW_TAG_base_type":
            return self._scalar(die, name)
        if die.tag == "DW_TAG_enumeration_type":
            return abi.Enumeration(self._enumeration_size(die), name)
        if die.tag == "DW_TAG_array_type":
            return self._array(die, name, depth)
        if die.tag in RECORDS:
            return self._fields.record(whole(self._dies, die), name, depth)
        is_null = die.tag == "DW_TAG_unspecified_type" and "nullptr" in name
        if die.tag in POINTERS | {"DW_TAG_subroutine_type"} or is_null:
            has_target = die.tag in POINTERS and not within
            return abi.Pointer(self._target(die) if has_target else None, name)
        raise UntoldError(f"C has no {name!r}")

    def _scalar(self, die: Die, name: str) -> abi.Scalar:
        size, encoding = _number(die, "DW_AT_byte_size"), _number(die, "DW_AT_encoding")
        own = self._dies.name(die)
        if _number(die, "DW_AT_bit_size", 8 * size) != 8 * size or (not size and own != "()"):
            raise UntoldError(f"C has no {own!r}")
        if not size:
            return abi.VOID
        kind = _kind(encoding, size, own)
        return abi.Scalar(kind, size, kind == "integer" and encoding in _SIGNED, name)

    def _target(self, die: Die) -> abi.Record | None:
        """Return what a pointer leads to, if that is a record whose members are told."""
        try:
            target, typedefs = peel(self._dies, self._dies.type(die))
            while target is not None and target.tag == "DW_TAG_array_type":
                target, typedefs = peel(self._dies, self._dies.type(target))
            if target is None or target.tag not in RECORDS:
                return None
            found = self.of(target)
        except UntoldError:
            return None
        if not isinstance(found, abi.Record):
            return None
        is_nameless = typedefs and not self._dies.name(target)
        return replace(found, name=typedefs[-1]) if is_nameless else found

    def _enumeration_size(self, die: Die) -> int:
        die = whole(self._dies, die)
        if "DW_AT_byte_size" in die.attributes:
            return _number(die, "DW_AT_byte_size")
        return abi.size_of(self.of(self._dies.type(die)))

    def _array(self, die: Die, name: str, depth: int) -> abi.Type:
        found = self.of(self._dies.type(die), within=True, depth=depth + 1)
        lengths = array_lengths(self._dies, die)
        if "DW_AT_GNU_vector" in die.attributes:
            size = _number(die, "DW_AT_byte_size", abi.size_of(found) * (lengths[0] or 0))
            return abi.Scalar("vector", size, name=name)
        for length in reversed(lengths[1:]):
            found = abi.Array(found, length)
        return abi.Array(found, lengths[0], name)


def origin(dies: Dies, die: Die) -> Die:
    """Return the entry of a function that lists its parameters as they were written."""
    for step in dies.steps(die):
        if "DW_AT_abstract_origin" not in step.attributes:
            return step
    return die


def array_lengths(dies: Dies, die: Die) -> list[int | None]:
    """
    Return the length of each dimension; None for one that is not told.

    Raises:
        UntoldError: It is none that C knows.
    """
    found: list[int | None] = []
    for child in dies.children(die):
        if child.tag != "DW_TAG_subrange_type":
            raise UntoldError(f"C has no array by {child.tag}")
        found.append(_length(child))
    return found or [None]


def _length(die: Die) -> int | None:
    for name, more in (("DW_AT_count", 0), ("DW_AT_upper_bound", 1)):
        attribute = die.attributes.get(name)
        if attribute is None:
            continue
        value = attribute.value
        if not isinstance(value, int) or not -1 <= value < _MOST_BYTES or value + more < 0:
            raise UntoldError("its length is worked out at run time")
        return value + more
    return None


def _number(die: Die, name: str, otherwise: int | None = None) -> int:
    attribute = die.attributes.get(name)
    value: Any = otherwise if attribute is None else attribute.value
    if not isinstance(value, int) or not 0 <= value < _MOST_BYTES:
        raise UntoldError(f"{die.tag} without {name}")
    return value


def _kind(encoding: int, size: int, name: str) -> str:
    if encoding in _SIGNED | _UNSIGNED:
        return "integer"
    if encoding == _FLOAT and "bf" in name:
        return "bfloat"
    kinds = {_BOOLEAN: "boolean", _FLOAT: "float", _COMPLEX: "complex", _DECIMAL: "decimal"}
    if encoding not in kinds:
        raise UntoldError(f"C has no {name!r}")
    is_x87 = host_target().machine in {_EM_386, _EM_X86_64} and size in _LONG
    if is_x87 and encoding in {_FLOAT, _COMPLEX} and not any(quad in name for quad in _QUADS):
        # A complex number of 16 bytes is two doubles.
        if encoding == _FLOAT and size == 16:  # noqa: PLR2004
            return "x87"
        if encoding == _COMPLEX and size == 32:  # noqa: PLR2004
            return "x87 complex"
    return kinds[encoding]
