"""The bytes of a file -> what its debug information tells of its exported symbols."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nativeplug import abi
from nativeplug.elf import dynamic
from nativeplug.elf.dwarf import debug_sections, units
from nativeplug.elf.dwarf.abi_types import TypeReader
from nativeplug.elf.dwarf.c_text import CText
from nativeplug.elf.dwarf.debug_sections import UnreadableError
from nativeplug.elf.dwarf.entries import Budget, Dies, Direct, TimeBudgetError, UnknownTypeError
from nativeplug.elf.dwarf.matching import Definitions, tag_of
from nativeplug.elf.dwarf.model import DebugInfo, Export, SymbolType
from nativeplug.elf.dwarf.names import Spelling, is_name
from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.symbols import FUNCTIONS, GO_RUNTIME, VARIABLES

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

# What finishing takes, also when everything else has taken too much.
_FEW_ENTRIES, _FEW_SECONDS = 50_000, 2.0


def read(data: File) -> DebugInfo:
    """
    Read the debug information of a file that has some; see the package.

    Args:
        data: The whole file.
    """
    budget = Budget()
    try:
        found = debug_sections.load(data)
        if ".debug_info" not in found:
            return DebugInfo()
        return _Reader(data, found, budget).read()
    except UnreadableError as error:
        return DebugInfo(reason=str(error), is_final=not isinstance(error, TimeBudgetError))
    except RecursionError:
        return DebugInfo(reason="nested too deeply")
    except Exception as error:  # noqa: BLE001 - pyelftools raises whatever its helpers raise
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return DebugInfo(reason=f"damaged: {words}")


class _Reader:
    def __init__(self, data: File, found: dict[str, bytes], budget: Budget) -> None:
        file = ElfFile.find(data)
        self._build_id = None if file is None else file.build_id()
        self._symbols = _exported(data)
        self._dies = Dies(found, budget)
        self._plain = Spelling(self._dies)
        self._types = TypeReader(self._dies, self._plain.spell)
        self._text = CText(self._dies, self._types)
        self._direct = Direct(self._dies)
        self._known: dict[str, SymbolType] = {}

    def read(self) -> DebugInfo:
        end = DebugInfo(build_id=self._build_id)
        try:
            self._find_in_time()
        except UnreadableError as error:  # what was found holds
            is_final = not isinstance(error, TimeBudgetError)
            end = replace(end, reason=str(error), is_final=is_final)
        self._dies.budget = Budget(_FEW_ENTRIES, time.monotonic() + _FEW_SECONDS)
        self._text.finish()
        taken = self._text.typedefs | self._text.enumerators.keys()
        symbols = {
            name: known if name not in taken else replace(known, is_c=False)
            for name, known in sorted(self._known.items())
        }
        types = "".join(f"{text};\n" for text in self._text.definitions.values())
        return replace(end, symbols=symbols, types=types)

    def _find_in_time(self) -> None:
        try:
            self._find_all()
        except UnreadableError:
            raise
        except Exception:  # pyelftools makes its own errors of what its streams raise
            self._dies.budget.check_time()
            raise

    def _find_all(self) -> None:
        """Find what tells of the symbols: what is found fast first."""
        places = units.places(self._dies, _addresses(self._symbols))
        for symbol in self._symbols:
            self._find_directly(symbol, places.get(symbol.address, ()))
        missing = self._missing()
        offsets = (place for symbol in missing for place in places.get(symbol.address, ()))
        asked = units.holding(self._dies, offsets)
        self._find_in(asked, missing)
        missing = self._missing()
        if missing:
            self._find_in(units.others(self._dies, _addresses(missing), asked), missing)

    def _missing(self) -> list[Export]:
        return [symbol for symbol in self._symbols if symbol.name not in self._known]

    def _find_directly(self, symbol: Export, places: Iterable[int]) -> None:
        """Find the entry that has a symbol's name and address."""
        for place in places:
            for unit in units.holding(self._dies, [place]):
                for die in self._direct.iter_around(unit, place, tag_of(symbol)):
                    if self._is_of(die, symbol):
                        self._note(symbol, die)
                        return

    def _is_of(self, die: Any, symbol: Export) -> bool:
        try:
            return Definitions(self._dies).is_of(die, symbol)
        except UnreadableError:
            raise
        except Exception:  # noqa: BLE001 - it was a guess, and pyelftools raises anything
            return False

    def _find_in(self, asked: Iterable[Any], symbols: list[Export]) -> None:
        """Find what units tell of symbols."""
        definitions = Definitions(self._dies)
        for unit in asked:
            for die in units.definitions(self._dies, self._dies.top(unit)):
                definitions.add(die)
        for symbol in symbols:
            with contextlib.suppress(UnknownTypeError):
                self._note(symbol, definitions.of(symbol))

    def _note(self, symbol: Export, die: Any) -> None:
        with contextlib.suppress(UnknownTypeError):
            self._known[symbol.name] = self._describe(symbol, die)

    def _describe(self, symbol: Export, die: Any) -> SymbolType:
        if symbol.kind in FUNCTIONS:
            type_: Any = self._types.function(die)
            plain = self._plain.function(die, symbol.name)
        else:
            type_ = self._types.variable(die)
            if abi.size_of(type_) > symbol.size > 0:
                raise UnknownTypeError("the symbol is smaller than its type")
            plain = self._plain.variable(die, symbol.name, is_thread_local=symbol.kind == "tls")
        if not is_name(symbol.name):
            return SymbolType(plain, type_, is_c=False)
        try:
            return SymbolType(self._write(symbol, die), type_)
        except UnknownTypeError:
            return SymbolType(plain, type_, is_c=False)

    def _write(self, symbol: Export, die: Any) -> str:
        if symbol.kind in FUNCTIONS:
            return self._text.function(die, symbol.name)
        return self._text.variable(die, symbol.name, is_thread_local=symbol.kind == "tls")


def _addresses(symbols: list[Export]) -> frozenset[int]:
    return frozenset(symbol.address for symbol in symbols)


def _exported(data: File) -> list[Export]:
    """Return the symbols that a file exports at a place in it, and that are not a runtime's."""
    file = dynamic.read(data)
    exports = (
        Export(name, kind, file.addresses[name], file.sizes.get(name, 0))
        for name, kind in sorted(file.exports.items())
        if kind in (FUNCTIONS | VARIABLES) - {"ifunc"} and not GO_RUNTIME.match(name)
    )
    return [export for export in exports if export.address or export.kind == "tls"]
