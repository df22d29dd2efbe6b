"""Names that C text can have, and those that nativeplug's declarations know by themselves."""

from __future__ import annotations

import re
from typing import Final

from nativeplug import abi
from nativeplug.elf.dwarf.abi_types import (
    DEEPEST,
    POINTERS,
    QUALIFIERS,
    array_lengths,
    origin,
    unwrapped,
)
from nativeplug.elf.dwarf.entries import Die, Dies, UnknownTypeError

_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# What the preprocessor knows: a text with such a word needs one.
_PREDEFINED: Final = re.compile(r"__[A-Z][A-Z0-9_]*__")
_KEYWORDS: Final = re.compile(
    r"auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|"
    r"if|inline|int|long|register|restrict|return|short|signed|sizeof|static|struct|switch|"
    r"typedef|union|unsigned|void|volatile|while|offsetof|asm|typeof|bool|true|false|nullptr|"
    r"constexpr|thread_local|alignas|alignof|static_assert|defined"
)
# _Bool, _Complex and their like; and what compilers have of their own.
_RESERVED: Final = re.compile(
    r"_(Alignas|Alignof|Atomic|BitInt|Bool|Complex|Decimal\d+|Float\d+x?|Generic|Imaginary|"
    r"Noreturn|Nonnull|Nullable|Pragma|Static_assert|Thread_local)|__(asm|attribute|declspec|extension|inline|restrict|const|volatile|signed|"
    r"complex|thread|int128|typeof|alignof)(__)?|__signed__"
)
#: The integers of <stdint.h>, <stddef.h> and <uchar.h>, which need no definition.
KNOWN: Final = re.compile(
    r"u?int(_least|_fast)?(8|16|32|64)_t|u?intptr_t|u?intmax_t|s?size_t|ptrdiff_t|wchar_t|"
    r"char(16|32)_t"
)
#: What only a compiler can define.
COMPILERS: Final = frozenset({"va_list", "__builtin_va_list", "__gnuc_va_list"})
#: Records that have no members for us: the compiler's own, and one that cffi 2.1 ends the process
#: at, as it has another idea of FILE.
OPAQUE_RECORDS: Final = frozenset({"__va_list_tag", "__va_list", "_IO_FILE"})

_PLAIN: Final = re.compile(
    r"char|signed char|unsigned char|short int|short|short unsigned int|unsigned short|int|"
    r"unsigned int|long int|long|long unsigned int|unsigned long|long long int|long long|"
    r"long long unsigned int|unsigned long long|float|double|long double|wchar_t|char16_t|"
    r"char32_t"
)
_BY_KIND: Final = {
    ("boolean", 1): "_Bool",
    ("float", 4): "float",
    ("float", 8): "double",
    ("x87", 16): "long double",
    ("complex", 8): "float _Complex",
    ("complex", 16): "double _Complex",
}
# What can be declared, and not be served.
_OPAQUE: Final = {
    ("integer", 16, True): "__int128_t",
    ("integer", 16, False): "__uint128_t",
    ("float", 16, False): "_Float128",
    ("float", 2, False): "_Float16",
}
_SIZES: Final = frozenset({1, 2, 4, 8})


def is_name(name: str) -> bool:
    """Tell whether C can call something so."""
    return (
        _IDENTIFIER.fullmatch(name) is not None
        and not _KEYWORDS.fullmatch(name)
        and not _PREDEFINED.fullmatch(name)
        and not _RESERVED.fullmatch(name)
    )


def integer_name(size: int, *, signed: bool) -> str | None:
    """Return C's name of an integer; None where there is none."""
    return f"{'' if signed else 'u'}int{8 * size}_t" if size in _SIZES else None


def scalar_name(own: str, scalar: abi.Scalar, *, within: bool) -> str | None:
    """
    Return C's name of a number.

    Args:
        own: How it is called where it comes from.
        scalar: What it is.
        within: It is a member of a record, where only what can be served will do.
    """
    if _PLAIN.fullmatch(own) and (own != "char" or scalar.size == 1):  # Rust's has four bytes
        return own
    if scalar.kind == "integer" and scalar.size in _SIZES:
        return integer_name(scalar.size, signed=scalar.signed)
    found = _BY_KIND.get((scalar.kind, scalar.size))
    if found is not None or within:
        return found
    return _OPAQUE.get((scalar.kind, scalar.size, scalar.signed))


# Types as debug information has them -> C text, for people to read.


_DERIVED = frozenset({"DW_TAG_array_type", "DW_TAG_subroutine_type"})
_TAG_WORDS = {
    "DW_TAG_structure_type": "struct",
    "DW_TAG_class_type": "struct",
    "DW_TAG_union_type": "union",
    "DW_TAG_enumeration_type": "enum",
}
# Rust's name of what C calls char where that is signed; a string there is a pointer to these.
_RUST_CHAR = "i8"


