"""
What a plugin tells about itself: the section ``.nativeplug``, read without loading the file.

`csrc/include/nativeplug.h` says what is in it, and ``nativeplug embed`` puts it into files that
were built without that header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from nativeplug.elf.elffile import Section, find_section
from nativeplug.elf.numbers import SHF_COMPRESSED, SHT_NOBITS
from nativeplug.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativeplug.elf.elffile import File

SECTION = ".nativeplug"
#: What says how the texts after it are to be read; each unit of a plugin has its own.
FORMAT = "nativeplug 1"
_FORMATS = "nativeplug "

#: The kinds of texts that become C text: what stands before and after.
_C = {
    "type": ("", ";"),
    "constant": ("enum { ", " };"),
    "variable": ("extern ", ";"),
    "function": ("", ";"),
    "declare": ("extern ", ";"),
}
# Where files are linked as a whole, texts of one unit may stand between those of another one:
# symbols may need any of these.
_FIRST = {"type", "constant"}
_INTERFACE = re.compile(r"(\S+) (\d{1,9})\.(\d{1,9})")
# More than a hundred thousand functions.
_MOST_BYTES = 1 << 24
# A directive, or what is one as a digraph or trigraph (C11 6.4.6, 5.2.1.1): declarations have none,
# and no file is to make a preprocessor read others.
_DIRECTIVE = re.compile(r"#|%:|\?\?=")
# What a C unit makes of ``bool``, C11 7.18; a C++ unit of the same plugin leaves it as it is.
_BOOL = re.compile(r"\b_Bool\b")
# How much of a text errors show.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class InterfaceVersion:
    """What a plugin serves: plugins of one name and major version can stand in for each other."""

    name: str
    major: int
    #: Grows when something is added.
    minor: int

    def __str__(self) -> str:
        """Return name and version: ``greeter 1.2``."""
        return f"{self.name} {self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> InterfaceVersion | None:
        """Return what `str` has written; None when it was something else."""
        found = _INTERFACE.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3])) if found else None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a plugin tells about itself."""

    interface: InterfaceVersion | None
    #: Its declarations in C, one a line, in an order in which C takes them.
    text: str


def read(data: File, path: str = "<bytes>") -> Metadata | None:
    """
    Return what a plugin's file tells about itself; None when it tells nothing.

    Args:
        data: The whole file.
        path: Where it was read, for errors.

    Raises:
        FormatError: It has the section, which is damaged or of an unknown format.
    """
    section = find_section(data, SECTION)
    return None if section is None else _Reader(data, path, section).read()


class _Reader:
    """Reads the texts of a section."""

    def __init__(self, data: File, path: str, section: Section) -> None:
        self.path = path
        self.start = section.offset
        if section.kind == SHT_NOBITS or section.flags & SHF_COMPRESSED:
            self._fail(0, "it is compressed, or elsewhere")
        if section.end > len(data):
            self._fail(0, f"it ends at byte {section.end}, the file has {len(data)}")
        if section.size > _MOST_BYTES:
            self._fail(0, f"it has {section.size} bytes, of which {_MOST_BYTES} are read at most")
        self.data = data[section.offset : section.end]

    def _fail(self, offset: int, why: str) -> NoReturn:
        place = self.start + offset
        reason = f"damaged: the section {SECTION}, at byte {place}: {why}"
        raise FormatError(
            f"cannot read plugin {self.path!r}: {reason}",
            path=self.path,
            reason=reason,
            offset=place,
        )

    def read(self) -> Metadata | None:
        """Return what the texts say; None when they say nothing."""
        interface: InterfaceVersion | None = None
        # As sets that keep their order: what stands in a header comes from each unit.
        first: dict[str, None] = {}
        then: dict[str, None] = {}
        for offset, text in self._texts():
            kind, _, rest = text.partition(" ")
            if kind == "interface":
                interface = self._interface(offset, rest, interface)
            elif kind in _C:
                before, after = _C[kind]
                line = f"{before}{_BOOL.sub('bool', rest).rstrip('; ')}{after}\n"
                (first if kind in _FIRST else then)[line] = None
        text = "".join([*first, *then])
        return Metadata(interface, text) if text or interface else None

    def _texts(self) -> list[tuple[int, str]]:
        """Return the texts and where they begin, but for those that say how to read the others."""
        found = [*self._split()]
        formats = {text for _, text in found if text.startswith(_FORMATS)}
        if formats != {FORMAT}:
            others = ", ".join(map(repr, sorted(formats - {FORMAT}))) or "nothing"
            self._fail(0, f"it begins with {others} where {FORMAT!r} is understood")
        return [(offset, text) for offset, text in found if text != FORMAT]

    def _split(self) -> Iterator[tuple[int, str]]:
        """Iterate over the texts and where they begin."""
        offset = 0
        for part in self.data.split(b"\0"):
            if part:
                yield offset, self._decoded(offset, part)
            offset += len(part) + 1
        if not self.data.endswith(b"\0"):
            self._fail(len(self.data), "the last text has no end")

    def _decoded(self, offset: int, part: bytes) -> str:
        try:
            text = part.decode()
        except UnicodeDecodeError as error:
            self._fail(offset + error.start, "it is not UTF-8")
        if not text.isprintable() or _DIRECTIVE.search(text):
            self._fail(offset, f"{text[:_SHOWN]!r} is not the text of a declaration")
        return text

    def _interface(
        self, offset: int, text: str, before: InterfaceVersion | None
    ) -> InterfaceVersion:
        found = InterfaceVersion.parse(text)
        if found is None:
            self._fail(offset, f"{text[:_SHOWN]!r} is no interface such as 'greeter 1.2'")
        if before is not None and found != before:
            self._fail(offset, f"it tells of two interfaces, '{before}' and '{found}'")
        return found
