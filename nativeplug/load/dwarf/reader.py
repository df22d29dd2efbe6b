"""The bytes of a file -> what its debug information tells of its exported symbols."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nativeplug.load.dwarf import sections, units
from nativeplug.load.dwarf.ctext import CText
from nativeplug.load.dwarf.dies import Budget, Dies, OutOfTimeError, UntoldError
from nativeplug.load.dwarf.known import Debug, Known
from nativeplug.load.dwarf.matching import Definitions
from nativeplug.load.dwarf.names import is_name
from nativeplug.load.dwarf.sections import UnreadableError
from nativeplug.load.dwarf.spelling import Spelling
from nativeplug.load.dwarf.types import Types
from nativeplug.load.facts import find_build_id, find_dynamic
from nativeplug.load.symbols import FUNCTIONS, GO_RUNTIME, VARIABLES, ExportedSymbol, read_exported

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile


def read(data: bytes) -> Debug:
    """
    Read what the debug information of a file tells of the symbols that it exports.

    Never raises, and comes to an end: of damaged or hostile debug information nothing is
    known, for a reason that the result has. Imports pyelftools, if there is any to read.

    Args:
        data: The whole file.
    """
    if not sections.has_debug(data):
        return Debug()
    try:
        return _Reader(data).read()
    except OutOfTimeError as error:
        return Debug(reason=str(error), is_final=False)
    except UnreadableError as error:
        return Debug(reason=str(error))
    except RecursionError:
        return Debug(reason="nested too deeply")
    except Exception as error:  # noqa: BLE001 - pyelftools raises whatever its helpers raise
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return Debug(reason=f"damaged: {words}")


class _Reader:
    def __init__(self, data: bytes) -> None:
        found = sections.load(data)
        file = _elf(data)
        self._build_id = find_build_id(file)
        self._symbols = _exported(file)
        self._dies = Dies(found, Budget())
        self._plain = Spelling(self._dies)
        self._types = Types(self._dies, self._plain.spell)
        self._text = CText(self._dies, self._types)

    def read(self) -> Debug:
        known: dict[str, Known] = {}
        missing = self._symbols
        addresses = _addresses(missing)
        asked = units.likely(self._dies, addresses)
        known |= self._known(asked, missing)
        missing = [symbol for symbol in missing if symbol.name not in known]
        if missing:
            more = units.others(self._dies, _addresses(missing), asked)
            known |= self._known(more, missing)
        self._text.finish()
        taken = self._text.typedefs | self._text.enumerators.keys()
        symbols = {
            name: known[name] if name not in taken else _not_c(known[name])
            for name in sorted(known)
        }
        types = "".join(f"{text};\n" for text in self._text.definitions.values())
        return Debug(symbols, types, build_id=self._build_id)

    def _known(self, asked: Iterable[Any], symbols: list[ExportedSymbol]) -> dict[str, Known]:
        """Return what units tell of symbols."""
        definitions = Definitions(self._dies)
        for unit in asked:
            for die in units.definitions(self._dies, self._dies.top(unit)):
                if die.tag == "DW_TAG_typedef":
                    self._text.note_typedef(die)
                else:
                    definitions.add(die)
        found = {}
        for symbol in symbols:
            try:
                die = definitions.of(symbol)
                found[symbol.name] = self._describe(symbol, die)
            except UntoldError:  # noqa: PERF203 - it is about one of them
                continue
        return found

    def _describe(self, symbol: ExportedSymbol, die: Any) -> Known:
        if symbol.kind in FUNCTIONS:
            type_: Any = self._types.function(die)
            plain = self._plain.function(die, symbol.name)
        else:
            type_ = self._types.of(self._dies.type(die))
            plain = self._plain.variable(die, symbol.name, is_thread_local=symbol.kind == "tls")
        if not is_name(symbol.name):
            return Known(plain, type_, is_c=False)
        try:
            return Known(self._write(symbol, die), type_)
        except UntoldError:
            return Known(plain, type_, is_c=False)

    def _write(self, symbol: ExportedSymbol, die: Any) -> str:
        if symbol.kind in FUNCTIONS:
            return self._text.function(die, symbol.name)
        return self._text.variable(die, symbol.name, is_thread_local=symbol.kind == "tls")


def _not_c(known: Known) -> Known:
    return Known(known.text, known.type, is_c=False)


def _addresses(symbols: list[ExportedSymbol]) -> frozenset[int]:
    return frozenset(symbol.address for symbol in symbols)


def _elf(data: bytes) -> ELFFile:
    from elftools.elf.elffile import ELFFile

    return ELFFile(io.BytesIO(data))


def _exported(file: ELFFile) -> list[ExportedSymbol]:
    """Return the symbols that a file exports at a place in it, and that are not a runtime's."""
    dynamic = find_dynamic(file)
    return [
        symbol
        for symbol in (read_exported(file, dynamic) if dynamic else [])
        if symbol.kind in (FUNCTIONS | VARIABLES) - {"ifunc"}
        and (symbol.address or symbol.kind == "tls")
        and not GO_RUNTIME.match(symbol.name)
    ]
