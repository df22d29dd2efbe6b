"""
Types as debug information has them -> C text that can be read as declarations.

Definitions are made in an order in which C takes them: a record before what has it as a part,
and those that are only pointed to at the end. What C cannot say is left out; a pointer to it
is ``void *``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from nativeplug import abi
from nativeplug.elf.dwarf import names
from nativeplug.elf.dwarf.abi_types import (
    RECORDS,
    TypeReader,
    strip_qualifiers,
    type_alignment,
    whole,
)
from nativeplug.elf.dwarf.debug_sections import UnreadableError
from nativeplug.elf.dwarf.entries import Die, Dies, Unit, UnknownTypeError
from nativeplug.elf.dwarf.names import Spelling
from nativeplug.elf.dwarf.units import definitions

_INT_SIZE = 4
_INT_RANGE = range(-(1 << 31), 1 << 32)


class CText(Spelling):
    """Writes declarations, and the definitions that they need."""

    def __init__(self, dies: Dies, types: TypeReader) -> None:
        super().__init__(dies)
        self._types = types
        #: The definitions by what they define, in order.
        self.definitions: dict[str, str] = {}
        #: The enumerators, each with the enumeration that it belongs to.
        self.enumerators: dict[str, str] = {}
        #: Typedefs of records and enumerations that have no name of their own.
        self._named_by: dict[int, Die] = {}
        self._noted: set[Unit] = set()  # the units of whose typedefs those are
        self._is_defined: dict[int, bool] = {}
        self._in_progress: set[str] = set()
        self._waiting: dict[Die, None] = {}
        self._bodies = 0  # within so many

    @property
    def typedefs(self) -> set[str]:
        """The names of the typedefs."""
        typedefs = (key.split(" ") for key in self.definitions)
        return {name for kind, name in typedefs if kind == "typedef"}

    def finish(self) -> None:
        """Define what is only pointed to, as far as C can."""
        while self._waiting:
            die, _ = self._waiting.popitem()
            with contextlib.suppress(UnknownTypeError, UnreadableError):  # it stays opaque
                self._define_record(die)

    def parameter_name(self, name: str) -> str:
        """Return what a parameter is called, if C can call it so."""
        return name if names.is_name(name) else ""

    def pointer(self, die: Die, inner: str, depth: int) -> str:
        """Return the declaration of a pointer."""
        try:
            return super().pointer(die, inner, depth)
        except UnknownTypeError:
            return f"void *{inner}"

    def named(self, die: Die, depth: int, *, pointed: bool) -> str:
        """Return what a type is called, which is defined then or will be."""
        if die.tag == "DW_TAG_typedef":
            return self._typedef(die, depth, pointed=pointed)
        if die.tag == "DW_TAG_enumeration_type":
            return self._enumeration(die)
        if die.tag in RECORDS:
            return self._record(die, depth, pointed=pointed)
        found = self._types.of(die)
        own = self.dies.name(die)
        if not isinstance(found, abi.Scalar):
            return "void *"  # std::nullptr_t
        name = names.scalar_name(own, found, within=self._bodies > 0)
        if name is None:
            raise UnknownTypeError(f"C has no {own!r}")
        return name

    def _typedef(self, die: Die, depth: int, *, pointed: bool) -> str:
        name, target = self.dies.name(die), self.dies.type(die)
        if name in names.COMPILERS and not self._bodies:
            return "__builtin_va_list"
        if names.KNOWN.fullmatch(name):
            return self._known(die, name)
        if name == "bool" or not names.is_name(name):
            return self.spell(target, "", depth + 1, pointed=pointed)
        self._define(f"typedef {name}", die, lambda: self._typedef_text(target, name, depth))
        if not pointed:
            self._complete(target)
        return name

    def _known(self, die: Die, name: str) -> str:
        """Return a name of <stdint.h>, which every text knows, if it means the same here."""
        found = self._types.of(die)
        if not isinstance(found, abi.Scalar) or found.kind != "integer":
            raise UnknownTypeError(f"{name!r} is not an integer")
        bits = "".join(filter(str.isdigit, name))
        is_exact = name.lstrip("u") == f"int{bits}_t"
        if is_exact and found != abi.Scalar("integer", int(bits) // 8, not name.startswith("u")):
            raise UnknownTypeError(f"{name!r} has {found.size} bytes")
        return name

    def _typedef_text(self, target: Die | None, name: str, depth: int) -> str:
        is_record = target is not None and target.tag in RECORDS
        if is_record and not self.dies.name(target):
            return f"typedef {self._body(target, '', depth + 1)} {name}"
        if target is not None and target.tag == "DW_TAG_enumeration_type":
            text = self._enumeration_text(target, f"typedef {name}", self.dies.name(target))
            return f"typedef {text or self._enumeration(target)} {name}"
        return f"typedef {self.spell(target, name, depth + 1, pointed=is_record)}"

    def _naming(self, die: Die) -> Die | None:
        """Return the typedef that names what has no name of its own; None without."""
        unit = die.cu
        if unit not in self._noted:
            self._noted.add(unit)
            for found in definitions(self.dies, self.dies.top(unit)):
                target = self.dies.type(found) if found.tag == "DW_TAG_typedef" else None
                if target is not None:
                    self._named_by.setdefault(id(target), found)
        return self._named_by.get(id(die))

    def _complete(self, die: Die | None) -> None:
        """Define what a typedef stands for, which is needed whole."""
        target, _ = strip_qualifiers(self.dies, die)
        while target is not None and target.tag == "DW_TAG_array_type":
            target, _ = strip_qualifiers(self.dies, self.dies.type(target))
        if target is not None and target.tag in RECORDS and self.dies.name(target):
            self._define_record(target)

    def _record(self, die: Die, depth: int, *, pointed: bool) -> str:
        name = self.dies.name(die)
        if not name:
            if self._bodies:  # a member may be of a type without a name
                return self._body(die, "", depth + 1)
            typedef = self._naming(die)
            if typedef is None:
                raise UnknownTypeError("its type has no name")
            return self._typedef(typedef, depth + 1, pointed=pointed)
        if not names.is_name(name) and name not in names.OPAQUE_RECORDS:
            raise UnknownTypeError(f"C has no {name!r}")
        if not pointed:
            self._define_record(die)
        elif id(die) not in self._is_defined:
            self._waiting[die] = None
        return _key(die, name)

    def _define_record(self, die: Die) -> None:
        name = self.dies.name(die)
        if name in names.OPAQUE_RECORDS:
            raise UnknownTypeError(f"{name!r} stays opaque")
        key = _key(die, name)
        self._define(key, die, lambda: self._body(whole(self.dies, die), name, 0))

    def _body(self, die: Die, name: str, depth: int) -> str:
        record = self._types.of(die, within=True, depth=depth)
        attribute = attribute_for(record) if isinstance(record, abi.Record) else None
        if attribute is None:
            raise UnknownTypeError("C does not lay its members out so")
        self._bodies += 1
        try:
            members = [self._member(child, depth) for child in self._members(die)]
        finally:
            self._bodies -= 1
        words = [_keyword(die), "__attribute__((packed))" if attribute else "", name]
        return f"{' '.join(filter(None, words))} {{ {' '.join(members)} }}"

    def _members(self, die: Die) -> list[Die]:
        found = [
            child
            for child in self.dies.children(die)
            if child.tag in {"DW_TAG_member", "DW_TAG_inheritance"}
            and "DW_AT_declaration" not in child.attributes
        ]
        if not found or any(child.tag == "DW_TAG_inheritance" for child in found):
            raise UnknownTypeError("C has no such record")
        return found

    def _member(self, die: Die, depth: int) -> str:
        name, type_ = self.dies.name(die), self.dies.type(die)
        peeled, _ = strip_qualifiers(self.dies, type_)
        is_nameless_record = peeled is not None and peeled.tag in RECORDS
        if not names.is_name(name) and (name or not is_nameless_record):
            raise UnknownTypeError(f"C has no member {name!r}")
        width = die.attributes.get("DW_AT_bit_size")
        bits = "" if width is None else f" : {width.value}"
        return f"{self.spell(type_, name, depth + 1)}{bits};"

    def _enumeration(self, die: Die) -> str:
        """Return an enumeration's name; where C cannot define it, the integer that it is."""
        name = self.dies.name(die)
        typedef = None if name or self._bodies else self._naming(die)
        if typedef is not None and names.is_name(self.dies.name(typedef)):
            found = self.dies.name(typedef)
            self._define(f"typedef {found}", typedef, lambda: self._typedef_text(die, found, 0))
            return found
        if names.is_name(name):
            key = f"enum {name}"
            if self._is_defined.get(id(die)) or self._enumeration_text(die, key, name) is not None:
                self._define(key, die, lambda: self._enumeration_text(die, key, name) or "")
                return key
        found_type = self._types.of(die)
        signed = any(value < 0 for value in self._enumerators(die).values())
        integer = names.integer_name(abi.size_of(found_type), signed=signed)
        if integer is None:
            raise UnknownTypeError(f"C has no enumeration {name!r}")
        return integer

    def _enumeration_text(self, die: Die, key: str, name: str) -> str | None:
        """Return an enumeration's definition; None where C cannot have it."""
        values = self._enumerators(die)
        fits = abi.size_of(self._types.of(die)) == _INT_SIZE and bool(values)
        owners = {self.enumerators.get(each, key) for each in values}
        if name and not names.is_name(name):
            return None
        if not fits or owners != {key} or not all(map(names.is_name, values)):
            return None
        if not all(value in _INT_RANGE for value in values.values()):
            return None
        self.enumerators |= dict.fromkeys(values, key)
        listed = ", ".join(f"{each} = {value}" for each, value in values.items())
        return f"enum {name} {{ {listed} }}" if name else f"enum {{ {listed} }}"

    def _enumerators(self, die: Die) -> dict[str, int]:
        """
        Return an enumeration's values by name.

        Raises:
            UnknownTypeError: One is no number.
        """
        found: dict[str, int] = {}
        for child in self.dies.children(whole(self.dies, die)):
            if child.tag == "DW_TAG_enumerator":
                value = child.attributes["DW_AT_const_value"].value
                if not isinstance(value, int):  # to look for it in a range would take minutes
                    raise UnknownTypeError(f"{child.tag} without a number")
                found[self.dies.name(child)] = value
        return found

    def _define(self, key: str, die: Die, write: Callable[[], str]) -> None:
        """
        Define a type, once.

        Raises:
            UnknownTypeError: C cannot, or has another one of that name.
        """
        if key in self._in_progress:
            raise UnknownTypeError(f"{key!r} is a part of itself")
        if id(die) not in self._is_defined:
            self._is_defined[id(die)] = False
            self._in_progress.add(key)
            try:
                text = write()
            finally:
                self._in_progress.discard(key)
            self._is_defined[id(die)] = text == self.definitions.setdefault(key, text)
        if not self._is_defined[id(die)]:
            raise UnknownTypeError(f"C cannot define {key!r}")


def _keyword(die: Die) -> str:
    return "union" if die.tag == "DW_TAG_union_type" else "struct"


def _key(die: Die, name: str) -> str:
    return f"{_keyword(die)} {name}"


# Whether C lays a record's members out as the debug information has them.


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
