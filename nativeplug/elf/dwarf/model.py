"""What is known of a file's symbols, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from nativeplug import abi

if TYPE_CHECKING:
    from nativeplug.elf.symbols import Kind


class Export(NamedTuple):
    """What a file exports."""

    name: str
    kind: Kind
    #: Where it is in memory, counted from the file's beginning there.
    address: int
    #: How many bytes a variable has; 0 when the file does not say.
    size: int


@dataclass(frozen=True, slots=True)
class SymbolType:
    """What is known of one symbol."""

    #: Its declaration as C text, without the semicolon; of another language's types with their
    #: names in that language.
    text: str
    #: Its type as the ABI sees it.
    type: abi.Type
    #: The text can be read as C, after `DebugInfo.types`.
    is_c: bool = True


@dataclass(frozen=True, slots=True)
class DebugInfo:
    """What is known of a file's symbols."""

    #: By the symbols' names; without those of which nothing is known.
    symbols: Mapping[str, SymbolType] = field(default_factory=dict)
    #: The types that the symbols' declarations need: C text, in an order that C takes.
    types: str = ""
    #: Why nothing is known of any symbol, if that has a reason besides that it is not told.
    reason: str | None = None
    #: The linker's build id in hexadecimal digits; None when there is none.
    build_id: str | None = None
    #: It will be the same when it is read again: time has not run out.
    is_final: bool = True

    @property
    def text(self) -> str:
        """Everything that can be declared, as C text."""
        symbols = (f"{known.text};\n" for known in self.symbols.values() if known.is_c)
        return self.types + "".join(symbols)
