"""Read the directives of plain C text: those that mean the same to every preprocessor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

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


class NotPlainError(Exception):
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
        NotPlainError: It is not plain.
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
        raise NotPlainError(self.text.count("\n", 0, offset) + 1, what)

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


def _not_plain(text: str, at: re.Match[str] | None, what: str) -> NotPlainError:
    offset = at.start() if at is not None else 0
    return NotPlainError(text.count("\n", 0, offset) + 1, what)


def _not_integers(macros: dict[str, str | None]) -> set[str]:
    """Return the macros that are no expression of integers and other such macros."""
    integers = {name for name, body in macros.items() if body and _INTEGER.fullmatch(body)}
    while True:
        kept = {name for name in integers if integers.issuperset(_WORD.findall(macros[name] or ""))}
        if kept == integers:
            return macros.keys() - integers
        integers = kept
