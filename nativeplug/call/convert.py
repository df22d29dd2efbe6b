"""
Conversions: one function per parameter, result and variable, chosen when it is resolved.

An argument's conversion takes the value and a list that keeps what must stay alive until
the call is over. It raises ``TypeError``, ``ValueError`` or ``OverflowError`` in CPython's
wording, naming the function and the parameter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from nativeplug.call.buffers import pointer_to
from nativeplug.call.callback import Callback, CallErrors
from nativeplug.call.plan import Kind, Value

ToC = Callable[[Any, list[object]], Any]
FromC = Callable[[Any], Any]


def to_c(ffi: Any, value: Value) -> ToC:
    """Return the conversion of arguments for a parameter, or of values for a variable."""
    makers: dict[Kind, Callable[[Any, Value], ToC]] = {
        Kind.BOOL: _bool,
        Kind.CHAR: _char,
        Kind.INTEGER: _integer,
        Kind.FLOAT: _float,
        Kind.TEXT: _text,
        Kind.POINTER: _pointer,
        Kind.CALLBACK: _callback,
        Kind.GO_STRING: _go_string,
        Kind.GO_SLICE: _go_slice,
    }
    return makers.get(value.kind, _as_cffi)(ffi, value)


def _wrong_type(value: Value, wanted: str, given: object) -> TypeError:
    return TypeError(f"{value.label} must be {wanted}, not {_type_name(given)}")


def _type_name(given: object) -> str:
    return "None" if given is None else type(given).__name__


def _bool(_ffi: Any, value: Value) -> ToC:
    def convert(given: object, _keep: list[object]) -> bool:
        if given is True or given is False:
            return given
        raise _wrong_type(value, "bool", given)

    return convert


def _char(_ffi: Any, value: Value) -> ToC:
    def convert(given: object, _keep: list[object]) -> bytes:
        if isinstance(given, (bytes, bytearray)) and len(given) == 1:
            return bytes(given)
        raise _wrong_type(value, "a byte string of length 1", given)

    return convert


def _integer(ffi: Any, value: Value) -> ToC:
    bits = 8 * ffi.sizeof(value.ctype)
    signed = int(ffi.cast(value.ctype, -1)) < 0
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def convert(given: object, _keep: list[object]) -> int:
        try:
            number = operator.index(given)  # type: ignore[arg-type]
        except TypeError:
            raise _wrong_type(value, "int", given) from None
        if low <= number <= high:
            return number
        raise OverflowError(
            f"{value.label} is out of range for {value.ctype.cname!r} ({low} to {high}): {number}"
        )

    return convert


def _float(_ffi: Any, value: Value) -> ToC:
    def convert(given: Any, _keep: list[object]) -> float:
        try:
            return given if type(given) is float else _as_float(given)
        except TypeError:
            raise _wrong_type(value, "real number", given) from None

    return convert


def _as_float(given: Any) -> float:
    if isinstance(given, (str, bytes, bytearray)):  # float() parses text; a call must not
        raise TypeError
    return float(given)


def _text(ffi: Any, value: Value) -> ToC:
    def convert(given: Any, _keep: list[object]) -> Any:
        if isinstance(given, str):
            if "\0" in given:
                raise ValueError(f"{value.label}: embedded null character")
            return given.encode()
        if isinstance(given, bytes):
            return given
        if given is None:
            return ffi.NULL
        if isinstance(given, ffi.CData):
            return given
        try:
            return pointer_to(ffi, value, given)
        except TypeError:
            if _is_buffer(given):
                raise
            raise _wrong_type(value, "str, bytes, a buffer, cdata or None", given) from None

    return convert


def _is_buffer(given: Any) -> bool:
    try:
        memoryview(given).release()
    except TypeError:
        return False
    return True


def _pointer(ffi: Any, value: Value) -> ToC:
    def convert(given: Any, _keep: list[object]) -> Any:
        if given is None:
            return ffi.NULL
        if isinstance(given, ffi.CData):
            return given
        return pointer_to(ffi, value, given)

    return convert


def _callback(ffi: Any, value: Value) -> ToC:
    def convert(given: Any, keep: list[object]) -> Any:
        if given is None:
            return ffi.NULL
        if isinstance(given, ffi.CData):
            return given
        if isinstance(given, Callback):
            return given.cdata
        if not callable(given):
            raise _wrong_type(value, "a callable, a callback, cdata or None", given)
        errors = next((kept for kept in keep if isinstance(kept, CallErrors)), None)
        if errors is None:
            errors = CallErrors()
            keep.append(errors)
        callback = Callback(ffi, value.ctype, given, errors)
        keep.append(callback)
        return callback.cdata

    return convert


def _go_string(ffi: Any, value: Value) -> ToC:
    def convert(given: Any, keep: list[object]) -> Any:
        if isinstance(given, ffi.CData):
            return given
        data = given.encode() if isinstance(given, str) else given
        try:
            memory = ffi.from_buffer(data)
        except TypeError:
            raise _wrong_type(value, "str, bytes or a buffer", given) from None
        keep.append(memory)
        return {"p": memory, "n": len(memory)}

    return convert


def _go_slice(ffi: Any, value: Value) -> ToC:
    def convert(given: Any, keep: list[object]) -> Any:
        if isinstance(given, ffi.CData):
            return given
        try:
            view = memoryview(given)
        except TypeError:
            raise _wrong_type(value, "a buffer", given) from None
        if not view.c_contiguous:
            raise TypeError(f"{value.label} must be a C-contiguous buffer")
        memory = ffi.from_buffer(given)
        keep.append(memory)
        length = view.nbytes // view.itemsize
        return {"data": memory, "len": length, "cap": length}

    return convert


def _as_cffi(_ffi: Any, _value: Value) -> ToC:
    def convert(given: Any, _keep: list[object]) -> Any:
        return given

    return convert


def further_argument(ffi: Any, label: str, given: Any) -> Any:
    """
    Convert an argument that stands for ``...``, which has no declared type.

    int is passed as 64 bits wide, which a callee may also read as ``int`` (its promotions
    leave the register or stack slot the same), float as ``double``, str and bytes as
    ``char *``, None as NULL; cdata as the type it has.
    """
    if isinstance(given, ffi.CData):
        return given
    if isinstance(given, int):
        if not -(1 << 63) <= given < 1 << 64:
            raise OverflowError(f"{label} is out of range for 64 bits: {given}")
        return ffi.cast("int64_t" if given < 1 << 63 else "uint64_t", given)
    if isinstance(given, float):
        return ffi.cast("double", given)
    if given is None:
        return ffi.NULL
    if isinstance(given, str):
        if "\0" in given:
            raise ValueError(f"{label}: embedded null character")
        return ffi.new("char[]", given.encode())
    if isinstance(given, bytes):
        return ffi.new("char[]", given)
    raise TypeError(
        f"{label} must be int, float, str, bytes, cdata or None, not {type(given).__name__}"
    )


def from_c(ffi: Any, value: Value) -> FromC | None:
    """Return the conversion of a result or of a variable's value; None where cffi's will do."""
    if value.kind is Kind.TEXT:
        return lambda pointer: None if not pointer else decode(ffi.string(pointer), value.label)
    if value.kind is Kind.GO_STRING:
        return lambda text: decode(ffi.buffer(text.p, text.n)[:], value.label)
    return None


def decode(data: bytes, label: str) -> str:
    """
    Return text that C gave.

    Raises:
        UnicodeDecodeError: It is not UTF-8; the error's ``object`` has the bytes.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        error.reason += f" in {label}; declare it with 'unsigned char' to have the bytes"
        raise
