"""Check that a Python buffer is what a C pointer parameter asks for."""

from __future__ import annotations

import sys
from typing import Any

from nativeplug._core import TYPES
from nativeplug.call.plan import Kind, Value, is_signed, is_sized, kind_of

# The formats of native numbers (module struct, PEP 3118), by class; sizes are told apart.
_FLOATS = {Kind.FLOAT.name, Kind.LONG_DOUBLE.name}
_CLASS_OF = dict.fromkeys(("Zf", "Zd", "F", "D"), "complex") | {
    code: "float" if kind in _FLOATS else "signed" if signed else "unsigned"
    for kind, _, signed, code in TYPES.values()
    if code and kind in {*_FLOATS, Kind.INTEGER.name}
}
# Pointers and Python objects, of ctypes and struct: the memory that they lie in is nobody's data.
_POINTERS = {"P", "z", "Z", "O"}
_ORDERS = "@=<>!"
_NATIVE_ORDER = "@=<" if sys.byteorder == "little" else "@=>!"


def pointer_to(ffi: Any, value: Value, given: Any, wanted: str) -> Any:
    """
    Return a pointer to a buffer's memory, which it keeps alive, without copying.

    The buffer can be neither resized nor released as long as the pointer lives.

    Args:
        ffi: The plugin's ``FFI``.
        value: The pointer parameter.
        given: Any object with the buffer protocol.
        wanted: What the parameter takes, for the message.

    Raises:
        TypeError: It is no buffer, not contiguous, read-only where the function may write,
            or its elements are not of the declared type.
        ValueError: It is smaller than the declared struct.
    """
    view = view_of(value, given, wanted)
    try:
        _check_writable(value, view, given)
        _check_elements(ffi, value, view, given)
        # Of the view, not of *given* again: what was checked is what is passed.
        return ffi.from_buffer(value.ctype, view)
    except BaseException:
        view.release()  # the error's traceback would hold it
        raise


def view_of(value: Value, given: Any, wanted: str) -> memoryview:
    """
    Return a view of a buffer that lies in memory as C expects it.

    Raises:
        TypeError: It is no buffer, not contiguous, or holds pointers.
    """
    try:
        view = memoryview(given)
    except TypeError as error:
        if hasattr(type(given), "__buffer__"):  # Python 3.12, PEP 688: it is one, and fails
            raise TypeError(f"{value.label}: {error}") from error
        raise value.wrong_type(wanted, given) from None
    if not view.c_contiguous:
        raise TypeError(f"{value.label} must be a C-contiguous buffer")
    if (view.format or "B").lstrip(_ORDERS) in _POINTERS or "&" in (view.format or ""):
        raise TypeError(
            f"{value.label} must be a buffer of values, not of pointers "
            f"({type(given).__name__}): pass what it points to"
        )
    return view


def _check_writable(value: Value, view: memoryview, given: object) -> None:
    if view.readonly and not value.readonly:
        raise TypeError(
            f"{value.label} must be a read-write bytes-like object, not {type(given).__name__}"
        )


def _check_elements(ffi: Any, value: Value, view: memoryview, given: object) -> None:
    item = value.ctype.item
    if item.kind == "void" or (item.kind == "primitive" and ffi.sizeof(item) == 1):
        return  # C lets every object be read as bytes
    if item.kind in {"struct", "union"}:
        _check_struct(ffi, value, view, given)
        return
    wanted = class_of_type(ffi, item)
    if wanted is None:
        raise value.wrong_type(f"cdata {value.ctype.cname!r} or None", given)
    if (wanted, ffi.sizeof(item)) != (class_of_format(view.format), view.itemsize):
        raise TypeError(
            f"{value.label} must be a buffer of {item.cname!r}, not of format {view.format!r}"
        )


def _check_struct(ffi: Any, value: Value, view: memoryview, given: object) -> None:
    item = value.ctype.item
    if not is_sized(item):
        raise value.wrong_type(f"cdata {value.ctype.cname!r} or None", given)
    size = ffi.sizeof(item)
    # ctypes gives bytes as the format of unions and of packed structures.
    is_struct = view.itemsize == size and (view.format or "B").startswith(("T{", "B"))
    if view.itemsize != 1 and not is_struct:
        raise TypeError(
            f"{value.label} must be a buffer of {item.cname!r} or of bytes, "
            f"not of format {view.format!r}"
        )
    if view.nbytes < size:
        raise ValueError(f"{value.label} must have at least {size} bytes, not {view.nbytes}")


def class_of_type(ffi: Any, item: Any) -> str | None:
    """Return the class of a C type's values; None when no buffer has such elements."""
    if item.cname.endswith("_complex_t"):
        return "complex"
    kind = kind_of(item)
    if kind in {Kind.FLOAT, Kind.LONG_DOUBLE}:
        return "float"
    if kind is Kind.INTEGER:
        return "signed" if is_signed(ffi, item) else "unsigned"
    return None


def class_of_format(text: str) -> str | None:
    """Return the class of a buffer's elements; None for any but native numbers."""
    code = text[1:] if text[0] in _NATIVE_ORDER else text
    return _CLASS_OF.get(code)
