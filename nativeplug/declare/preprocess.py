"""
C text with directives -> C text without: ours for plain text, the system's for the rest.

Plain text (comments, include guards, the standard type headers, integer macros) is read
here and needs no compiler. Everything else goes through ``cc -E``. Which of the two reads a
text depends on the text alone, so a header means the same on every machine.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from nativeplug.declare.goheader import clean, is_go_header
from nativeplug.declare.sources import CALLERS_TEXT, Source
from nativeplug.errors import DeclarationError
from nativeplug.programs import c_compiler

_COMMENT_OR_LITERAL = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)(.*)$")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\()?[ \t]*(.*?)[ \t]*$")
_UNDEFINE = re.compile(r"^[ \t]*#[ \t]*undef[ \t]+(\w+)")
_MARKER = re.compile(r'^# (\d+) "((?:\\.|[^"\\])*)"([ \d]*)$')
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
_NUMBER = re.compile(r"\(*[ \t]*-?[ \t]*(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*[ \t]*\)*")
_EXPANSION = re.compile(r'^"(\w+)" (.*)$', re.MULTILINE)
_COMPILER_ERROR = re.compile(r"^(.*?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$", re.MULTILINE)

# Headers that declare nothing but types cffi knows by itself.
_TYPE_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "inttypes.h"}


class _NotPlainError(Exception):
    """The text needs a preprocessor; says which line, and why."""


@dataclass(slots=True)
class Preprocessed:
    """C text without directives but for line markers, which keep the user's places."""

    #: Everything but what the system's headers say.
    text: str
    #: The same with the system's headers, for the types that the text takes from them.
    with_system: str
    #: The integer macros of the text itself, unexpanded but for other macros.
    macros: dict[str, str] = field(default_factory=dict)


def preprocess(source: Source) -> Preprocessed:
    """
    Read the directives of C text.

    The ``#include`` lines of a header that cgo wrote are dropped: it needs no compiler.

    Raises:
        DeclarationError: It needs a preprocessor and there is none, or that one failed.
    """
    go = is_go_header(source.text)
    text = clean(source.text) if go else source.text
    bare = _COMMENT_OR_LITERAL.sub(_without_comment, text)
    try:
        return _PlainReader(bare, ignore_includes=go).read()
    except _NotPlainError as reason:
        compiler = c_compiler()
        if compiler is None:
            line = str(reason).split(":", 1)[0]
            raise DeclarationError(
                f"{source.name}:{reason}: this needs a C preprocessor and there is no C compiler; "
                "install gcc or clang, or declare without it",
                file=source.name,
                line=int(line),
                column=1,
            ) from None
    return _SystemPreprocessor(compiler, source).read()


def _without_comment(match: re.Match[str]) -> str:
    text = match[0]
    return re.sub(r"[^\n]", " ", text) if text.startswith("/") else text


class _PlainReader:
    """Reads text whose directives mean the same to every preprocessor."""

    def __init__(self, text: str, *, ignore_includes: bool) -> None:
        self.lines = text.split("\n")
        self.ignore_includes = ignore_includes
        self.macros: dict[str, str] = {}
        self.guards: list[str] = []  # what each open #if is: "guard", "c++" or "c"
        self.code_seen = False

    def read(self) -> Preprocessed:
        """Return the text with its directives blanked out."""
        kept = [self._line(number, line) for number, line in enumerate(self.lines, 1)]
        if self.guards:
            raise _NotPlainError(f"{len(self.lines)}: an #if without #endif")
        text = "\n".join(kept)
        self._check_macro_uses(text)
        return Preprocessed(text, text, self.macros)

    def _line(self, number: int, line: str) -> str:
        directive = _DIRECTIVE.match(line)
        if directive is None:
            skipped = "c++" in self.guards
            self.code_seen |= bool(line.strip()) and not skipped
            return "" if skipped else line
        name, rest = directive[1], directive[2].strip()
        if line.endswith("\\") or not self._understood(name, rest, number):
            raise _NotPlainError(f"{number}: #{name} {rest}".rstrip())
        return line if name == "pragma" and rest.split("(")[0].strip() == "pack" else ""

    def _understood(self, name: str, rest: str, number: int) -> bool:
        if name in {"ifdef", "ifndef", "else", "endif"}:
            return self._conditional(name, rest)
        if "c++" in self.guards or name in {"", "pragma"}:
            return True
        if name == "include":
            return self.ignore_includes or rest.strip("<>") in _TYPE_HEADERS
        return name == "define" and self._define(self.lines[number - 1])

    def _conditional(self, name: str, rest: str) -> bool:
        if name in {"ifdef", "ifndef"}:
            if rest == "__cplusplus":
                self.guards.append("c++" if name == "ifdef" else "c")
                return True
            self.guards.append("guard")
            return name == "ifndef" and not self.code_seen and len(self.guards) == 1
        if not self.guards:
            return False
        inner = self.guards.pop()
        if name == "else" and inner != "guard":
            self.guards.append("c" if inner == "c++" else "c++")
        return name == "endif" or inner != "guard"

    def _define(self, line: str) -> bool:
        match = _DEFINE.match(line)
        if match is None or match[2] or match[1] in self.macros:
            return False
        self.macros[match[1]] = match[3]
        return True

    def _check_macro_uses(self, text: str) -> None:
        """Refuse text that uses a macro for anything but an integer."""
        others = {name for name, body in self.macros.items() if not _is_integer(body)}
        for number, line in enumerate(text.split("\n") if others else [], 1):
            for word in _WORD.findall(line):
                if word in others:
                    raise _NotPlainError(f"{number}: the macro {word} is used")


