"""An interface -> its C header, which is also what declares its members."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nativeplug.declare.preprocess import bare_text
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.interface.members import Member

# Which of the standard's headers has a type.
_HEADERS = {
    "<stdbool.h>": re.compile(r"\b(bool|_Bool)\b"),
    "<stddef.h>": re.compile(r"\b(size_t|ptrdiff_t|wchar_t)\b"),
    "<stdint.h>": re.compile(r"\bu?int(_least|_fast)?\d+_t\b|\bu?int(ptr|max)_t\b"),
    "<sys/types.h>": re.compile(r"\bssize_t\b"),
}
_ENUMERATORS = re.compile(r"\benum\b[^{};()]*\{([^}]*)\}")
_NOT_IN_NAMES = re.compile(r"\W+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an interface has."""

    #: Its name in Python, with its module's.
    title: str
    #: The class's docstring.
    doc: str
    version: InterfaceVersion | None
    #: C text of the types that members use.
    types: tuple[str, ...]
    members: Mapping[str, Member]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the text, and the member that it is about."""

    text: str
    member: str | None = None


def write(contents: Contents) -> str:
    """Return the C header of an interface."""
    return "".join(f"{part.text}\n" for part in _parts(contents))


def member_at(contents: Contents, line: int) -> str | None:
    """Return the member that a line of the header is about; None for none."""
    for part in _parts(contents):
        line -= part.text.count("\n") + 1
        if line <= 0:
            return part.member
    return None


def _parts(contents: Contents) -> Iterator[_Part]:
    members = contents.members.values()
    constants, variables, functions = (
        [_Part(_declaration(each), each.name) for each in members if each.kind == kind]
        for kind in ("constant", "variable", "function")
    )
    declared = variables + functions
    guard = _guard(contents)
    yield _Part(_comment(_about(contents)))
    yield _Part(f"#ifndef {guard}\n#define {guard}\n")
    yield from _includes("\n".join([*contents.types, *(part.text for part in declared)]))
    yield _Part('#ifdef __cplusplus\nextern "C" {\n#endif\n')
    known = _enumerators(contents.types)
    yield from _spaced(part for part in constants if part.member not in known)
    yield from _spaced(map(_Part, contents.types))
    yield from _spaced(declared)
    yield _Part(f"#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {guard} */")


def _spaced(parts: Iterable[_Part]) -> Iterator[_Part]:
    found = [*parts]
    yield from found
    if found:
        yield _Part("")


def _about(contents: Contents) -> str:
    version = contents.version
    hint = ""
    if version is not None:
        macro = f'NATIVEPLUG_INTERFACE("{version.name}", {version.major}, {version.minor})'
        hint = f"\n\nTo be told by the plugin: {macro}, of nativeplug.h."
    title = contents.title if version is None else f"{version} ({contents.title})"
    doc = inspect.cleandoc(contents.doc)
    return f"Interface {title}{hint}" + (f"\n\n{doc}" if doc else "")


def _guard(contents: Contents) -> str:
    version = contents.version
    name = contents.title.rpartition(".")[2] if version is None else version.name
    word = _NOT_IN_NAMES.sub("_", name).strip("_").upper()
    return f"{word}_H"


def _declaration(member: Member) -> str:
    notes = ["A plugin may lack it."] if member.is_optional else []
    doc = "\n\n".join([*([member.doc] if member.doc else []), *notes])
    comment = f"{_comment(doc)}\n" if doc else ""
    if member.kind == "constant":
        return f"{comment}#define {member.name} {member.text}"
    storage = "extern " if member.kind == "variable" else ""
    return f"{comment}{storage}{member.text};"


def _comment(text: str) -> str:
    """Return a text as a comment in C; what would end it, or begin another, is set apart."""
    text = text.replace("*/", "* /").replace("/*", "/ *")
    lines = [f" * {line}".rstrip() for line in text.splitlines()]
    return f"/*{lines[0][2:]} */" if len(lines) == 1 else "\n".join(["/*", *lines, " */"])


def _includes(text: str) -> Iterator[_Part]:
    wanted = [f"#include {name}" for name in _HEADERS if _HEADERS[name].search(text)]
    yield from _spaced(map(_Part, wanted))


def _enumerators(types: tuple[str, ...]) -> set[str]:
    """Return the names that enumerations among the types give to numbers."""
    bare = bare_text("\n".join(types), "types")
    bodies = [found[1] for found in _ENUMERATORS.finditer(bare)]
    return {item.partition("=")[0].strip() for body in bodies for item in body.split(",")}
