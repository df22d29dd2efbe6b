"""
Places in the user's text, ``file:line:column``, and the errors that name them.

Text on its way to the parser carries line markers, ``# 12 "greeter.h"``, as compilers write
them: they tell which line of which file comes next.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from nativeplug.errors import DeclarationError

#: A line marker: the line's number, the file's name, and flags (3: a header of the system).
MARKER = re.compile(r'^# (\d+) "((?:\\.|[^"\\])*)"([ \d]*)$', re.MULTILINE)
_NOT_IN_MARKERS = re.compile(r'["\\\n]')


def marker(line: int, file: str) -> str:
    """Return the line marker for a place, without a newline."""
    return f'# {line} "{shown(file)}"'


def shown(file: str) -> str:
    """Return a file's name without what no line marker can hold."""
    return _NOT_IN_MARKERS.sub("?", file)


def locate(text: str, offset: int) -> tuple[str, int, int]:
    """Return file, line and column of an offset into text with line markers."""
    start = text.rfind("\n", 0, offset) + 1
    column = offset - start + 1
    passed = 0
    while start > 0:
        end = start - 1
        start = text.rfind("\n", 0, end) + 1
        if text.startswith("# ", start) and (found := MARKER.match(text, start, end)):
            return found[2], int(found[1]) + passed, column
        passed += 1
    return "", passed + 1, column


def error_at(file: str, line: int, column: int, message: str) -> DeclarationError:
    """Return an error about a place in the user's text; lines and columns count from 1."""
    return DeclarationError(
        f"{file}:{line}:{column}: {message}", file=file, line=line, column=column
    )


def error_in(place: str, message: str) -> DeclarationError:
    """Return an error about a *place* that is written ``file:line:column``."""
    file, line, column = place.rsplit(":", 2)
    return error_at(file, int(line), int(column), message)


class ContradictionError(DeclarationError):
    """
    A text contradicts earlier declarations; `declare.extend` raises its *error*.

    Args:
        error: What to tell the user.
        symbols: The functions and variables that are declared otherwise; not all, maybe.
        constants: Such constants.
        types: The names of such types.
    """

    def __init__(
        self,
        error: DeclarationError,
        *,
        symbols: Collection[str] = (),
        constants: Collection[str] = (),
        types: Collection[str] = (),
    ) -> None:
        super().__init__(str(error), file=error.file, line=error.line, column=error.column)
        self.error = error
        self.symbols, self.constants, self.types = symbols, constants, types

    def too_late(self, reason: str) -> DeclarationError:
        """Return the error for what was used, for a *reason*."""
        return DeclarationError(
            f"{self}; {reason}, so this comes too late: close the plugin and open it again",
            file=self.file,
            line=self.line,
            column=self.column,
        )


def contradiction(place: str, text: str, old_place: str, old_text: str) -> DeclarationError:
    """Return the error for a declaration that contradicts an earlier one."""
    new, old = " ".join(text.split()), " ".join(old_text.split())
    return error_in(place, f"{new!r} contradicts {old!r}, declared at {old_place}")
