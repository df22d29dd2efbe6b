"""
The names that a file exports, as the dynamic loader would find them.

Only default versions count: the loader's ``dlsym`` finds no others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nativeplug.elf.numbers import (
    SHN_ABS,
    SHN_UNDEF,
    STB_WEAK,
    STT_COMMON,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_TLS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from nativeplug.elf.elffile import AddressRanges, ElfFile

    Kind: TypeAlias = Literal["function", "variable", "tls", "ifunc"]

#: What the types of symbols stand for; others have no address.
KINDS: dict[int, Kind] = {
    STT_OBJECT: "variable",
    STT_FUNC: "function",
    STT_COMMON: "variable",
    STT_TLS: "tls",
    STT_GNU_IFUNC: "ifunc",
}
#: Kinds of what can be called, and of what can be read.
FUNCTIONS = frozenset({"function", "ifunc"})
VARIABLES = frozenset({"variable", "tls"})
#: What the linker exports on its own account.
LINKER_NAMES = {"_init", "_fini", "_end", "_edata", "_etext", "__bss_start"}
#: What cgo and Go's runtime export for each other (runtime/cgo in Go's sources).
GO_RUNTIME = re.compile(r"_cgo|x_cgo_|crosscall\d$|x_crosscall2_ptr$|threadentry$|fatalf$")
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


def kind_by_place(code: AddressRanges, section: int, address: int) -> Kind:
    """
    Return what a symbol without a type is, as assembly often leaves it out.

    Args:
        code: The file's executable memory: what lies there is a function.
        section: The number of the symbol's section.
        address: Its address.
    """
    return "function" if section != SHN_ABS and address in code else "variable"


def read_exported(file: ElfFile) -> list[ExportedSymbol]:
    """
    Return what a file exports, by name.

    Raises:
        DamagedError: Its tables of symbols do not lie in it.
    """
    versions, code, found = file.version_names(), file.code(), []
    names = {*versions.values()}
    for symbol in file.symbols():
        if symbol.section == SHN_UNDEF or symbol.name in LINKER_NAMES:
            continue
        kind = KINDS.get(symbol.kind)
        if symbol.kind == STT_NOTYPE:
            kind = kind_by_place(code, symbol.section, symbol.value)
        # Each version has a symbol of its name, for the linker.
        if kind and not (symbol.section == SHN_ABS and symbol.name in names):
            found.append(
                ExportedSymbol(
                    name=symbol.name,
                    kind=kind,
                    address=symbol.value,
                    size=symbol.size,
                    weak=symbol.binding == STB_WEAK,
                    version=versions.get(symbol.version),
                )
            )
    return sorted(found, key=lambda symbol: symbol.name)
