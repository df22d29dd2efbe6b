"""
C text with directives -> C text without: ours for plain text, the system's for the rest.

Plain text (comments, include guards, the standard type headers, integer macros) is read by
`plain` and needs no compiler. Everything else goes through ``cc -E`` (see `cc`). Which of
the two reads a text depends on the text alone, so a header means the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from nativeplug.declare.go_header import clean, is_go_header
from nativeplug.declare.places import error_at, locate
from nativeplug.declare.sources import Source


@dataclass(frozen=True, slots=True)
class Prepared:
    """C text on its way to the parser, read just far enough to tell what it depends on."""

    #: What the result depends on besides the text: what a compiler said. None without one.
    output: str | None
    #: Reads the directives.
    finish: Callable[[], Preprocessed]
    #: Prepares the text for a compiler after all: cgo's headers may need one. None without.
    fallback: Callable[[], Prepared | None] = lambda: None


def preprocess(source: Source) -> Prepared:
    """
    Read the directives of C text.

    The ``#include`` lines of a header that cgo wrote are ignored: it seldom needs them.

    Raises:
        DeclarationError: It needs a preprocessor and there is none, or that one failed.
    """
    go = is_go_header(source.text)
    bare = bare_text(clean(source.text) if go else source.text, source.name)
    try:
        found = read(bare, ignore_includes=go)
    except NeedsPreprocessorError as reason:
        prepared = _with_compiler(source, bare)
        if prepared is None:
            raise error_at(
                source.name,
                reason.line,
                1,
                f"{reason}: this needs a C preprocessor and there is no C compiler; "
                "install gcc or clang, or declare without it",
            ) from None
        return prepared
    prepared = Prepared(None, lambda: found)
    return replace(prepared, fallback=lambda: _with_compiler(source, bare)) if go else prepared


def _with_compiler(source: Source, bare: str) -> Prepared | None:
    """Return the text as the system's preprocessor reads it; None when there is no compiler."""
    from nativeplug._util.programs import c_compiler
    from nativeplug.declare import cc  # subprocess: few declarations need it

    if c_compiler() is None:
        return None
    output = cc.run(bare, source)
    return Prepared(output, lambda: cc.split(output, bare, source))


# Read the directives of plain C text: those that mean the same to every preprocessor.


_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)((?:\\\n|[^\n])*)", re.MULTILINE)
_DEFINE = re.compile(r"([A-Za-z_]\w*)(?=[\s(]|$)(\()?(.*)", re.ASCII)
_CONDITION = re.compile(
    r"if(?P<not>n)?def (?P<name>\w+)|if (?P<no>!)?defined ?\(? ?(?P<it>\w+) ?\)?"
)
_INTEGER = re.compile(r"[\w\s()+\-*/%<>&|^~!?:'=]+")
_WORD = re.compile(r"\b[A-Za-z_]\w*")
# Macros that the compiler defines itself, such as __SIZE_TYPE__.
_PREDEFINED = re.compile(r"\b__[A-Z][A-Z0-9_]*__\b")
_NOT_NEWLINE = re.compile(r"[^\n]")

# Headers that declare nothing but types cffi knows by itself.
_TYPE_HEADERS = {"<stdint.h>", "<stddef.h>", "<stdbool.h>", "<inttypes.h>"}


class NeedsPreprocessorError(Exception):
    """The text needs a preprocessor."""

    def __init__(self, line: int, what: str) -> None:
        """*line* is the first that does, *what* stands there."""
        super().__init__(what)
        self.line = line


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """C text without directives but for line markers, which keep the user's places."""

    #: Everything but what the system's headers say.
    text: str
    #: The same with the system's headers, for the types that the text takes from them.
    with_system: str
    #: The integer macros of the text itself, unexpanded but for other macros.
    macros: dict[str, str]
    #: The names of the system's headers.
    system: frozenset[str] = field(default_factory=frozenset)


def read(text: str, *, ignore_includes: bool = False) -> Preprocessed:
    """
    Return plain text with its directives blanked out.

    Args:
        text: The text, without comments.
        ignore_includes: What it includes does not matter.

    Raises:
        NeedsPreprocessorError: It is not plain.
    """
    reader = _Reader(text, ignore_includes=ignore_includes)
    kept = "".join(reader.pieces())
    _check_uses(text, kept, reader.macros)
    macros = {name: body for name, body in reader.macros.items() if body}
    return Preprocessed(kept, kept, macros)


