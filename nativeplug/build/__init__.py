"""
Build plugins from source, for those who write them.
"""

from __future__ import annotations

from nativeplug.build.toolchains import build

__all__ = ["build"]
