"""Arguments that stand for ``...``."""

from __future__ import annotations

import operator
from typing import Any

from nativeplug.call.arguments import out_of_range
from nativeplug.call.text import encode


def further_argument(ffi: Any, label: str, given: Any) -> Any:
    """
    Convert an argument that stands for ``...``, which has no declared type.

    int is passed as 64 bits wide, which a callee may also read as ``int`` (its promotions
    leave the register or stack slot the same), float as ``double``, str and bytes as
    ``char *``, None as NULL; cdata as the type it has.
    """
    if isinstance(given, ffi.CData):
        return given
    if given is None:
        return ffi.NULL
    if isinstance(given, float):
        return ffi.cast("double", given)
    if isinstance(given, str):
        return ffi.new("char[]", encode(given, label))
    if isinstance(given, bytes):
        return ffi.new("char[]", given)
    if not hasattr(type(given), "__index__"):
        name = type(given).__name__
        raise TypeError(f"{label} must be int, float, str, bytes, cdata or None, not {name}")
    number = operator.index(given)
    if not -(1 << 63) <= number < 1 << 64:
        raise out_of_range(label, "64 bits", number)
    return ffi.cast("int64_t" if number < 1 << 63 else "uint64_t", number)
