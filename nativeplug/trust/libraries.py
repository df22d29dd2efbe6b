"""
Where the libraries of a plugin come from, as far as its file says that: who could put theirs there.

The plugin's file names directories (RPATH, RUNPATH, needed names that are paths), and so do the
libraries that lie in them. What lies there is judged by who can write to it and to what leads to
it. What the system's own search finds, ld.so(8), is the system's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nativeplug._util import permissions
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.loader import origin_dir

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

#: How many libraries, and how many directories, are looked at.
_MOST: Final = 256
# In these below a directory the dynamic loader looks first, for variants of a library: see
# _dl_important_hwcaps() in glibc's elf/dl-hwcaps.c; before 2.37 also in the others.
_HWCAPS: Final = "glibc-hwcaps"
_VARIANTS: Final = frozenset(
    {_HWCAPS, "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "aarch64", "atomics"}
)


def find_relative(data: File, place: str) -> Iterator[str]:
    """
    Say where a plugin looks for libraries relative to the working directory, a reason each.

    Args:
        data: The plugin's file.
        place: Where that lies.
    """
    for entry in dict.fromkeys(SearchPaths.of(data).directories):
        if not os.path.isabs(origin_dir.expand(entry, place)):
            yield f"it looks in {entry!r}, which is relative to the working directory"


def find_faults(data: File, place: str, trusted: Collection[int]) -> Iterator[str]:
    """
    Say where others could put libraries for a plugin, a reason each.

    Args:
        data: The plugin's file.
        place: Where that lies.
        trusted: The users that may.
    """
    walk = _Walk(frozenset(trusted))
    faults = [*walk.judge_entries("it", place, SearchPaths.of(data))]
    while not walk.is_too_much and (fresh := walk.find_fresh()):
        for path in fresh:
            faults += walk.judge_library(path)
    if walk.is_too_much:
        faults.append(f"it needs more than {_MOST} libraries or directories")
    yield from dict.fromkeys(faults)


@dataclass(slots=True)
class _Walk:
    """What was met so far."""

    trusted: frozenset[int]
    #: Where libraries may lie, for all of them: an RPATH is for those that they need, too.
    directories: dict[str, None] = field(default_factory=dict)
    #: What is looked for there; and what was named by a path.
    names: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    #: The libraries that were judged.
    seen: set[str] = field(default_factory=set)
    #: What was said of directories, once for all that lead there.
    told: set[str] = field(default_factory=set)

    @property
    def is_too_much(self) -> bool:
        return max(len(self.seen), len(self.names), len(self.directories)) > _MOST

    def find_fresh(self) -> set[str]:
        """Return the libraries that are there, and were not judged."""
        paths = {f"{folder}/{name}" for folder in self.directories for name in self.names}
        return {path for path in paths | self.paths if os.path.lexists(path)} - self.seen

    def judge_library(self, path: str) -> Iterator[str]:
        self.seen.add(path)
        yield from self._judge_way(f"its library {path!r}", path, is_there=True)
        try:
            fault = permissions.Access.of_path(path).find_fault(self.trusted)
        except OSError as error:
            yield f"its library {path!r} cannot be looked at: {error.strerror}"
            return
        if fault is not None:
            yield f"its library {path!r} {fault}"
        yield from self.judge_entries(f"its library {path!r}", path, SearchPaths.of_file(path))

    def judge_entries(self, who: str, place: str, searches: SearchPaths) -> Iterator[str]:
        """Judge where a file looks, and note whom it needs."""
        for entry in dict.fromkeys(searches.directories):
            directory = origin_dir.expand(entry, place)
            if not os.path.isabs(directory):
                yield f"{who} looks in {entry!r}, which is relative to the working directory"
                continue
            yield from self._judge_way(f"{who} looks in {entry!r}", os.path.join(directory, "*"))
            # Without links, or "lib/../lib/../lib" would have no end.
            for each in _with_variants(os.path.realpath(directory)):
                if each in self.directories or self.is_too_much:
                    break
                self.directories[each] = None
                yield from self._judge_way(f"{who} looks in {entry!r}", os.path.join(each, "*"))
        self.names.update(name for name in searches.names if "/" not in name)
        named = (origin_dir.expand(name, place) for name in searches.names if "/" in name)
        self.paths.update(_with_real_directory(path) for path in named if os.path.isabs(path))

    def _judge_way(self, who: str, path: str, *, is_there: bool = False) -> Iterator[str]:
        for reason in permissions.find_writable(path, self.trusted, is_there=is_there):
            if reason not in self.told:
                self.told.add(reason)
                yield f"{who}: {reason}"


def _with_real_directory(path: str) -> str:
    """Return a path without links, but for the last: what it is called decides on $ORIGIN."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _with_variants(directory: str) -> Iterator[str]:
    """Give a directory, and those below it in which variants of libraries are looked for."""
    waiting = [directory]
    while waiting:
        here = waiting.pop()
        yield here
        names: list[str] = []
        with contextlib.suppress(OSError):  # there is nothing to be found
            names = os.listdir(here)
        is_parent = os.path.basename(here) == _HWCAPS
        below = (os.path.join(here, name) for name in names if is_parent or name in _VARIANTS)
        waiting += filter(os.path.isdir, below)
