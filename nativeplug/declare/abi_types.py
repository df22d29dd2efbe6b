"""Declared symbols as the ABI sees them: cffi's types -> `abi`."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from nativeplug import abi
from nativeplug.declare.cffi_types import REFUSALS
from nativeplug.declare.declarations import FunctionDeclaration, symbol_from
from nativeplug.declare.unit import PROBLEM, Line, from_line

# Where ``char`` and ``wchar_t`` may be negative, and ``long double`` is the x87's: the ABIs'
# documents, System V x86-64 figure 3.1 and AAPCS64 section 10.1.
_IS_X86: Final = re.fullmatch(r"x86_64|amd64|i\d86", os.uname().machine.lower()) is not None
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
    declaration, types = symbol_from(row), _Types(ffi)
    try:
        if isinstance(declaration, FunctionDeclaration):
            return types.function(declaration)
        return types.of(ffi.typeof(declaration.type), declaration.type)
    except (_UntoldError, *REFUSALS):
        return None


class _UntoldError(Exception):
    """cffi does not tell what a type is made of."""


class _Types:
    """The types that a declaration is made of, each record worked out once."""

    def __init__(self, ffi: Any) -> None:
        self._ffi = ffi
        self._records: dict[Any, abi.Record] = {}

    def function(self, declaration: FunctionDeclaration) -> abi.FunctionType:
        ctype = self._ffi.typeof(declaration.pointer)  # whose kind is "function"
        names = [parameter.type for parameter in declaration.parameters]
        taken = tuple(self.of(each, name) for each, name in zip(ctype.args, names, strict=True))
        result = self.of(ctype.result, declaration.result)
        return abi.FunctionType(result, taken, declaration.variadic)

    def of(self, ctype: Any, name: str, *, within: bool = False) -> abi.Type:
        """
        Return a type.

        Args:
            ctype: The type.
            name: How it is written in C.
            within: It is a part of a record, whose pointers lead nowhere.
        """
        if ctype.kind == "void":
            return abi.VOID
        if ctype.kind == "primitive":
            return _scalar(self._ffi, ctype, name)
        if ctype.kind == "enum":
            return abi.Enumeration(self._ffi.sizeof(ctype), name)
        if ctype.kind in {"pointer", "function"}:
            has_target = ctype.kind == "pointer" and not within
            return abi.Pointer(self._target(ctype.item) if has_target else None, name)
        if ctype.kind == "array":
            item = self.of(ctype.item, ctype.item.cname, within=True)
            return abi.Array(item, ctype.length, name)
        return self._record(ctype)

    def _target(self, ctype: Any) -> abi.Record | None:
        """Return what a pointer leads to, if it is a record whose members are declared."""
        if ctype.kind not in {"struct", "union"}:
            return None
        try:
            return self._record(ctype)
        except _UntoldError:
            return None

    def _record(self, ctype: Any) -> abi.Record:
        if ctype not in self._records:
            try:
                size = self._ffi.sizeof(ctype)  # cffi 2.1 aborts when asked for an opaque's fields
            except self._ffi.error:
                raise _UntoldError from None
            fields = tuple(self._field(name, field) for name, field in ctype.fields)
            align, is_union = self._ffi.alignof(ctype), ctype.kind == "union"
            self._records[ctype] = abi.Record(ctype.cname, size, align, fields, is_union)
        return self._records[ctype]

    def _field(self, name: str, field: Any) -> abi.Field:
        type_ = self.of(field.type, field.type.cname, within=True)
        if field.bitsize < 0:
            return abi.Field(type_, field.offset, None, name)
        first = 8 * field.offset + field.bitshift
        return abi.Field(type_, first // 8, (first, field.bitsize), name)


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
