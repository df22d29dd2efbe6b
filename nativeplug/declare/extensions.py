"""
Blank out the GNU extensions that pycparser does not read.

What changes a type's layout or how a function is called must not be dropped silently: a
``#pragma nativeplug`` before the declaration tells the reader what was there.
"""

from __future__ import annotations

import re

#: Attributes that change what the binary looks like to its callers.
_LAYOUT = re.compile(
    r"\b_*(packed|aligned|mode|vector_size|ms_struct|gcc_struct|scalar_storage_order|"
    r"transparent_union|regparm|fastcall|stdcall|thiscall|ms_abi|sysv_abi|vectorcall)_*\b"
)
_TOKEN = re.compile(
    r"""
    (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<call>\b(?:__attribute__|__attribute|__asm__|__asm|asm|__declspec)\b[ \t\n]*(?=\())
  | (?P<word>\b(?:__extension__|__inline__|__inline|__restrict__|__restrict|__signed__
        |__const|__volatile__|_Noreturn)\b)
  | (?P<marker>^\#\ (?P<line>\d+)\ "(?P<file>(?:\\.|[^"\\])*)".*$)
  | (?P<newline>\n)
  | (?P<brace>[{};])
    """,
    re.VERBOSE | re.MULTILINE,
)
_PARENTHESIS = re.compile(r"[()]")

#: Names that the system's headers use as types.
BUILTIN_TYPES = (
    "__builtin_va_list",
    "__gnuc_va_list",
    "_Float16",
    "_Float32",
    "_Float64",
    "_Float128",
    "_Float32x",
    "_Float64x",
)


def blank_extensions(text: str) -> str:
    """Return *text*, which begins with a line marker, with every declaration at its old place."""
    return _Blanker(text).run()


class _Blanker:
    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.copied = 0  # the text before this offset is in *out*
        self.depth = 0  # of braces
        self.file = ""
        self.line = 1
        self.line_start = 0
        self._start_declaration(0)

    def run(self) -> str:
        position = 0
        while token := _TOKEN.search(self.text, position):
            position = self._take(token)
        self.out.append(self.text[self.copied :])
        return "".join(self.out)

    def _take(self, token: re.Match[str]) -> int:
        """Handle one token and return where to go on."""
        end = token.end()
        if token["call"]:
            end = self._closing(end)
            self._blank(token.start(), end)
            if layout := _LAYOUT.search(self.text, token.start(), end):
                self._note(layout[1])
        elif token["word"]:
            self._blank(token.start(), end)
        elif token["newline"]:
            self.line += 1
            self.line_start = end
        elif token["marker"]:
            self.file, self.line = token["file"], int(token["line"]) - 1
        elif token["brace"]:
            self.depth += {"{": 1, "}": -1, ";": 0}[token["brace"]]
            if token["brace"] == ";" and self.depth == 0:
                self._start_declaration(end)
        return end

    def _start_declaration(self, offset: int) -> None:
        self._copy(offset)
        self.place = len(self.out), self.file, self.line, offset - self.line_start
        self.out.append("")

    def _note(self, layout: str) -> None:
        """Put a pragma before the current declaration, and mend the place after it."""
        index, file, line, column = self.place
        self.out[index] = f'\n#pragma nativeplug {layout}\n# {line} "{file}"\n' + " " * column

    def _copy(self, end: int) -> None:
        self.out.append(self.text[self.copied : end])
        self.copied = max(self.copied, end)

    def _blank(self, start: int, end: int) -> None:
        self._copy(start)
        removed = self.text[start:end]
        self.out.append(re.sub(r"[^\n]", " ", removed))
        self.line += removed.count("\n")
        if "\n" in removed:
            self.line_start = start + removed.rindex("\n") + 1
        self.copied = end

    def _closing(self, start: int) -> int:
        """Return the offset after the parenthesis that closes the one at *start*."""
        depth = 0
        for token in _PARENTHESIS.finditer(self.text, start):
            depth += 1 if token[0] == "(" else -1
            if depth == 0:
                return token.end()
        return len(self.text)