class _Reader:
    """Goes through the directives of a text once."""

    def __init__(self, text: str, *, ignore_includes: bool) -> None:
        self.text = text
        self.ignore_includes = ignore_includes
        self.macros: dict[str, str | None] = {}  # None: it takes arguments
        self.open: list[str] = []  # what each open #if is: "guard", "c++", "c" or "skipped"
        self.guard: str | None = None  # the name that the next directive must define
        self.code_seen = False

    def pieces(self) -> Iterator[str]:
        """Iterate over the text in pieces, those of directives and of C++ blanked out."""
        position = 0
        for directive in _directives(self.text):
            yield self._code(position, directive.start())
            position = directive.end()
            name, rest = directive[1], " ".join(directive[2].replace("\\\n", " ").split())
            if not self._understood(name, rest):
                self._fail(directive.start(), f"#{name} {rest}".rstrip())
            if name == "pragma" and rest.startswith("pack") and not self._skipping():
                yield directive[0]
            else:
                yield _NOT_NEWLINE.sub(" ", directive[0])
        yield self._code(position, len(self.text))
        if self.open:
            self._fail(len(self.text), "an #if without #endif")

    def _fail(self, offset: int, what: str) -> None:
        raise NeedsPreprocessorError(self.text.count("\n", 0, offset) + 1, what)

    def _skipping(self) -> bool:
        return "c++" in self.open or "skipped" in self.open

    def _code(self, start: int, end: int) -> str:
        code = self.text[start:end]
        if self._skipping():
            return _NOT_NEWLINE.sub(" ", code)
        self.code_seen = self.code_seen or bool(code.strip())
        return code

    def _understood(self, name: str, rest: str) -> bool:
        """Take a directive; tell whether it is plain."""
        guard, self.guard = self.guard, None
        if guard is not None and (name != "define" or rest.split(" ", maxsplit=1)[0] != guard):
            return False
        if name in {"if", "ifdef", "ifndef"}:
            return self._opens(name, rest)
        if name in {"elif", "else", "endif"}:
            return self._turns(name)
        if self._skipping() or name in {"", "pragma"}:
            return True
        if name == "include":
            return self.ignore_includes or rest.replace(" ", "") in _TYPE_HEADERS
        return name == "define" and self._defines(rest)

    def _opens(self, name: str, rest: str) -> bool:
        condition = _CONDITION.fullmatch(f"{name} {rest}")
        if self._skipping():
            self.open.append("skipped")
            return True
        if condition is None:
            return False
        negative = bool(condition["not"] or condition["no"])
        macro = condition["name"] or condition["it"]
        if macro == "__cplusplus":
            self.open.append("c" if negative else "c++")
            return True
        self.open.append("guard")
        self.guard = macro
        return negative and not self.code_seen and not self.macros and self.open == ["guard"]

    def _turns(self, name: str) -> bool:
        if not self.open:
            return False
        inner = self.open.pop()
        if name != "endif":
            self.open.append({"c++": "c", "c": "c++"}.get(inner, inner))
        return name == "endif" or inner == "skipped" or (name == "else" and inner != "guard")

    def _defines(self, rest: str) -> bool:
        match = _DEFINE.fullmatch(rest)
        if match is None or match[1] in self.macros:
            return False
        self.macros[match[1]] = None if match[2] else match[3].strip()
        return True


def _directives(text: str) -> Iterator[re.Match[str]]:
    """Find the directives: faster than the pattern alone, which looks at each line."""
    at = text.find("#")
    while at >= 0:
        found = _DIRECTIVE.match(text, text.rfind("\n", 0, at) + 1)
        if found is not None:
            yield found
        at = text.find("#", at + 1 if found is None else found.end())


def _check_uses(text: str, code: str, macros: dict[str, str | None]) -> None:
    """Refuse code that uses a macro for anything but an integer, and macros that use such."""
    for name, body in macros.items():
        for word in _WORD.findall(body or ""):
            if not macros.get(word, "something"):  # without a value, or with arguments
                define = re.search(rf"#[ \t]*define[ \t]+{name}\b", text)
                raise _not_plain(text, define, f"the macro {word} is used")
    others = _not_integers(macros)
    if others and (used := re.search(rf"\b(?:{'|'.join(others)})\b", code)):
        raise _not_plain(code, used, f"the macro {used[0]} is used")
    if "__" in code and (used := _PREDEFINED.search(code)):
        raise _not_plain(code, used, f"the macro {used[0]} is used")


def _not_plain(text: str, at: re.Match[str] | None, what: str) -> NeedsPreprocessorError:
    offset = at.start() if at is not None else 0
    return NeedsPreprocessorError(text.count("\n", 0, offset) + 1, what)


def _not_integers(macros: dict[str, str | None]) -> set[str]:
    """Return the macros that are no expression of integers and other such macros."""
    integers = {name for name, body in macros.items() if body and _INTEGER.fullmatch(body)}
    while True:
        kept = {name for name in integers if integers.issuperset(_WORD.findall(macros[name] or ""))}
        if kept == integers:
            return macros.keys() - integers
        integers = kept


# C text without comments.


_COMMENT_OR_LITERAL = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
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
