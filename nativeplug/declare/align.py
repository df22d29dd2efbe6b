"""Put the words of a preprocessed line back where they stand in the user's text."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from nativeplug.declare.places import marker

_WORD = re.compile(r'\w+|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\S')


def align(line: str, original: str, number: int, file: str) -> str:
    """
    Return *line* with each word that comes from *original* at its column there.

    Where a macro's body is too long for that, the rest goes on a line of its own, after a
    marker that says it is still line *number* of *file*.
    """
    if line.split() == original.split():
        return original
    new, old = list(_WORD.finditer(line)), list(_WORD.finditer(original))
    matcher = SequenceMatcher(None, [m[0] for m in new], [m[0] for m in old], autojunk=False)
    out = _Line(number, file)
    for tag, start, end, old_start, old_end in matcher.get_opcodes():
        if tag == "equal":
            for word, place in zip(new[start:end], old[old_start:old_end], strict=True):
                out.put(word[0], place.start())
        elif start < end:
            column = old[old_start].start() if old_start < len(old) else len(original)
            out.put(line[new[start].start() : new[end - 1].end()], column, is_body=True)
    return str(out)


class _Line:
    """One line of the user's text, in as many lines as it takes."""

    def __init__(self, number: int, file: str) -> None:
        self.start = f"\n{marker(number, file)}\n"
        self.pieces: list[str] = []
        self.column = 0
        self.after_body = False

    def put(self, words: str, column: int, *, is_body: bool = False) -> None:
        """Put *words* at a column, counted from 0; a macro's body apart from its neighbours."""
        if column < self.column + (bool(self.column) and (is_body or self.after_body)):
            self.pieces.append(self.start)
            self.column = 0
        self.pieces += [" " * (column - self.column), words]
        self.column = column + len(words)
        self.after_body = is_body

    def __str__(self) -> str:
        return "".join(self.pieces)
