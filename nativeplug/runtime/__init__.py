"""Open plugins: `open`, the objects that a program holds, and what replaces their code."""

from __future__ import annotations

from nativeplug.runtime.history import GenerationInfo
from nativeplug.runtime.opening import open
from nativeplug.runtime.plugin import Pin, Plugin

__all__ = ["GenerationInfo", "Pin", "Plugin", "open"]