class Spelling:
    """Writes declarations with the names that the debug information has."""

    def __init__(self, dies: Dies) -> None:
        self.dies = dies

    def function(self, die: Die, name: str) -> str:
        """
        Return the prototype of a function.

        Raises:
            UnknownTypeError: A part of it is not told.
        """
        listed = self._parameters(origin(self.dies, die), 0)
        return self.spell(self.dies.type(die), f"{name}({listed})")

    def variable(self, die: Die, name: str, *, is_thread_local: bool) -> str:
        """
        Return the declaration of a variable.

        Raises:
            UnknownTypeError: A part of it is not told.
        """
        storage = "extern _Thread_local" if is_thread_local else "extern"
        return f"{storage} {self.spell(self.dies.type(die), name)}"

    def spell(
        self, die: Die | None, inner: str = "", depth: int = 0, *, pointed: bool = False
    ) -> str:
        """
        Return a declaration.

        Args:
            die: The type; None for void.
            inner: The declarator: a name, and what stands around it.
            depth: How many types it is within.
            pointed: Only a pointer to the type is asked for.

        Raises:
            UnknownTypeError: A part of it is not told.
        """
        self.dies.budget.spend()
        if depth > DEEPEST:
            raise UnknownTypeError("its type has no end")
        die = unwrapped(self.dies, die)
        if die is None:
            return _joined("void", inner)
        if die.tag in POINTERS:
            return self.pointer(die, inner, depth)
        if die.tag == "DW_TAG_const_type":
            return self._const(self.dies.type(die), inner, depth, pointed=pointed)
        if die.tag in QUALIFIERS:
            return self.spell(self.dies.type(die), inner, depth + 1, pointed=pointed)
        if die.tag in _DERIVED and "DW_AT_GNU_vector" not in die.attributes:
            return self.spell(self.dies.type(die), inner + self._suffix(die, depth), depth + 1)
        return _joined(self.named(die, depth, pointed=pointed), inner)

    def _suffix(self, die: Die, depth: int) -> str:
        """Return what stands after the declarator of a function or array."""
        if die.tag == "DW_TAG_subroutine_type":
            return f"({self._parameters(die, depth)})"
        lengths = array_lengths(self.dies, die)
        return "".join(f"[{'' if length is None else length}]" for length in lengths)

    def _const(self, die: Die | None, inner: str, depth: int, *, pointed: bool) -> str:
        target = die
        while target is not None and target.tag in QUALIFIERS:
            target = self.dies.type(target)
        if target is not None and target.tag in POINTERS:
            return self.spell(target, _joined("const", inner), depth + 1)
        text = self.spell(die, inner, depth + 1, pointed=pointed)
        return text if text.startswith("const ") else f"const {text}"

    def pointer(self, die: Die, inner: str, depth: int) -> str:
        """Return the declaration of a pointer."""
        target = self.dies.type(die)
        is_const = self.dies.name(die).startswith("*const ")  # Rust's
        if target is not None and self._is_rust_char(target):
            return f"{'const ' if is_const else ''}char *{inner}"
        bare = target
        while bare is not None and bare.tag in QUALIFIERS | {"DW_TAG_const_type"}:
            bare = self.dies.type(bare)
        is_derived = bare is not None and bare.tag in _DERIVED
        text = self.spell(
            target, f"(*{inner})" if is_derived else f"*{inner}", depth + 1, pointed=True
        )
        return f"const {text}" if is_const else text

    def _is_rust_char(self, die: Die) -> bool:
        return die.tag == "DW_TAG_base_type" and self.dies.name(die) == _RUST_CHAR

    def _parameters(self, die: Die, depth: int) -> str:
        listed = []
        for child in self.dies.children(die):
            if child.tag == "DW_TAG_formal_parameter":
                name = self.parameter_name(self.dies.name(child))
                listed.append(self.spell(self.dies.type(child), name, depth + 1))
            elif child.tag == "DW_TAG_unspecified_parameters" and listed:
                listed.append("...")
        return ", ".join(listed) or "void"

    def parameter_name(self, name: str) -> str:
        """Return what a parameter is called."""
        return name

    def named(self, die: Die, depth: int, *, pointed: bool) -> str:  # noqa: ARG002 - see CText
        """Return what a type is called that is not made of others by C's syntax."""
        name = self.dies.name(die)
        if die.tag == "DW_TAG_array_type":
            return f"{self.spell(self.dies.type(die), '', depth + 1)} __attribute__((vector_size))"
        keyword = _TAG_WORDS.get(die.tag)
        if keyword is None:
            return name or str(die.tag)
        return f"{keyword} {name or '{...}'}"


def _joined(first: str, rest: str) -> str:
    space = "" if not rest or first.endswith("*") else " "
    return f"{first}{space}{rest}"
