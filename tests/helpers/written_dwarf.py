"""Debug information written entry by entry: what compilers write that not every machine has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from elftools.dwarf.enums import ENUM_DW_AT, ENUM_DW_TAG

C99, RUST, CPLUSPLUS = 0x0C, 0x1C, 0x1A
_NUMBERS = itertools.count(1)


@dataclass
class Entry:
    """An entry: its tag and attributes (without ``DW_TAG_`` and ``DW_AT_``), and its children."""

    tag: str
    attributes: dict[str, Any]
    children: list[Entry] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def label(self) -> str:
        """Where it begins."""
        return f".Lentry{self.number}"

    def abbreviation(self) -> str:
        """Return its abbreviation, which no other entry has."""
        forms = [
            (ENUM_DW_AT[f"DW_AT_{name}"], _form(value)) for name, value in self.attributes.items()
        ]
        tag = ENUM_DW_TAG[f"DW_TAG_{self.tag}"]
        numbers = [self.number, tag, int(bool(self.children)), *itertools.chain(*forms), 0, 0]
        return "".join(f".uleb128 {number}\n" for number in numbers)

    def text(self) -> str:
        """Return the entry and its children."""
        values = "".join(map(_value, self.attributes.values()))
        children = "".join(child.text() for child in self.children)
        end = ".byte 0\n" if self.children else ""
        return f"{self.label}:\n.uleb128 {self.number}\n{values}{children}{end}"

    def all(self) -> Iterator[Entry]:
        """Give it, and all below it."""
        yield self
        for child in self.children:
            yield from child.all()


def entry(tag: str, *children: Entry, **attributes: Any) -> Entry:
    """
    Return an entry.

    A bool is a flag, an int a number, a str a name or the symbol whose address it is
    (``"&symbol"``), bytes an expression, an entry a reference.
    """
    return Entry(tag, attributes, list(children))


def function(name: str, *children: Entry, **attributes: Any) -> Entry:
    """Return a function at the symbol of its name."""
    return entry("subprogram", *children, name=name, low_pc=f"&{name}", **attributes)


def parameter(type_: Entry, name: str = "a") -> Entry:
    """Return a parameter."""
    return entry("formal_parameter", name=name, type=type_)


def base(name: str, encoding: int, size: int, **attributes: Any) -> Entry:
    """Return a base type."""
    return entry("base_type", name=name, encoding=encoding, byte_size=size, **attributes)


def assembly(*entries: Entry, language: int = C99, producer: str = "hand") -> str:
    """Return the text of an assembler for a file with functions that are never called."""
    top = entry("compile_unit", *entries, language=language, producer=producer)
    symbols = {
        each.attributes["low_pc"].lstrip("&") for each in top.all() if "low_pc" in each.attributes
    }
    code = "".join(
        f".globl {name}\n.type {name}, %function\n{name}: .zero 4\n.size {name}, 4\n"
        for name in sorted(symbols)
    )
    abbreviations = "".join(each.abbreviation() for each in top.all())
    return (
        f'.text\n{code}.section .debug_abbrev,"",%progbits\n{abbreviations}.byte 0\n'
        f'.section .debug_info,"",%progbits\n.Lunit:\n.long .Lend - .Lstart\n.Lstart:\n.short 4\n'
        f'.long .debug_abbrev\n.byte 8\n{top.text()}.Lend:\n.section .note.GNU-stack,"",%progbits\n'
    )


def _form(value: Any) -> int:
    if isinstance(value, bool):
        return 0x19  # DW_FORM_flag_present
    if isinstance(value, int):
        return 0x0D  # DW_FORM_sdata
    if isinstance(value, bytes):
        return 0x18  # DW_FORM_exprloc
    if isinstance(value, Entry):
        return 0x13  # DW_FORM_ref4
    return 0x01 if value.startswith("&") else 0x08  # DW_FORM_addr, DW_FORM_string


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return f".sleb128 {value}\n"
    if isinstance(value, bytes):
        return f".uleb128 {len(value)}\n" + "".join(f".byte {byte}\n" for byte in value)
    if isinstance(value, Entry):
        return f".long {value.label} - .Lunit\n"
    return f".quad {value[1:]}\n" if value.startswith("&") else f'.asciz "{value}"\n'
