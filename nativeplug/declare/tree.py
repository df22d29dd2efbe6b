"""C text -> pycparser's tree, with errors that name the place in the user's text."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from cffi.commontypes import COMMON_TYPES
from cffi.model import PrimitiveType
from pycparser import CParser, c_ast
from pycparser.c_parser import ParseError

from nativeplug.declare.gnu import BUILTIN_TYPES, blank_extensions
from nativeplug.declare.go_header import TYPES as GO_TYPES
from nativeplug.declare.places import MARKER, error_at, locate, marker
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.errors import DeclarationError

#: The type names that cffi knows by itself.
KNOWN_TYPES = frozenset(
    name for name in (*COMMON_TYPES, *PrimitiveType.ALL_PRIMITIVE_TYPES) if name.isidentifier()
) - {"char", "short", "int", "long", "float", "double", "_Bool"}

#: The files of what is declared before every text: what cffi knows, what we add to it, what
#: was read before.
CFFI_FILE, PRELUDE_FILE, CONTEXT_FILE = "<cffi>", "<prelude>", "<context>"

_CFFI_TYPES = "".join(f"typedef int {name};\n" for name in sorted(KNOWN_TYPES))
_PREFIX = (
    f"{marker(1, CFFI_FILE)}\n{_CFFI_TYPES}"
    f"{marker(1, PRELUDE_FILE)}\n{BUILTIN_TYPES}{GO_TYPES}"
    f"{marker(1, CONTEXT_FILE)}\n"
)
_AT = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<text>.*)", re.DOTALL)
_TOP_LEVEL = re.compile(r"[{};]")
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
_TAG = re.compile(r"\b(?:struct|union|enum)\s+$")
_CPLUSPLUS = re.compile(r'\s*extern\s*"C')
_REWORDED = {"Directives not supported yet": "a directive needs a line of its own"}
_DIRECTIVE = re.compile(r"^#[^\n]*", re.MULTILINE)
# What the parser passes over; other characters that are blank to Python are illegal to it.
_BLANK = " \t\n\f\v"
_SPACE = re.compile(rf"(?:[{_BLANK}]|^#[^\n]*)*", re.MULTILINE)
# A name in the place of a type: before another name or a pointer, or as a whole parameter.
_TYPE_PLACE = re.compile(
    r"(?<![\w.])(?P<first>[A-Za-z_]\w*)(?=\s+\**\s*[A-Za-z_]|\s*\*)"
    r"|[(,]\s*(?P<alone>[A-Za-z_]\w*)(?=\s*[,)])"
)
# Where two declarations may meet without a semicolon: a name or a bracket that closes, and then
# a word or a brace, or nothing more.
_JOINT = re.compile(
    r"(?P<end>\b(?P<word>[A-Za-z_]\w*)|[])}])(?=\s+(?P<next>[A-Za-z_]\w*)|\s*(?:}|\Z))"
)
_LAST = re.compile(r"\w+|[^\w\s]")
_NOT_TYPES = frozenset(
    {"auto", "char", "const", "double", "enum", "extern", "float", "inline", "int", "long"}
    | {"register", "restrict", "short", "signed", "static", "struct", "typedef", "union"}
    | {"unsigned", "void", "volatile", "_Bool", "_Complex", "_Atomic", "_Static_assert"}
    | {"_Thread_local", "__int128", "sizeof", "return"}
)


def parse_tree(prepared: Preprocessed, name: str, context: str) -> c_ast.FileAST:
    """
    Parse preprocessed C text.

    Go's types and those of *context* are declared before it. When it is the system's headers
    that cannot be read, the text is read without them.

    Args:
        prepared: The text.
        name: What its places are called.
        context: C text with the types declared before.

    Raises:
        DeclarationError: It is not C.
    """
    prefix = _PREFIX + context
    try:
        return _parse(prefix, prepared.with_system, name)
    except DeclarationError as error:
        if error.file not in prepared.system:
            raise
        try:
            return _parse(prefix, prepared.text, name)
        except DeclarationError:
            raise error from None


def _parse(prefix: str, text: str, name: str) -> c_ast.FileAST:
    body = blank_extensions(f"\n{marker(1, name)}\n{text}\n")
    try:
        tree = CParser().parse(prefix + body)
    except ParseError as error:
        raise _explain(str(error), prefix, body) from None
    if unknown := next(_unknown_parameters(tree), None):
        coord = unknown.coord
        raise error_at(coord.file, coord.line, coord.column, _unknown(unknown.name))
    return tree


def _unknown_parameters(node: c_ast.Node) -> Iterator[c_ast.Node]:
    """Iterate over parameters that are only a name: C took them so before prototypes."""
    if isinstance(node, c_ast.FuncDecl) and node.args is not None:
        yield from (part for part in node.args.params if isinstance(part, c_ast.ID))
    for _, child in node.children():
        yield from _unknown_parameters(child)


def _unknown(name: str) -> str:
    return f"unknown type name {name!r}"


def _explain(message: str, prefix: str, body: str) -> DeclarationError:
    """Say what is wrong and where; the parser does not always."""
    at = _AT.fullmatch(message)
    text = message.rsplit(": ", 1)[-1] if at is None else at["text"]
    offset = None if at is None else _offset(body, at)
    start, end = _bad_declaration(prefix, body, offset)
    types = _typedefs(prefix + body[:start]) | _NOT_TYPES
    code = _DIRECTIVE.sub(lambda match: " " * len(match[0]), body[start:end])
    missing = _missing_semicolon(prefix, body, start, code, types)
    if missing is not None:
        return error_at(
            *locate(body, missing), f"missing ';' after {_word_before(body, missing)!r}"
        )
    for match in _TYPE_PLACE.finditer(code):
        name, found = match[match.lastindex or 0], match.start(match.lastindex or 0)
        if name not in types and not _TAG.search(code, 0, found):
            return error_at(*locate(body, start + found), _unknown(name))
    if _CPLUSPLUS.match(code):
        text = 'extern "C" is C++: put it between #ifdef __cplusplus and #endif'
        return error_at(*locate(body, start), text)
    place = locate(body, offset if offset is not None and start <= offset < end else start)
    if text.startswith("before: "):
        return error_at(*place, f"cannot read this as C before {text.removeprefix('before: ')!r}")
    text = _REWORDED.get(text, text[:1].lower() + text[1:])
    return error_at(*place, f"cannot read this as C: {text}")


def _missing_semicolon(
    prefix: str, body: str, start: int, code: str, types: frozenset[str]
) -> int | None:
    """
    Return the offset in *body* at which a semicolon makes the bad declaration good, if one does.

    Args:
        prefix: What is declared before *body*.
        body: The text.
        start: Where the bad declaration starts in it.
        code: That declaration, without directives.
        types: The words with which a declaration can begin.
    """
    for match in _JOINT.finditer(code):
        if match["word"] in types or (match["next"] and match["next"] not in types):
            continue
        at = start + match.end("end")
        if _reads(f"{prefix}{body[:at]};{body[at : start + len(code)]}"):
            return at
    return None


def _word_before(body: str, offset: int) -> str:
    """Return the last word, or bracket, before an offset."""
    return str(_LAST.findall(body[:offset])[-1])


def _bad_declaration(prefix: str, body: str, offset: int | None) -> tuple[int, int]:
    """Return the span of the declaration in which the parser stopped, if it says where."""
    spans = list(_declarations(body))
    if offset is not None:
        start, end = next((span for span in spans if span[1] > offset), spans[-1])
        if _reads(prefix + body[:start]):
            return start, end
    # The parser does not say where it stopped, or has the file wrong (pycparser before 3.12
    # names that of the word it looks at next): look for the first that it does not read.
    index = bisect.bisect(spans, 0, key=lambda span: not _reads(prefix + body[: span[1]]))
    return spans[min(index, len(spans) - 1)]


def _reads(text: str) -> bool:
    try:
        CParser().parse(text)
    except ParseError:
        return False
    return True


def _declarations(body: str) -> Iterator[tuple[int, int]]:
    """Iterate over the spans of a text's declarations; the last may have no end."""
    start = depth = 0
    for token in _TOP_LEVEL.finditer(body):
        depth += {"{": 1, "}": -1, ";": 0}[token[0]]
        if token[0] == ";" and depth == 0:
            yield _after_space(body, start), token.end()
            start = token.end()
    if start == 0 or body[start:].strip(_BLANK):
        yield _after_space(body, start), len(body)


def _after_space(body: str, offset: int) -> int:
    found = _SPACE.match(body, offset)
    return found.end() if found is not None else offset


def _offset(body: str, at: re.Match[str]) -> int | None:
    """Return the offset of a place into a text with line markers, some of one line."""
    file, number, offset, column = "", 0, 0, int(at["column"])
    for line in body.split("\n"):
        if mark := MARKER.fullmatch(line):
            file, number = mark[2], int(mark[1]) - 1
        elif (file, number) == (at["file"], int(at["line"])) and line[column - 1 : column].strip(
            _BLANK
        ):
            return offset + column - 1
        number += 1
        offset += len(line) + 1
    return None


def _typedefs(text: str) -> frozenset[str]:
    return frozenset(
        node.name for node in CParser().parse(text).ext if isinstance(node, c_ast.Typedef)
    )
