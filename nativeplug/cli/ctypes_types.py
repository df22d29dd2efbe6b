"""The types of a signature as ctypes has them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cffi import FFI

    from nativeplug.call import Signature

_BY_NAME: dict[str, Any] = {
    "_Bool": ctypes.c_bool,
    "char": ctypes.c_char,
    "wchar_t": ctypes.c_wchar,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "long double": ctypes.c_longdouble,
}
_NOT_INTEGERS = {"char16_t", "char32_t", "_cffi_float_complex_t", "_cffi_double_complex_t"}


class InexpressibleError(Exception):
    """A type that ctypes does not have."""


def signature_types(ffi: FFI, signature: Signature) -> tuple[Any, list[Any]]:
    """
    Return what ctypes calls ``restype`` and ``argtypes``.

    Args:
        ffi: The ``FFI`` that knows the signature's types.
        signature: The signature of a function.

    Raises:
        InexpressibleError: It has a type that ctypes does not have, or takes further arguments.
    """
    if signature.variadic:
        raise InexpressibleError("ctypes does not know how '...' is passed")
    result = ffi.typeof(signature.result)
    return (
        None if result.kind == "void" else _type(ffi, result),
        [_type(ffi, ffi.typeof(parameter.type)) for parameter in signature.parameters],
    )


def _type(ffi: FFI, ctype: FFI.CType) -> Any:
    if ctype.kind == "pointer":
        return ctypes.c_char_p if ctype.item.cname == "char" else ctypes.c_void_p
    if ctype.kind == "function":
        return ctypes.c_void_p
    if ctype.kind == "enum" or (ctype.kind == "primitive" and ctype.cname not in _NOT_INTEGERS):
        return _BY_NAME.get(ctype.cname) or _integer(ffi, ctype)
    raise InexpressibleError(f"ctypes has no '{ctype.cname}'")


def _integer(ffi: FFI, ctype: FFI.CType) -> Any:
    sign = "" if int(ffi.cast(ctype, -1)) < 0 else "u"
    return getattr(ctypes, f"c_{sign}int{8 * ffi.sizeof(ctype.cname)}")
