"""How a file has the dynamic loader look for its libraries: whom it needs, where they may lie."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nativeplug.elf.elffile import DamagedError, ElfFile
from nativeplug.elf.numbers import DT_AUXILIARY, DT_FILTER, DT_NEEDED, DT_RPATH, DT_RUNPATH

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

# Not to wait for a writer, where it is a pipe.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class SearchPaths:
    """
    What a file tells the dynamic loader of others, as it is written there.

    These are the entries in which the loader expands ``$ORIGIN``, ld.so(8).
    """

    #: The needed names, which may be paths.
    names: tuple[str, ...] = ()
    #: RPATH and RUNPATH, each with all that it has between colons.
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: File) -> SearchPaths:
        """Read a file's bytes, all of them; what is damaged is not there."""
        file = ElfFile.find(data)
        return cls() if file is None else cls._read(file)

    @classmethod
    def of_file(cls, path: str) -> SearchPaths:
        """Read a file; what is missing, damaged, or no regular file has nothing."""
        try:
            descriptor = os.open(path, _READ)
        except (OSError, ValueError):
            return cls()
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return cls._read(ElfFile.of_descriptor(descriptor))
        except (DamagedError, OSError):  # or it cannot be read
            pass
        finally:
            os.close(descriptor)
        return cls()

    @classmethod
    def _read(cls, file: ElfFile) -> SearchPaths:
        names = file.strings(DT_NEEDED, DT_AUXILIARY, DT_FILTER)
        return cls(names, file.strings(DT_RPATH, DT_RUNPATH))

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
