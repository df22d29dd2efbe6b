"""C text without comments."""

from __future__ import annotations

import re

from nativeplug.declare.places import error_at, locate

_COMMENT_OR_LITERAL = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
_NOT_NEWLINE = re.compile(r"[^\n]")
# Generated text names its origin so; errors are told in the text that the user gave.
_LINE = re.compile(r"^[ \t]*#[ \t]*(?:line\b|\d)[^\n]*", re.MULTILINE)
# A continued line: of a directive, where it has a meaning, or of code, where it has none.
_CONTINUED = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*|\\\n", re.MULTILINE)


def bare_text(text: str, name: str) -> str:
    """
    Return text without comments, ``#line`` directives and continued lines of code.

    Every other character keeps its place.

    Raises:
        DeclarationError: A comment has no end.
    """

    def blanked(match: re.Match[str]) -> str:
        found = match[0]
        if not found.startswith("/"):
            return found
        if found.startswith("/*") and (len(found) < len("/**/") or not found.endswith("*/")):
            _, line, column = locate(text, match.start())
            raise error_at(name, line, column, "unterminated comment")
        return _NOT_NEWLINE.sub(" ", found)

    if "/" in text:
        text = _COMMENT_OR_LITERAL.sub(blanked, text)
    if "#" in text:
        text = _LINE.sub(lambda match: " " * len(match[0]), text)
    if "\\\n" in text:
        text = _CONTINUED.sub(lambda match: " \n" if match[0] == "\\\n" else match[0], text)
    return text
