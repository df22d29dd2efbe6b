"""C text -> pycparser's tree, with errors that name the place in the user's text."""

from __future__ import annotations

import re

from cffi.commontypes import COMMON_TYPES
from cffi.model import PrimitiveType
from pycparser import CParser, c_ast
from pycparser.c_parser import ParseError

from nativeplug.declare.extensions import BUILTIN_TYPES, blank_extensions
from nativeplug.declare.goheader import TYPES as GO_TYPES
from nativeplug.declare.places import error_at
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.errors import DeclarationError

#: The type names that cffi knows by itself.
KNOWN_TYPES = frozenset(
    name for name in (*COMMON_TYPES, *PrimitiveType.ALL_PRIMITIVE_TYPES) if name.isidentifier()
) - {"char", "short", "int", "long", "float", "double", "_Bool"}

_PRELUDE = "".join(f"typedef int {name};\n" for name in sorted({*KNOWN_TYPES, *BUILTIN_TYPES}))
_AT = re.compile(r"^(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<text>.*)$", re.DOTALL)
_MARKER = re.compile(r'^# (\d+) "((?:\\.|[^"\\])*)"[ \d]*$', re.MULTILINE)
_TOP_LEVEL = re.compile(r"[{};]")
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
# A name in the place of a type: before another name, a pointer, or alone as a parameter.
_TYPE_PLACE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?=\s+\**\s*[A-Za-z_]|\s*\*)")
_KEYWORDS = frozenset(
    "auto char const double enum extern float inline int long register restrict short signed "
    "static struct typedef union unsigned void volatile _Bool _Complex _Atomic _Noreturn "
    "_Static_assert _Alignas _Thread_local return".split()
)


def parse_tree(prepared: Preprocessed, name: str, context: str) -> c_ast.FileAST:
    """
    Parse preprocessed C text.

    Go's types and those of *context* are declared before it. The system's headers are read
    only when the text does not parse without their types.

    Args:
        prepared: The text.
        name: What its places are called.
        context: C text with the types declared before.

    Raises:
        DeclarationError: It is not C.
    """
    before = f'# 1 "<cffi>"\n{_PRELUDE}# 1 "<go>"{GO_TYPES}# 1 "<context>"\n{context}'
    start = f'# 1 "{name}"\n'
    failures = []
    for text in dict.fromkeys((prepared.text, prepared.with_system)):
        prefix, body = before, blank_extensions(start + text)
        try:
            return _checked(CParser().parse(prefix + body, name))
        except (ParseError, DeclarationError) as error:
            failures.append(_explain(error, prefix, body, name))
    own = [failure for failure in failures if failure.file == name]
    raise own[-1] if own else failures[0]


def _checked(tree: c_ast.FileAST) -> c_ast.FileAST:
    """Refuse a parameter that is only an unknown name: C took it so before prototypes."""
    for node in tree.ext:
        arguments = getattr(getattr(node, "type", None), "args", None)
        for parameter in arguments.params if arguments is not None else ():
            if isinstance(parameter, c_ast.ID):
                coord = parameter.coord
                raise error_at(
                    coord.file, coord.line, coord.column, f"unknown type name {parameter.name!r}"
                )
    return tree


def _explain(
    error: ParseError | DeclarationError, prefix: str, body: str, name: str
) -> DeclarationError:
    """Say what is wrong and where; the parser does not always."""
    if isinstance(error, DeclarationError):
        return error
    start, end, types = _first_bad_declaration(prefix, body)
    unknown = _unknown_type(body, start, end, types)
    if unknown is not None:
        return error_at(*_place(body, unknown.start(1), name), f"unknown type name {unknown[1]!r}")
    if match := _AT.match(str(error)):
        text = re.sub(r"^before: (.*)$", r"cannot read this as C before \1", match["text"])
        text = text[:1].lower() + text[1:]
        return error_at(match["file"], int(match["line"]), int(match["column"]), text)
    text = str(error).rsplit(": ", 1)[-1]
    return error_at(*_place(body, start, name), f"cannot read this as C: {text.lower()}")


def _first_bad_declaration(prefix: str, body: str) -> tuple[int, int, set[str]]:
    """Return the span of the first declaration that does not parse, and the types before it."""
    ends = _declaration_ends(body)
    low, high = 0, len(ends)  # ends[:low] parse, ends[:high] do not
    types = _typedefs(prefix)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            types = _typedefs(prefix + body[: ends[middle - 1]])
            low = middle
        except ParseError:
            high = middle
    start = ends[low - 1] if low else 0
    gap = re.compile(r"(?:\s|^#.*$)*", re.MULTILINE).match(body, start)
    return (gap.end() if gap else start), (ends[low] if low < len(ends) else len(body)), types


def _declaration_ends(body: str) -> list[int]:
    ends = []
    depth = 0
    for token in _TOP_LEVEL.finditer(body):
        depth += {"{": 1, "}": -1, ";": 0}[token[0]]
        if token[0] == ";" and depth == 0:
            ends.append(token.end())
    if body[ends[-1] if ends else 0 :].strip():
        ends.append(len(body))
    return ends


def _typedefs(text: str) -> set[str]:
    return {node.name for node in CParser().parse(text).ext if isinstance(node, c_ast.Typedef)}


def _unknown_type(body: str, start: int, end: int, types: set[str]) -> re.Match[str] | None:
    for match in _TYPE_PLACE.finditer(body, start, end):
        before = _WORD.findall(body[start : match.start(1)])
        tagged = bool(before) and before[-1] in {"struct", "union", "enum"}
        if match[1] not in types and match[1] not in _KEYWORDS and not tagged:
            return match
    return None


def _place(body: str, offset: int, name: str) -> tuple[str, int, int]:
    """Return file, line and column of an offset into text with line markers."""
    file, line, since = name, 1, 0
    for marker in _MARKER.finditer(body, 0, offset):
        file, line, since = marker[2], int(marker[1]), marker.end() + 1
    passed = body[since:offset]
    return file, line + passed.count("\n"), offset - (body.rfind("\n", 0, offset) + 1) + 1
