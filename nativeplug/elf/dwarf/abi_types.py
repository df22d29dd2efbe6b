"""Types as debug information has them -> `abi`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nativeplug import abi
from nativeplug.elf.dwarf.entries import Die, Dies, UnknownTypeError
from nativeplug.elf.dwarf.units import has_types
from nativeplug.elf.elffile import host_target
from nativeplug.elf.numbers import EM_386, EM_X86_64

# DW_ATE_* of DWARF 5, section 7.8.
_BOOLEAN, _COMPLEX, _FLOAT, _DECIMAL = 0x02, 0x03, 0x04, 0x0F
_SIGNED = frozenset({0x05, 0x06})
_UNSIGNED = frozenset({0x07, 0x08, 0x10, 0x12})  # also characters of UTF and ASCII
# DW_LANG_* of the C family, where a function without a prototype says nothing of its parameters.
_C = frozenset({0x01, 0x02, 0x0C, 0x10, 0x1D, 0x2C, 0x3E})
_DW_CC_NORMAL = 1
# What is as long as the x87's 80 bits are with their padding, and is not them.
_QUADS = ("float128", "f128", "Float128")
_MOST_BYTES = 1 << 62
_LONG = frozenset({16, 32})
_ADDRESSES = frozenset({"intptr_t", "uintptr_t"})

#: Writes a type (None: void) in C, for people to read.
Write = Callable[["Die | None"], str]


class TypeReader:
    """The types of a file, each worked out once."""

    def __init__(self, dies: Dies, write: Write) -> None:
        self._dies = dies
        self._write = write
        self._fields = RecordReader(dies, self)
        self._made: dict[tuple[int, bool], abi.Type] = {}
        self._typed_units: dict[int, bool] = {}  # by the offsets of units

    def function(self, die: Die) -> abi.FunctionType:
        """
        Return the type of a function.

        Raises:
            UnknownTypeError: A part of it is not told, or is passed in a way that C does not have.
        """
        convention = self._dies.attribute(die, "DW_AT_calling_convention")
        if convention not in {None, _DW_CC_NORMAL}:
            raise UnknownTypeError(f"its calling convention is {convention:#x}")
        result = self._passed(self._dies.type(die))
        parts = [*self._dies.children(origin(self._dies, die))]
        listed = [part for part in parts if part.tag == "DW_TAG_formal_parameter"]
        if result == abi.VOID and not listed and not self._tells_functions(die):
            raise UnknownTypeError("its unit tells no types")
        if not self._is_prototyped(die):
            return abi.FunctionType(result, None)
        parameters = tuple(self._passed(self._needed_type(each)) for each in listed)
        is_variadic = any(part.tag == "DW_TAG_unspecified_parameters" for part in parts)
        return abi.FunctionType(result, parameters, is_variadic)

    def variable(self, die: Die) -> abi.Type:
        """
        Return the type of a variable.

        Raises:
            UnknownTypeError: It is not told, or C has nothing like it.
        """
        return self.of(self._needed_type(die))

    def _needed_type(self, die: Die) -> Die:
        found = self._dies.type(die)
        if found is None:
            raise UnknownTypeError("its type is left out")
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
            peeled, _ = strip_qualifiers(self._dies, die)
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
            UnknownTypeError: It is not told, or C has nothing like it.
        """
        peeled, names = strip_qualifiers(self._dies, die)
        if peeled is None:
            return abi.VOID
        if depth > DEEPEST:
            raise UnknownTypeError("its type has no end")
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
        raise UnknownTypeError(f"C has no {name!r}")

    def _scalar(self, die: Die, name: str) -> abi.Scalar:
        size, encoding = _number(die, "DW_AT_byte_size"), _number(die, "DW_AT_encoding")
        own = self._dies.name(die)
        if _number(die, "DW_AT_bit_size", 8 * size) != 8 * size or (not size and own != "()"):
            raise UnknownTypeError(f"C has no {own!r}")
        if not size:
            return abi.VOID
        kind = _kind(encoding, size, own)
        return abi.Scalar(kind, size, kind == "integer" and encoding in _SIGNED, name)

    def _target(self, die: Die) -> abi.Record | None:
        """Return what a pointer leads to, if that is a record whose members are told."""
        try:
            target, typedefs = strip_qualifiers(self._dies, self._dies.type(die))
            while target is not None and target.tag == "DW_TAG_array_type":
                target, typedefs = strip_qualifiers(self._dies, self._dies.type(target))
            if target is None or target.tag not in RECORDS:
                return None
            found = self.of(target)
        except UnknownTypeError:
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
        UnknownTypeError: It is none that C knows.
    """
    found: list[int | None] = []
    for child in dies.children(die):
        if child.tag != "DW_TAG_subrange_type":
            raise UnknownTypeError(f"C has no array by {child.tag}")
        found.append(_length(child))
    return found or [None]


def _length(die: Die) -> int | None:
    for name, more in (("DW_AT_count", 0), ("DW_AT_upper_bound", 1)):
        attribute = die.attributes.get(name)
        if attribute is None:
            continue
        value = attribute.value
        if not isinstance(value, int) or not -1 <= value < _MOST_BYTES or value + more < 0:
            raise UnknownTypeError("its length is worked out at run time")
        return value + more
    return None


def _number(die: Die, name: str, otherwise: int | None = None) -> int:
    attribute = die.attributes.get(name)
    value: Any = otherwise if attribute is None else attribute.value
    if not isinstance(value, int) or not 0 <= value < _MOST_BYTES:
        raise UnknownTypeError(f"{die.tag} without {name}")
    return value


def _kind(encoding: int, size: int, name: str) -> str:
    if encoding in _SIGNED | _UNSIGNED:
        return "integer"
    if encoding == _FLOAT and "bf" in name:
        return "bfloat"
    kinds = {_BOOLEAN: "boolean", _FLOAT: "float", _COMPLEX: "complex", _DECIMAL: "decimal"}
    if encoding not in kinds:
        raise UnknownTypeError(f"C has no {name!r}")
    is_x87 = host_target().machine in {EM_386, EM_X86_64} and size in _LONG
    if is_x87 and encoding in {_FLOAT, _COMPLEX} and not any(quad in name for quad in _QUADS):
        # A complex number of 16 bytes is two doubles.
        if encoding == _FLOAT and size == 16:  # noqa: PLR2004
            return "x87"
        if encoding == _COMPLEX and size == 32:  # noqa: PLR2004
            return "x87 complex"
    return kinds[encoding]


# Records as debug information has them -> `abi`.


_DW_OP_PLUS_UCONST = 0x23
_LONGEST_NUMBER = 10  # of 64 bits
_DW_LANG_RUST = 0x1C
_LARGEST_ALIGNMENT = 16


class RecordReader:
    """Works out records."""

    def __init__(self, dies: Dies, types: TypeReader) -> None:
        self._dies = dies
        self._types = types

    def record(self, die: Die, name: str, depth: int) -> abi.Record:
        """
        Return a record.

        Raises:
            UnknownTypeError: A member's type or place is not told.
        """
        size = die.attributes.get("DW_AT_byte_size")
        if size is None or not isinstance(size.value, int):
            raise UnknownTypeError(f"{name!r} has no size")
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
                raise UnknownTypeError("C has no enumeration with values in it")
            if child.tag not in {"DW_TAG_member", "DW_TAG_inheritance"}:
                continue
            if "DW_AT_declaration" in child.attributes:  # a static member of C++
                continue
            if "DW_AT_virtuality" in child.attributes:
                raise UnknownTypeError("C has no virtual inheritance")
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
        raise UnknownTypeError("a member's place is worked out at run time")
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


# What is the same type to the ABI under another name: typedefs, qualifiers, Rust's options.


QUALIFIERS = frozenset(
    f"DW_TAG_{name}_type" for name in ("volatile", "restrict", "atomic", "immutable", "packed")
)
POINTERS = frozenset(f"DW_TAG_{name}_type" for name in ("pointer", "reference", "rvalue_reference"))
RECORDS = frozenset(f"DW_TAG_{name}_type" for name in ("structure", "union", "class"))
_TYPE_PARAMETERS = frozenset({"DW_TAG_template_type_param", "DW_TAG_template_type_parameter"})
_THROUGH = QUALIFIERS | {"DW_TAG_const_type", "DW_TAG_typedef"}
#: How deep types may be nested.
DEEPEST = 64


def strip_qualifiers(dies: Dies, die: Die | None) -> tuple[Die | None, list[str]]:
    """
    Return a type without its typedefs and qualifiers, and the typedefs' names.

    Raises:
        UnknownTypeError: They do not end.
    """
    names: list[str] = []
    for _ in range(DEEPEST):
        die = unwrapped(dies, die)
        if die is None or die.tag not in _THROUGH:
            return die, names
        if die.tag == "DW_TAG_typedef":
            names.append(dies.name(die))
        die = dies.type(die)
    raise UnknownTypeError("its type has no end")


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
        UnknownTypeError: It is a mere declaration.
    """
    if "DW_AT_declaration" in die.attributes:
        raise UnknownTypeError(f"{dies.name(die)!r} is declared only")
    return die


# Whether a record is passed by value as C passes it.
#
# C++ passes a class by a hidden pointer that has a copy or move constructor or a destructor of
# its own (Itanium C++ ABI, section 3.1.2.3). Clang says which ones; GCC leaves it to the reader.


_DW_CC_PASS_BY_VALUE = 5
_REFERENCES = frozenset({"DW_TAG_reference_type", "DW_TAG_rvalue_reference_type"})


def check_by_value(dies: Dies, die: Die, name: str) -> None:
    """
    Check that a record is passed by value as in C.

    Raises:
        UnknownTypeError: It is not, or may be not.
    """
    if not _is_as_in_c(dies, die, 0):
        raise UnknownTypeError(f"{name!r} is not passed as C does")


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
    found, _ = strip_qualifiers(dies, dies.type(die))
    while found is not None and found.tag == "DW_TAG_array_type":
        found, _ = strip_qualifiers(dies, dies.type(found))
    if found is None or found.tag not in RECORDS:
        return True
    return _is_as_in_c(dies, whole(dies, found), depth + 1)
