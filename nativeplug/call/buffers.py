"""Check that a Python buffer is what a C pointer parameter asks for."""

from __future__ import annotations

import sys
from typing import Any

from nativeplug.call.plan import Kind, Value, kind_of

_SIGNED, _UNSIGNED, _FLOATS = "bhilqn", "BHILQN", "fd"
_OTHER_ORDER = ">!" if sys.byteorder == "little" else "<"


def pointer_to(ffi: Any, value: Value, buffer: Any) -> Any:
    """
    Return a pointer to a buffer's memory, which it keeps alive, without copying.

    Args:
        ffi: The plugin's ``FFI``.
        value: The pointer parameter.
        buffer: Any object with the buffer protocol.

    Raises:
        TypeError: It is no buffer, not contiguous, read-only where the function may write,
            or its elements are not of the declared type.
        ValueError: It is smaller than one element.
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(
            f"{value.label} must be None, a buffer or cdata {value.ctype.cname!r}, "
            f"not {type(buffer).__name__}"
        ) from None
    if not view.c_contiguous:
        raise TypeError(f"{value.label} must be a C-contiguous buffer")
    if view.readonly and not value.readonly:
        raise TypeError(
            f"{value.label} must be a read-write bytes-like object, not {type(buffer).__name__}"
        )
    _check_elements(ffi, value, view)
    return ffi.from_buffer(buffer)


def _check_elements(ffi: Any, value: Value, view: memoryview) -> None:
    item = value.ctype.item
    if item.kind == "void" or (item.kind == "primitive" and ffi.sizeof(item) == 1):
        return  # C lets every object be read as bytes
    if item.kind in {"struct", "union"} and item.fields:
        _check_struct(ffi, value, view)
    elif _element_code(ffi, item) is None or _element_code(ffi, item) != _format_code(view):
        raise TypeError(
            f"{value.label} must be a buffer of {item.cname!r}, not one of format {view.format!r}"
        )


def _check_struct(ffi: Any, value: Value, view: memoryview) -> None:
    size = ffi.sizeof(value.ctype.item)
    if view.itemsize not in {1, size}:
        raise TypeError(
            f"{value.label} must be a buffer of {value.ctype.item.cname!r} or of bytes, "
            f"not one of format {view.format!r}"
        )
    if view.nbytes < size:
        raise ValueError(f"{value.label} must have at least {size} bytes, not {view.nbytes}")


def _element_code(ffi: Any, item: Any) -> tuple[str, int] | None:
    """Return class and size of a C type's values; None when no buffer has such elements."""
    kind = kind_of(item)
    if kind is Kind.FLOAT:
        return "float", ffi.sizeof(item)
    if kind is Kind.INTEGER:
        signed = int(ffi.cast(item, -1)) < 0
        return "signed" if signed else "unsigned", ffi.sizeof(item)
    return None


def _format_code(view: memoryview) -> tuple[str, int] | None:
    """Return class and size of a buffer's elements; None for any but native numbers."""
    form = view.format or "B"
    if form[0] in _OTHER_ORDER:
        return None
    code = form.lstrip("@=<>")
    for name, codes in (("signed", _SIGNED), ("unsigned", _UNSIGNED), ("float", _FLOATS)):
        if len(code) == 1 and code in codes:
            return name, view.itemsize
    return None
