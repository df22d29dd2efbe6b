"""Names that C text can have, and those that nativeplug's declarations know by themselves."""

from __future__ import annotations

import re
from typing import Final

from nativeplug import abi

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
