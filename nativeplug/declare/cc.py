"""
The system's preprocessor: C text -> ``cc -E`` -> C text, every word at its old place.

``cc -E`` closes the gaps between words and puts macros' bodies in their place. `align` undoes
that, so that errors name the columns of the user's text.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from nativeplug._util.programs import c_compiler
from nativeplug.declare.places import MARKER, error_at, marker, shown
from nativeplug.declare.preprocess import Preprocessed, bare_text
from nativeplug.declare.sources import Source
from nativeplug.errors import DeclarationError

_OWN, _MACROS = "<text>", "<macros>"
_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)(?!\w|\()", re.MULTILINE | re.ASCII)
_EXPANSION = re.compile(r'"(\w+)" (.+)')
_ERROR = re.compile(r"^(.*?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$", re.MULTILINE)
_SECONDS = 120
_SYSTEM_HEADER = "3"  # gcc's flag in line markers; clang writes the same


def run(text: str, source: Source) -> str:
    """
    Run ``cc -E`` over text; after it, the text's own macros are expanded one by one.

    Args:
        text: The text of *source*, without comments.
        source: Where it comes from: headers that it includes are looked up beside it.

    Raises:
        DeclarationError: There is no compiler, or it refuses the text.
    """
    command = [*(c_compiler() or ["cc"]), "-E", "-ftabstop=1", "-x", "c", "-"]
    names = dict.fromkeys(_DEFINED.findall(text))
    probes = "".join(f'#ifdef {name}\n"{name}" {name}\n#endif\n' for name in names)
    given = f'#line 1 "{_OWN}"\n{text}\n#line 1 "{_MACROS}"\n{probes}'
    try:
        finished = subprocess.run(
            [os.path.abspath(command[0]), *command[1:]],
            input=given.encode("utf-8", "surrogatepass"),
            capture_output=True,
            check=False,
            cwd=source.header.parent if source.header is not None else None,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DeclarationError(
            f"cannot preprocess {source.name!r} with {command[0]!r}: no answer for {_SECONDS} s",
            file=source.name,
        ) from None
    except OSError as error:
        raise DeclarationError(
            f"cannot preprocess {source.name!r} with {command[0]!r}: {error.strerror}",
            file=source.name,
        ) from None
    if finished.returncode:
        _fail(finished.stderr.decode("utf-8", "replace"), source)
    return finished.stdout.decode("utf-8", "surrogateescape")


def _fail(output: str, source: Source) -> NoReturn:
    found = _ERROR.search(output)
    if found is None:
        last = (output.strip().splitlines() or ["no output"])[-1]
        raise DeclarationError(f"cannot preprocess {source.name!r}: {last}", file=source.name)
    raise error_at(_named(found[1], source), int(found[2]), int(found[3] or 1), found[4])


def _named(file: str, source: Source) -> str:
    """Return a file's name as the user sees it: the compiler ran in the header's directory."""
    if file == _OWN:
        return shown(source.name)
    if source.header is None or file.startswith("<"):
        return file
    return os.path.normpath(os.path.join(source.header.parent, file))


def split(output: str, text: str, source: Source) -> Preprocessed:
    """
    Sort what `run` returned into text, the system's part of it, and macros.

    Args:
        output: What `run` returned.
        text: What it was given.
        source: What it was given.
    """
    kept: list[str] = []
    full: list[str] = []
    macros: dict[str, str] = {}
    system_files = set()
    originals = {shown(source.name): text.split("\n")}
    for line, file, number, system in _lines(output, source):
        if file == _MACROS:
            if expansion := _EXPANSION.fullmatch(line):
                macros[expansion[1]] = expansion[2]
        elif system:
            full.append(line)
            system_files.add(file)
        else:
            aligned = _aligned(line, file, number, originals)
            kept.append(aligned)
            full.append(aligned)
    return Preprocessed("\n".join(kept), "\n".join(full), macros, frozenset(system_files))


def _lines(output: str, source: Source) -> Iterator[tuple[str, str, int, bool]]:
    """Iterate over the lines and fresh line markers: text, file, number, a system header's."""
    file, number, system = "", 0, False
    for line in output.split("\n"):
        number += 1
        if found := MARKER.fullmatch(line):
            number, system = int(found[1]) - 1, _SYSTEM_HEADER in found[3].split()
            file = found[2] if found[2] == _MACROS else _named(found[2], source)
            yield marker(number + 1, file), file, number, system
        else:
            yield line, file, number, system


def _aligned(line: str, file: str, number: int, originals: dict[str, list[str]]) -> str:
    if not line.strip() or line.startswith("#"):
        return line
    if file not in originals:
        originals[file] = _read_lines(file)
    lines = originals[file]
    return align(line, lines[number - 1], number, file) if number <= len(lines) else line


def _read_lines(file: str) -> list[str]:
    try:
        return bare_text(Path(file).read_text("utf-8", "surrogateescape"), file).split("\n")
    except OSError:  # it has no file: <built-in>
        return []


# Put the words of a preprocessed line back where they stand in the user's text.


_WORD = re.compile(r'\w+|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\S')


def align(line: str, original: str, number: int, file: str) -> str:
    """
    Return *line* with each word that comes from *original* at its column there.

    Where a macro's body is too long for that, the rest goes on a line of its own, after a
    marker that says it is still line *number* of *file*.
    """
    from difflib import SequenceMatcher  # only when declarations are parsed

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
