"""
Make the environment in which ``go build`` runs.

``GOFLAGS``, ``GOPROXY`` and the rest of the user's settings are passed on as they are.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nativeplug.directories import get_include
from nativeplug.storage import Directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativeplug.programs import GoToolchain

__all__ = ["environment"]


def environment(toolchain: GoToolchain, compiler: Sequence[str]) -> dict[str, str]:
    """
    Make the environment for a build by *toolchain* with the C *compiler*.

    Args:
        toolchain: The Go toolchain.
        compiler: The C compiler for cgo, which otherwise looks for ``gcc`` alone.

    Returns:
        The whole environment, that of this process included.
    """
    return {
        **_caches(),
        **os.environ,
        **toolchain.environment,
        "CC": shlex.join(compiler),
        # Compilers look there last. Go's own variables for flags would take the place of what
        # ``go env -w`` has noted, and be part of the key of all that Go keeps.
        "CPATH": os.pathsep.join(filter(None, (os.environ.get("CPATH"), get_include()))),
        "CGO_ENABLED": "1",
        "GOTOOLCHAIN": "local",  # never download another Go
    }


def _caches() -> dict[str, str]:
    """
    Give Go a place for its caches where the user has none.

    Go finds it through ``XDG_CACHE_HOME`` and ``HOME`` (``go help cache``) and refuses to work
    when both are unset or cannot be written.
    """
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (home and str(Path(home, ".cache")))
    if home and cache and _writable(Path(home)) and _writable(Path(cache)):
        return {}
    folder = _private_folder()
    return {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}


def _writable(folder: Path) -> bool:
    """
    Tell whether *folder* can be written, or made.
    """
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def _private_folder() -> Path:
    """
    Make a directory for caches that outlives this process and that nobody else can write.
    """
    try:
        path = Path(tempfile.gettempdir(), f"nativeplug-go-{os.geteuid()}")
        with Directory.open(path) as directory:
            return Path(directory.path)
    except OSError:
        # Somebody else was faster, in a directory that is open to all: do not build from theirs.
        return Path(tempfile.mkdtemp(prefix="nativeplug-go-"))
