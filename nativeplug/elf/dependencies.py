"""
How a file has the dynamic loader look for its libraries: whom it needs, and where they may lie.

Read in pieces, of bytes or of a file, as a library may be a gigabyte: the headers, the dynamic
section, and the texts, none of them without end. Names and numbers as in elf(5).
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from nativeplug.elf import layout

if TYPE_CHECKING:
    from nativeplug.elf.layout import File

_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29
_DT_AUXILIARY, _DT_FILTER = 0x7FFFFFFD, 0x7FFFFFFF
# The entries in which the dynamic loader expands $ORIGIN, ld.so(8).
_PATH_TAGS: Final = frozenset({_DT_RPATH, _DT_RUNPATH})
_NAME_TAGS: Final = frozenset({_DT_NEEDED, _DT_AUXILIARY, _DT_FILTER})
# More than the header of any file, and the most that is read of a text: several paths.
_HEAD, _LONGEST_TEXT = 4096, 1 << 16
# The most that is read of one thing: 65,535 program headers, or as many dynamic entries.
_MOST_BYTES: Final = 1 << 22
#: How many texts are looked at; plugins have some ten.
_MOST_TEXTS: Final = 4096
# Not to wait for a writer, where it is a pipe.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

#: Gives so many bytes from an offset on, or what there is of them.
_Reader = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class SearchPaths:
    """What a file tells the dynamic loader of others, as it is written there."""

    #: The needed names, which may be paths.
    names: tuple[str, ...] = ()
    #: RPATH and RUNPATH, each with all that it has between colons.
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: File) -> SearchPaths:
        """Read a file's bytes, all of them; what is damaged is not there."""
        return _read(lambda size, offset: data[offset : offset + size])

    @classmethod
    def of_file(cls, path: str) -> SearchPaths:
        """Read a file; what is missing, damaged, or no regular file has nothing."""
        try:
            descriptor = os.open(path, _READ)
        except (OSError, ValueError):
            return cls()
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return _read(partial(os.pread, descriptor))
        except OSError:  # it cannot be read
            pass
        finally:
            os.close(descriptor)
        return cls()

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts in which ``$ORIGIN`` is expanded."""
        return self.names + self.paths

    @property
    def directories(self) -> tuple[str, ...]:
        """
        The directories in which libraries are looked for, as they are written.

        Those of RPATH, of RUNPATH, and of needed names that have slashes: ``$ORIGIN/../lib``.
        """
        found = [each for text in self.paths if text for each in text.split(":")]
        return *found, *(os.path.dirname(name) for name in self.names if "/" in name)


def _read(read: _Reader) -> SearchPaths:
    try:
        return _read_whole(read)
    except (struct.error, ValueError, OverflowError):  # offsets that no file has
        return SearchPaths()


def _read_whole(read: _Reader) -> SearchPaths:
    head = read(_HEAD, 0)
    target = layout.Target.of(head)
    if target is None:
        return SearchPaths()
    header = layout.read_header(head, target)
    # They may lie at the file's end, where patchelf puts them.
    data = _piece(read, header.segment_size * header.segment_count, header.segments_offset)
    segments = layout.read_segments(data, replace(header, segments_offset=0))
    entries: list[tuple[int, int]] = []
    for segment in segments:
        if segment.kind == layout.PT_DYNAMIC:
            data = _piece(read, segment.size, segment.offset)
            entries += layout.iter_dynamic(data, target, [replace(segment, offset=0)])
    names = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
    start = layout.file_offset(segments, names) if names else None
    if start is None:
        return SearchPaths()

    def texts(tags: frozenset[int]) -> tuple[str, ...]:
        offsets = [start + value for tag, value in entries if tag in tags]
        return tuple(_text(read, offset) for offset in offsets[:_MOST_TEXTS])

    return SearchPaths(texts(_NAME_TAGS), texts(_PATH_TAGS))


def _piece(read: _Reader, size: int, offset: int) -> bytes:
    return read(min(size, _MOST_BYTES), offset)


def _text(read: _Reader, offset: int) -> str:
    return os.fsdecode(read(_LONGEST_TEXT, offset).partition(b"\0")[0])
