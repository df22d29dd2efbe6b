"""Addresses of a plugin that Python is given: its code and data must stay as long as those."""

from __future__ import annotations

from typing import Any

from nativeplug._core import Uses

_WORD = 8


def note(ffi: Any, uses: Uses, given: object) -> None:
    """
    Note the addresses in what a call or a variable gives.

    Args:
        ffi: The plugin's ``FFI``.
        uses: Who uses the generation that gives it.
        given: A cdata: a pointer, or a struct, union or array with whatever lies in it. Pointers
            that lie behind pointers are not looked at. Anything else has no address.
    """
    if not isinstance(given, ffi.CData):
        return
    kind = ffi.typeof(given).kind
    if kind in {"pointer", "function", "array"}:
        uses.export(int(ffi.cast("uintptr_t", given)))
    elif kind in {"struct", "union"}:
        start = ffi.addressof(given)
        uses.export(int(ffi.cast("uintptr_t", start)))
        content = bytes(ffi.buffer(start))
        for word in memoryview(content[: len(content) // _WORD * _WORD]).cast("Q"):
            uses.export(word)
