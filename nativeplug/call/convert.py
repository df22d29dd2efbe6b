"""
Conversions: one function per parameter, result and variable, chosen when it is resolved.

An argument's conversion takes the value and the `Call` that keeps what must stay alive until
it is over. It raises ``TypeError``, ``ValueError`` or ``OverflowError`` in CPython's wording,
naming the function and the parameter; what an argument's own methods raise besides stays as
it is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import _cffi_backend

from nativeplug.call.aggregates import new_value
from nativeplug.call.arguments import out_of_range
from nativeplug.call.buffers import pointer_to, view_of
from nativeplug.call.callback import Call, Callback, function_pointer
from nativeplug.call.plan import Kind, PlanValue, is_signed
from nativeplug.call.text import decode, encode, to_utf8

ToC = Callable[[Any, Call], Any]
FromC = Callable[[Any], Any]


def to_c(ffi: Any, value: PlanValue) -> ToC:
    """Return the conversion of arguments for a parameter, or of values for a variable."""
    return _MAKERS[value.kind](ffi, value)


def _bool(_ffi: Any, value: PlanValue) -> ToC:
    def convert(given: object, _call: Call) -> bool:
        if given is True or given is False:
            return given
        raise value.wrong_type("bool", given)

    return convert


def _char(_ffi: Any, value: PlanValue) -> ToC:
    def convert(given: object, _call: Call) -> bytes:
        wanted = "a byte string of length 1"
        if not isinstance(given, (bytes, bytearray)):
            raise value.wrong_type(wanted, given)
        data = bytes(given)
        if len(data) != 1:
            raise TypeError(f"{value.label} must be {wanted}, not of length {len(data)}")
        return data

    return convert


def _integer(ffi: Any, value: PlanValue) -> ToC:
    bits = 8 * ffi.sizeof(value.ctype)
    signed = is_signed(ffi, value.ctype)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def convert(given: Any, _call: Call) -> int:
        number: int = given if type(given) is int else _index(value, given)
        if low <= number <= high:
            return number
        raise out_of_range(value.label, f"{value.ctype.cname!r} ({low} to {high})", number)

    return convert


def _index(value: PlanValue, given: Any) -> int:
    try:
        return int.__add__(operator.index(given), 0)  # of a subclass, the plain number
    except TypeError as error:
        if has_method(given, "__index__"):  # it is its own method that fails
            raise reworded(value, error)  # noqa: B904 - it has its cause
        raise value.wrong_type("int", given) from None


def reworded(value: PlanValue, error: Exception) -> Exception:
    """
    Return an error of an argument's own ``__index__`` or ``__float__``, naming the argument.

    Errors of the program's own classes stay what they are.
    """
    sort = type(error)
    if value.kind is Kind.INTEGER and isinstance(error, TypeError):
        sort = TypeError
    if sort not in {TypeError, OverflowError}:
        return error
    made = sort(f"{value.label}: {error}")
    made.__cause__ = error
    return made


def _float(_ffi: Any, value: PlanValue) -> ToC:
    def convert(given: Any, _call: Call) -> float:
        return given if type(given) is float else _real(value, given)

    return convert


def _long_double(ffi: Any, value: PlanValue) -> ToC:
    def convert(given: Any, _call: Call) -> Any:
        # cdata of the same type has more digits than a float
        same = isinstance(given, ffi.CData) and ffi.typeof(given) is value.ctype
        return given if same else _real(value, given)

    return convert


def has_method(given: object, name: str) -> bool:
    """Tell whether an object's class has a method; hasattr would look at the class's class too."""
    return any(name in vars(kind) for kind in type(given).__mro__)


def _real(value: PlanValue, given: Any) -> float:
    """Return ``float(given)``, but not of text, which has none of these methods."""
    if not (has_method(given, "__float__") or has_method(given, "__index__")):
        raise value.wrong_type("real number", given)
    try:
        return float(given)
    except (TypeError, OverflowError) as error:
        raise reworded(value, error)  # noqa: B904 - it has its cause


def _cdata(value: PlanValue) -> Callable[[Any], Any]:
    """Return what lets cdata through that cffi takes for the type."""
    accepted = {value.ctype}
    memory = _cffi_backend.new_pointer_type(value.ctype)

    def check(given: Any) -> Any:
        ctype = _cffi_backend.typeof(given)
        if ctype not in accepted:
            try:
                _cffi_backend.newp(memory, given)
            except TypeError:
                raise TypeError(
                    f"{value.label} must be cdata {value.ctype.cname!r}, not {ctype.cname!r}"
                ) from None
            accepted.add(ctype)
        return given

    return check


def _text(ffi: Any, value: PlanValue) -> ToC:
    null, cdata, check = ffi.NULL, ffi.CData, _cdata(value)
    # C may write where the parameter is not const: not into what Python shares and caches.
    passed = _same if value.readonly else partial(ffi.new, ffi.typeof("char[]"))

    def convert(given: Any, _call: Call) -> Any:
        kind = type(given)  # not isinstance: an object may say that it is of another class
        if issubclass(kind, str):
            return passed(encode(given, value.label))
        if given is None:
            return null
        if issubclass(kind, bytes):
            return passed(given)
        if isinstance(given, cdata):
            return check(given)
        return pointer_to(ffi, value, given, "str, bytes, a buffer, cdata or None")

    return convert


def _same(given: bytes) -> bytes:
    return given


def _wide_text(ffi: Any, value: PlanValue) -> ToC:
    array, check = _cffi_backend.new_array_type(value.ctype, None), _cdata(value)

    def convert(given: Any, _call: Call) -> Any:
        if isinstance(given, str):
            if "\0" in given:
                raise ValueError(f"{value.label}: embedded null character")
            return ffi.new(array, given)
        if given is None:
            return ffi.NULL
        if isinstance(given, ffi.CData):
            return check(given)
        raise value.wrong_type("str, cdata or None", given)

    return convert


def _pointer(ffi: Any, value: PlanValue) -> ToC:
    null, cdata, check = ffi.NULL, ffi.CData, _cdata(value)
    wanted = f"None, a buffer or cdata {value.ctype.cname!r}"

    def convert(given: Any, _call: Call) -> Any:
        if given is None:
            return null
        if isinstance(given, cdata):
            return check(given)
        return pointer_to(ffi, value, given, wanted)

    return convert


def _callback(ffi: Any, value: PlanValue) -> ToC:
    check = _cdata(value)

    def convert(given: Any, call: Call) -> Any:
        if given is None:
            return ffi.NULL
        if isinstance(given, ffi.CData):
            return check(given)
        if isinstance(given, Callback):
            return check(given.cdata)
        if not callable(given):
            raise value.wrong_type("a callable, a callback, cdata or None", given)
        return function_pointer(ffi, value.ctype, given, call)

    return convert


def _go_string(ffi: Any, value: PlanValue) -> ToC:
    check = _cdata(value)

    def convert(given: Any, call: Call) -> Any:
        if isinstance(given, ffi.CData):
            return check(given)
        data = to_utf8(given, value.label) if isinstance(given, str) else given
        memory = ffi.from_buffer(view_of(value, data, "str, bytes or a buffer"))
        call.kept.append(memory)
        return {"p": memory, "n": len(memory)}

    return convert


def _go_slice(ffi: Any, value: PlanValue) -> ToC:
    nil, check = _zero(value), _cdata(value)

    def convert(given: Any, call: Call) -> Any:
        if isinstance(given, ffi.CData):
            return check(given)
        if given is None:
            return nil
        view = view_of(value, given, "a buffer or None")
        # Go may write into any slice: not into what Python takes to be constant.
        memory = ffi.from_buffer(bytearray(view) if view.readonly else view)
        call.kept.append(memory)
        length = view.nbytes // (view.itemsize or 1)
        return {"data": memory, "len": length, "cap": length}

    return convert


def _go_reference(ffi: Any, value: PlanValue) -> ToC:
    nil, check = _zero(value), _cdata(value)

    def convert(given: Any, _call: Call) -> Any:
        if given is None:
            return nil
        if isinstance(given, ffi.CData):
            return check(given)
        raise value.wrong_type(f"cdata {value.ctype.cname!r} or None", given)

    return convert


def _zero(value: PlanValue) -> Any:
    return _cffi_backend.newp(_cffi_backend.new_pointer_type(value.ctype))[0]


def _whole(ffi: Any, value: PlanValue) -> ToC:
    check = _cdata(value)

    def convert(given: Any, _call: Call) -> Any:
        return check(given) if isinstance(given, ffi.CData) else new_value(value, given)

    return convert


_MAKERS: dict[Kind, Callable[[Any, PlanValue], ToC]] = {
    Kind.BOOL: _bool,
    Kind.CHAR: _char,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.LONG_DOUBLE: _long_double,
    Kind.TEXT: _text,
    Kind.WIDE_TEXT: _wide_text,
    Kind.POINTER: _pointer,
    Kind.CALLBACK: _callback,
    Kind.GO_STRING: _go_string,
    Kind.GO_SLICE: _go_slice,
    Kind.GO_REFERENCE: _go_reference,
    Kind.WIDE: _whole,
    Kind.OTHER: _whole,
}


def from_c(ffi: Any, value: PlanValue) -> FromC | None:
    """Return the conversion of a result or of a variable's value; None where cffi's will do."""
    string, label = ffi.string, value.label
    if value.kind is Kind.TEXT:
        return lambda pointer: decode(string(pointer), label) if pointer else None
    if value.kind is Kind.GO_STRING:
        return lambda text: decode(ffi.buffer(text.p, text.n)[:], label)
    return None
