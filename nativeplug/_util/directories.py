"""Where the user's machine has room for what is ours, and where the header for authors is."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str) -> str:
    """
    Return a path that is right in every working directory; ".." stays, it may follow a link.

    Raises:
        FileNotFoundError: The path is relative, and the working directory was deleted.
    """
    # An absolute path must not ask for the working directory, which may be gone.
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def cache_directory() -> Path | None:
    """
    Return the directory for what can be made again; None when the user has no place of their own.

    ``$NATIVEPLUG_CACHE_DIR``, else ``nativeplug`` in the user's cache directory as the XDG
    Base Directory Specification has it: a relative ``$XDG_CACHE_HOME`` does not count.
    """
    return _own("NATIVEPLUG_CACHE_DIR", "XDG_CACHE_HOME", "~/.cache")


def state_directory() -> Path | None:
    """
    Return the directory for what must be remembered; None when the user has no place of their own.

    ``$NATIVEPLUG_STATE_DIR``, else ``nativeplug`` in the user's state directory, as above.
    """
    return _own("NATIVEPLUG_STATE_DIR", "XDG_STATE_HOME", "~/.local/state")


def _own(ours: str, everybodys: str, otherwise: str) -> Path | None:
    if own := os.environ.get(ours):
        return Path(own)
    for base in (os.environ.get(everybodys, ""), os.path.expanduser(otherwise)):
        if os.path.isabs(base):  # a user without a home has "~" there
            return Path(base, "nativeplug")
    return None


def get_include() -> str:
    """Return the directory of ``nativeplug.h``, for a C compiler's ``-I``."""
    return str(Path(__file__).parents[1] / "include")
