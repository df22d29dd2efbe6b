"""Where the user's machine has room for what is ours, and where the header for authors is."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path | None:
    """
    Return the directory for what can be made again; None when the user has no place of their own.

    ``$NATIVEPLUG_CACHE_DIR``, else ``nativeplug`` in the user's cache directory as the XDG
    Base Directory Specification has it: a relative ``$XDG_CACHE_HOME`` does not count.
    """
    if own := os.environ.get("NATIVEPLUG_CACHE_DIR"):
        return Path(own)
    for base in (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")):
        if os.path.isabs(base):  # a user without a home has "~" there
            return Path(base, "nativeplug")
    return None


def get_include() -> str:
    """Return the directory of ``nativeplug.h``, for a C compiler's ``-I``."""
    return str(Path(__file__).parent / "include")