def _is_integer(body: str) -> bool:
    """Tell whether a macro's *body* is an expression of integers and other macros."""
    return bool(body) and re.fullmatch(r"[\w\s()+\-*/%<>&|^~!?:'=]+", body) is not None


class _SystemPreprocessor:
    """Runs ``cc -E`` over a header, or over text on its standard input."""

    def __init__(self, compiler: list[str], source: Source) -> None:
        self.compiler = compiler
        self.source = source
        if source.header is None:
            self.input = f'#line 1 "{CALLERS_TEXT}"\n{source.text}\n'
        else:
            self.input = f'#include "{source.header.resolve()}"\n'
        self.own = source.name if source.header is None else str(source.header.resolve())

    def read(self) -> Preprocessed:
        """Return the preprocessed text and the expanded macros of the text itself."""
        output = self._run("-dD", self.input)
        kept, with_system, macros = self._split(output)
        return Preprocessed(kept, with_system, self._expand(macros))

    def _run(self, option: str, text: str) -> str:
        command = [*self.compiler, "-E", option, "-x", "c", "-"]
        finished = subprocess.run(  # noqa: S603 - the user's own compiler
            command,
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if finished.returncode:
            self._fail(finished.stderr.decode("utf-8", "replace"))
        return finished.stdout.decode("utf-8", "surrogateescape")

    def _fail(self, output: str) -> NoReturn:
        match = _COMPILER_ERROR.search(output)
        if match is None:
            last = (output.strip().splitlines() or ["no output"])[-1]
            raise DeclarationError(
                f"cannot preprocess {self.source.name!r}: {last}", file=self.source.name
            )
        file, line, column, text = match.groups()
        file = self.source.name if file == self.own else file
        raise DeclarationError(
            f"{file}:{line}:{column or 1}: {text}",
            file=file,
            line=int(line),
            column=int(column or 1),
        )

    def _split(self, output: str) -> tuple[str, str, dict[str, str]]:
        kept: list[str] = []
        full: list[str] = []
        macros: dict[str, str] = {}
        for line, file, system in _located(output):
            shown = _renamed(line, self.own, self.source.name)
            if file == self.own:
                _note_macro(line, macros)
            if _DEFINE.match(line) or _UNDEFINE.match(line):
                shown = ""
            full.append(shown)
            kept.append("" if system else shown)
        return "\n".join(kept), "\n".join(full), macros

    def _expand(self, macros: dict[str, str]) -> dict[str, str]:
        """Let the preprocessor expand the macros that use others."""
        if all(_NUMBER.fullmatch(body) for body in macros.values()):
            return macros
        probes = "".join(f'"{name}" {name}\n' for name in macros)
        return dict(_EXPANSION.findall(self._run("-P", self.input + "\n" + probes)))


def _located(output: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each line of preprocessed text with its file and whether that is a system header."""
    file, system = "", False
    for line in output.split("\n"):
        if marker := _MARKER.match(line):
            file, system = marker[2], "3" in marker[3].split()
        yield line, file, system and not _MARKER.match(line)


def _renamed(line: str, own: str, name: str) -> str:
    """Return a line marker without its flags, naming the text as the user does."""
    marker = _MARKER.match(line)
    if marker is None:
        return line
    return f'# {marker[1]} "{name if marker[2] == own else marker[2]}"'


def _note_macro(line: str, macros: dict[str, str]) -> None:
    if (match := _DEFINE.match(line)) and not match[2] and match[3]:
        macros[match[1]] = match[3]
    elif match := _UNDEFINE.match(line):
        macros.pop(match[1], None)
