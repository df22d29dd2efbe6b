"""
The names that a file exports, as the dynamic loader would find them.

Only default versions count: the loader's ``dlsym`` finds no others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    Kind: TypeAlias = Literal["function", "variable", "tls", "ifunc"]

_SYMBOL_KINDS: dict[str, Kind] = {
    "STT_FUNC": "function",
    "STT_OBJECT": "variable",
    "STT_COMMON": "variable",
    "STT_TLS": "tls",
    "STT_GNU_IFUNC": "ifunc",
    "STT_LOOS": "ifunc",  # the same number; pyelftools gives one name or the other
}
#: Kinds of what can be called, and of what can be read.
FUNCTIONS = frozenset({"function", "ifunc"})
VARIABLES = frozenset({"variable", "tls"})
_EXPORTED_BINDINGS = {"STB_GLOBAL", "STB_WEAK", "STB_LOOS"}  # STB_LOOS is STB_GNU_UNIQUE
_EXPORTED_VISIBILITIES = {"STV_DEFAULT", "STV_PROTECTED"}
#: What the linker exports on its own account.
LINKER_NAMES = {"_init", "_fini", "_end", "_edata", "_etext", "__bss_start"}
#: What cgo and Go's runtime export for each other (runtime/cgo in Go's sources).
GO_RUNTIME = re.compile(r"_cgo|x_cgo_|crosscall\d$|x_crosscall2_ptr$|threadentry$|fatalf$")
_VERSION_HIDDEN = 0x8000
_VERSION_INDEX = 0x7FFF
_UNMARKED = '; Rust exports what is #[no_mangle] pub extern "C"'
_UNMANGLED = 'extern "C" (in Rust with #[no_mangle], too)'


def hint_missing(
    name: str, exports: Iterable[str], *, is_rust: bool, nearest: Iterable[str] = ()
) -> str:
    """
    Return what may be the reason that a file does not export a name, and what to do; "" if unknown.

    C++ and Rust export names mangled. Both write a name after its length: the Itanium C++ ABI,
    section 5.1; Rust's v0 mangling. A Rust cdylib exports nothing else than what is marked.

    Args:
        name: What was looked up.
        exports: What the file exports.
        is_rust: The Rust compiler has made it.
        nearest: Names that are meant, perhaps.
    """
    written = re.escape(f"{len(name.encode(errors='surrogateescape'))}{name}")
    mangled = re.compile(rf"(?:_ZL?|_ZN.*?(?<!\d)|_R.*?(?<!\d)){written}.*")
    found = next((each for each in exports if name and mangled.fullmatch(each)), None)
    if found is not None:
        return f"; it exports {found!r}: build it as {_UNMANGLED}"
    guesses = " or ".join(map(repr, nearest))
    if guesses:
        return f"; did you mean {guesses}?"
    return _UNMARKED if is_rust else ""


def hint_none(exports: Iterable[str], *, is_rust: bool) -> str:
    """
    Return why a file exports nothing that C could call, and what to do; "" where it may.

    Args:
        exports: What the file exports.
        is_rust: The Rust compiler has made it.
    """
    names = [*exports]
    if not names:
        return _UNMARKED if is_rust else ""
    if all(name.startswith(("_Z", "_R")) for name in names):
        return f"; it exports C++ or Rust names alone: build functions as {_UNMANGLED}"
    return ""


@dataclass(frozen=True, slots=True)
class ExportedSymbol:
    """One name that a file exports."""

    #: The name, without its version.
    name: str
    #: ``function``, ``variable``, ``tls`` (a variable per thread) or ``ifunc`` (a
    #: function that is chosen when the file is loaded).
    kind: Kind
    #: Its address in the file; 0 for a symbol that is there but has no address.
    address: int
    #: How many bytes it has; 0 when the file does not say.
    size: int
    #: Whether another definition of the same name replaces it.
    weak: bool
    #: The version under which it is exported; None for most.
    version: str | None


def read_exported(file: ELFFile, dynamic: DynamicSegment) -> list[ExportedSymbol]:
    """
    Return what a file exports, by name.

    Args:
        file: The file, as pyelftools sees it.
        dynamic: Its dynamic segment.
    """
    table = _find_table(file, dynamic) or dynamic
    return sorted(_iter_exported(file, table), key=lambda symbol: symbol.name)


def _find_table(file: ELFFile, dynamic: DynamicSegment) -> SymbolTableSection | None:
    # The same symbols as through the segment, which pyelftools reads at half the speed.
    from elftools.elf.sections import SymbolTableSection

    _, offset = dynamic.get_table_offset("DT_SYMTAB")
    for section in file.iter_sections():
        if isinstance(section, SymbolTableSection) and section["sh_offset"] == offset:
            return section
    return None


def _iter_exported(
    file: ELFFile, table: SymbolTableSection | DynamicSegment
) -> Iterator[ExportedSymbol]:
    indexes, names = _read_versions(file)
    for number, symbol in enumerate(table.iter_symbols()):
        entry = symbol.entry
        index = indexes[number] if number < len(indexes) else 1
        kind = _symbol_kind(file, entry)
        marks_version = entry["st_shndx"] == "SHN_ABS" and symbol.name in names.values()
        if not kind or index & _VERSION_HIDDEN or marks_version or symbol.name in LINKER_NAMES:
            continue
        yield ExportedSymbol(
            name=symbol.name,
            kind=kind,
            address=entry["st_value"],
            size=entry["st_size"],
            weak=entry["st_info"]["bind"] == "STB_WEAK",
            version=names.get(index & _VERSION_INDEX),
        )


def _symbol_kind(file: ELFFile, entry: Any) -> Kind | None:
    if (
        entry["st_shndx"] == "SHN_UNDEF"
        or entry["st_info"]["bind"] not in _EXPORTED_BINDINGS
        or entry["st_other"]["visibility"] not in _EXPORTED_VISIBILITIES
    ):
        return None
    written = _SYMBOL_KINDS.get(entry["st_info"]["type"])
    if written or entry["st_info"]["type"] != "STT_NOTYPE":
        return written
    # Assembly often leaves the type out: what lies in executable memory is a function.
    executable = (segment for segment in file.iter_segments() if segment["p_flags"] & 1)
    inside = any(0 <= entry["st_value"] - s["p_vaddr"] < s["p_memsz"] for s in executable)
    return "function" if inside and entry["st_shndx"] != "SHN_ABS" else "variable"


def _read_versions(file: ELFFile) -> tuple[list[int], dict[int, str]]:
    """Return the version index of each dynamic symbol, and the versions' names."""
    from elftools.elf.gnuversions import GNUVerDefSection, GNUVerSymSection

    indexes: list[int] = []
    names: dict[int, str] = {}
    for section in file.iter_sections():
        if isinstance(section, GNUVerSymSection):
            indexes = [_as_index(symbol["ndx"]) for symbol in section.iter_symbols()]
        elif isinstance(section, GNUVerDefSection):
            for version, auxiliaries in section.iter_versions():
                # The one with VER_FLG_BASE names the file itself.
                if not version["vd_flags"] & 1:
                    names[version["vd_ndx"]] = next(auxiliaries).name
    return indexes, names


def _as_index(written: int | str) -> int:
    return written if isinstance(written, int) else {"VER_NDX_LOCAL": 0}.get(written, 1)
