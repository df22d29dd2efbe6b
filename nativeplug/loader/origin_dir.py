"""
Surroundings for a copy of a plugin that finds its libraries relative to its own place.

``$ORIGIN`` is, to the dynamic loader, the text before the last slash of the name by which a
file was loaded, ld.so(8). So a copy finds what the plugin finds if its directory has links to
all that lies beside the plugin; and if the plugin looks at ``$ORIGIN/../lib``, the directory
above as well, and so on. A library that is found through a link to a directory has its own
surroundings, as ``..`` leads to where the link does.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from nativeplug.elf.dependencies import SearchPaths

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

# Only a name without braces ends where no further letter, digit or underscore follows: is_dst()
# in glibc's elf/dl-load.c.
_ORIGIN = re.compile(r"(?:\$\{ORIGIN\}|\$ORIGIN(?![A-Za-z0-9_]))([^:]*)")
_VARYING = re.compile(r"\$\{(?:LIB|PLATFORM)\}|\$(?:LIB|PLATFORM)(?![A-Za-z0-9_])")
#: How many libraries beside a plugin are looked at, and those beside these; more need nothing.
_MOST_LIBRARIES = 1000
#: How many files a directory may have whose links are made for a plugin that may not need them.
_FEW = 200


def is_relative(data: File) -> bool:
    """Tell whether a plugin, given by its bytes, looks for libraries relative to its own place."""
    return any(True for _ in _levels_of(SearchPaths.of(data)))


def levels(place: str, data: File) -> int | None:
    """
    Tell how far above its own directory a plugin looks for its libraries.

    The libraries beside it count as well: what they are found by lies beside the copy.

    Args:
        place: Where the plugin's file is.
        data: The file's bytes.

    Returns:
        0 for its own directory alone; None when its place means nothing.
    """
    searches = SearchPaths.of(data)
    highest = max(_levels_of(searches), default=None)
    if highest is None:
        return None
    for library in _libraries_beside(place, searches):
        highest = max(highest, *_levels_of(library), 0)
    return highest


def levels_at_hand(place: str) -> int | None:
    """
    Tell how far above a plugin's directory its surroundings can be had for little.

    A directory of the system has thousands of files. None where the plugin's own has too many, and
    for a plugin that lies nowhere.
    """
    directory = os.path.dirname(place)
    if not os.path.lexists(place) or not _has_few(directory):
        return None
    return 1 if _has_few(os.path.dirname(directory)) else 0


def _has_few(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return next(islice(entries, _FEW, None), None) is None
    except OSError:  # it may not be listed
        return False


def expand(entry: str, place: str) -> str:
    """
    Return where libraries are looked for as the dynamic loader reads it.

    From ``$LIB`` and ``$PLATFORM`` on, which mean something else on each system, it is left out.

    Args:
        entry: The directory, or a library's path, as the plugin's file has it.
        place: Where that is.
    """
    known = _VARYING.split(entry, 1)[0]
    return _ORIGIN.sub(lambda found: os.path.dirname(place) + found[1], known)


def _levels_of(searches: SearchPaths) -> Iterator[int]:
    for text in searches.texts:
        for rest in _ORIGIN.findall(text):
            parts = [part for part in rest.split("/") if part not in {"", "."}]
            yield next((at for at, part in enumerate(parts) if part != ".."), len(parts))


def _libraries_beside(place: str, searches: SearchPaths) -> Iterator[SearchPaths]:
    """Give what a plugin needs, and that needs again, of its own directory."""
    directory = os.path.dirname(place)
    seen: set[str] = set()
    waiting = [searches]
    while waiting:
        paths = {os.path.join(directory, expand(name, place)) for name in waiting.pop().names}
        fresh = {path for path in paths if os.path.dirname(path) == directory} - seen
        seen |= fresh
        if len(seen) > _MOST_LIBRARIES:
            return
        for path in fresh:
            waiting.append(SearchPaths.of_file(path))
            yield waiting[-1]


def rebuild(root: str, place: str, levels: int) -> str:
    """
    Fill a directory with links to what lies around a plugin.

    Args:
        root: A directory to make. It becomes like the one that is *levels* above the plugin's.
        place: Where the plugin's file is, without symlinks.
        levels: See `levels`.

    Returns:
        The directory for the plugin's copy, in *root* or somewhere below it.

    Raises:
        OSError: A link cannot be made.
    """
    os.mkdir(root, 0o700)
    real, *below = _split(place, levels)
    made = root
    for name in below:
        _link_entries(real, made, name)
        real, made = os.path.join(real, name), os.path.join(made, name)
        if real != place:
            os.mkdir(made, 0o700)
    return os.path.dirname(made)


def _split(place: str, levels: int) -> list[str]:
    """Return the directory that is *levels* above the file's, and the names that lead down."""
    parts = [place]
    for _ in range(levels + 1):
        parts[:1] = os.path.split(parts[0])
    # There is nothing above the root directory.
    return [part for part in parts if part]


def _link_entries(real: str, made: str, but: str) -> None:
    names: list[str] = []
    with contextlib.suppress(PermissionError):  # the loader says what it misses
        names = os.listdir(real)
    for name in names:
        if name != but:
            os.symlink(os.path.join(real, name), os.path.join(made, name))
