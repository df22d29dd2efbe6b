"""Declared symbols as the ABI sees them: cffi's types -> `abi`."""

from __future__ import annotations

import platform
import re
from typing import Any, Final

from nativeplug import abi
from nativeplug.declare.cffitypes import REFUSALS
from nativeplug.declare.declarations import FunctionDeclaration, symbol_from
from nativeplug.declare.unit import PROBLEM, Line, from_line

# Where ``char`` and ``wchar_t`` may be negative, and ``long double`` is the x87's: the ABIs'
# documents, System V x86-64 figure 3.1 and AAPCS64 section 10.1.
_IS_X86: Final = re.fullmatch(r"x86_64|amd64|i\d86", platform.machine().lower()) is not None
_X87_SIZE = 16
# cffi's names of what is neither an integer nor told by its size.
_KINDS = {
    "_Bool": "boolean",
    "float": "float",
    "double": "float",
    "long double": "x87" if _IS_X86 else "float",
    "_cffi_float_complex_t": "complex",
    "_cffi_double_complex_t": "complex",
}
_SIGNED_AS_CHAR = {"char", "wchar_t"}
_UNSIGNED = {"char16_t", "char32_t"}
_ADDRESSES = {"intptr_t", "uintptr_t"}


def abi_of(ffi: Any, line: Line) -> abi.Type | None:
    """
    Return the type of a declared function or variable.

    Args:
        ffi: The cffi ``FFI`` that knows the types of its declarations.
        line: What is kept of its declaration.

    Returns:
        None where only C could tell: for what is declared and not served.
    """
    row = from_line(line)
    if row[PROBLEM] is not None:
        return None
    declaration = symbol_from(row)
    try:
        if isinstance(declaration, FunctionDeclaration):
            return _function(ffi, declaration)
        return _type(ffi, ffi.typeof(declaration.type), declaration.type)
    except (_UntoldError, *REFUSALS):
        return None


class _UntoldError(Exception):
    """cffi does not tell what a type is made of."""


def _function(ffi: Any, declaration: FunctionDeclaration) -> abi.FunctionType:
    ctype = ffi.typeof(declaration.pointer)  # whose kind is "function"
    names = [parameter.type for parameter in declaration.parameters]
    parameters = tuple(_type(ffi, each, name) for each, name in zip(ctype.args, names, strict=True))
    return abi.FunctionType(
        _type(ffi, ctype.result, declaration.result), parameters, declaration.variadic
    )


def _type(ffi: Any, ctype: Any, name: str, *, within: bool = False) -> abi.Type:
    """
    Return a type.

    Args:
        ffi: Knows it.
        ctype: The type.
        name: How it is written in C.
        within: It is a part of a record, whose pointers lead nowhere.
    """
    if ctype.kind == "void":
        return abi.VOID
    if ctype.kind == "primitive":
        return _scalar(ffi, ctype, name)
    if ctype.kind == "enum":
        return abi.Enumeration(ffi.sizeof(ctype), name)
    if ctype.kind in {"pointer", "function"}:
        has_target = ctype.kind == "pointer" and not within
        return abi.Pointer(_target(ffi, ctype.item) if has_target else None, name)
    if ctype.kind == "array":
        item = _type(ffi, ctype.item, ctype.item.cname, within=True)
        return abi.Array(item, ctype.length, name)
    return _record(ffi, ctype)


def _scalar(ffi: Any, ctype: Any, name: str) -> abi.Scalar:
    size = ffi.sizeof(ctype)
    kind = _KINDS.get(ctype.cname, "integer")
    if kind == "x87" and size != _X87_SIZE:
        raise _UntoldError
    signed = False
    if kind == "integer" and ctype.cname in _SIGNED_AS_CHAR:
        signed = _IS_X86
    elif kind == "integer" and ctype.cname not in _UNSIGNED:
        signed = int(ffi.cast(ctype, -1)) < 0
    return abi.Scalar(kind, size, signed, name, ctype.cname in _ADDRESSES)


def _target(ffi: Any, ctype: Any) -> abi.Record | None:
    """Return what a pointer leads to, if it is a record whose members are declared."""
    if ctype.kind not in {"struct", "union"}:
        return None
    try:
        return _record(ffi, ctype)
    except _UntoldError:
        return None


def _record(ffi: Any, ctype: Any) -> abi.Record:
    try:
        size = ffi.sizeof(ctype)  # cffi 2.1 aborts when asked for the fields of an opaque struct
    except ffi.error:
        raise _UntoldError from None
    fields = tuple(_field(ffi, name, field) for name, field in ctype.fields)
    align = ffi.alignof(ctype)
    return abi.Record(ctype.cname, size, align, fields, ctype.kind == "union")


def _field(ffi: Any, name: str, field: Any) -> abi.Field:
    type_ = _type(ffi, field.type, field.type.cname, within=True)
    if field.bitsize < 0:
        return abi.Field(type_, field.offset, None, name)
    first = 8 * field.offset + field.bitshift
    return abi.Field(type_, first // 8, (first, field.bitsize), name)
