"""The face: `open`, and the objects that a program holds; sees all the other rooms."""

from __future__ import annotations

from nativeplug.plugin.opening import open
from nativeplug.plugin.plugin import Pin, Plugin

__all__ = ["Pin", "Plugin", "open"]
