"""Text of the command line -> arguments of a plugin's function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nativeplug.cli.console import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from cffi import FFI

    from nativeplug import Function, Plugin

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_NULL = "NULL"
_ESCAPED_NULL = re.compile(r"\\+NULL")
_GO_STRING = "_GoString_"


def convert_all(plg: Plugin, function: Function, texts: tuple[str, ...]) -> list[Any]:
    """
    Return the arguments of a call that the texts of a command line stand for.

    Those that are too many stay as they are: the function is to refuse them, in its own words.

    Raises:
        Failure: A text does not fit its parameter, or there is none with a type for it.
    """
    signature = function.signature
    count = len(signature.parameters)
    if signature.variadic and len(texts) > count:
        # As text they would reach C as pointers, whatever C takes them for.
        raise Failure(
            f"{function.name}() takes further arguments of undeclared types (...), "
            "which cannot be written on a command line"
        )
    values = [
        convert(text, plg.ffi.typeof(parameter.type), signature.label(index))
        for index, (text, parameter) in enumerate(zip(texts, signature.parameters, strict=False))
    ]
    return [*values, *texts[count:]]


def convert(text: str, ctype: FFI.CType, what: str) -> Any:
    """
    Return the argument that a text of the command line stands for.

    Args:
        text: What the user wrote.
        ctype: The parameter's type.
        what: What an error calls the argument.

    Raises:
        Failure: The text does not fit, or the type cannot be written as text.
    """
    converter = _find_converter(ctype)
    if converter is None:
        raise Failure(f"{what}: a '{ctype.cname}' cannot be written on a command line")
    try:
        return converter(text)
    except ValueError as error:
        # From None: the converter's own words would add nothing.
        expected = str(error) if converter in _WORDED else f"is no {ctype.cname}"
        raise Failure(f"{what}: '{text}' {expected}") from None


def _find_converter(ctype: FFI.CType) -> Callable[[str], Any] | None:
    if ctype.kind == "primitive":
        return _PRIMITIVES.get(ctype.cname, _to_int)
    if ctype.kind == "enum":
        names = {name: number for number, name in ctype.elements.items()}
        return lambda text: names[text] if text in names else _to_int(text)
    if ctype.kind == "pointer":
        return _to_text_or_null if ctype.item.cname == "char" else _to_null
    if ctype.kind == "function":
        return _to_null
    if ctype.kind == "struct" and ctype.cname == _GO_STRING:
        return str
    return None


def _to_int(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return int(text)  # 007


def _to_float(text: str) -> float:
    return float.fromhex(text) if "0x" in text.lower() else float(text)


def _to_bool(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError("is neither true nor false")
    return _TRUTH[text.lower()]


def _to_char(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    if len(encoded) != 1:
        raise ValueError(f"has {len(encoded)} bytes, a char has one")
    return encoded


def _to_wide_char(text: str) -> str:
    if len(text) != 1:
        raise ValueError(f"has {len(text)} characters, one is needed")
    return text


def _to_text_or_null(text: str) -> bytes | None:
    if text == _NULL:
        return None
    # The shell's arguments are bytes; those that are not UTF-8 go through as they are.
    return text[bool(_ESCAPED_NULL.fullmatch(text)) :].encode("utf-8", "surrogateescape")


def _to_null(text: str) -> None:
    if text != _NULL:
        raise ValueError("is not NULL, the only pointer that can be written")


_PRIMITIVES: dict[str, Callable[[str], Any]] = {
    "_Bool": _to_bool,
    "char": _to_char,
    "wchar_t": _to_wide_char,
    "char16_t": _to_wide_char,
    "char32_t": _to_wide_char,
    "float": _to_float,
    "double": _to_float,
    "long double": _to_float,
    "_cffi_float_complex_t": complex,
    "_cffi_double_complex_t": complex,
}
# Those whose errors have words of their own.
_WORDED: set[Callable[[str], Any]] = {_to_bool, _to_char, _to_wide_char, _to_null}
