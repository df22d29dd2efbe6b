"""A plugin's declarations and a generation -> its Functions and Variables."""

from __future__ import annotations

from nativeplug.symbols.binding import Binding, Moves, Resolved
from nativeplug.symbols.given import Given
from nativeplug.symbols.known import By, Known
from nativeplug.symbols.loaded import Loaded
from nativeplug.symbols.symbols import Symbols, after_fork

__all__ = [
    "Binding",
    "By",
    "Given",
    "Known",
    "Loaded",
    "Moves",
    "Resolved",
    "Symbols",
    "after_fork",
]
