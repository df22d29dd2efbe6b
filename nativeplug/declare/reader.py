"""
Sort the nodes of a tree: a text's own declarations, and the types that these need.

What is declared before the text, or in the headers that it includes, counts only as far as
the text's own declarations use it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from pycparser import c_ast

from nativeplug.declare import cffi_types, nodes
from nativeplug.declare.constants import Constants
from nativeplug.declare.declarations import same_type
from nativeplug.declare.gnu import NOTE, THREAD_LOCAL
from nativeplug.declare.limits import check_containment, check_typedefs, check_values
from nativeplug.declare.nodes import (
    Typedefs,
    adjusted,
    array_length,
    fold_lengths,
    innermost,
    is_const,
    place_of,
    points_to_const,
    write,
)
from nativeplug.declare.places import contradiction
from nativeplug.declare.tree import CFFI_FILE, CONTEXT_FILE, KNOWN_TYPES
from nativeplug.declare.unit import (
    CTYPE,
    FUNCTION,
    PLACE,
    PROBLEM,
    TEXT,
    VARIABLE,
    Lines,
    Row,
    TypeDeclaration,
    to_line,
)
from nativeplug.errors import DeclarationError

# What `extensions` notes.
_PACKED, _ASM = "packed", "asm "
# Of a function or variable: nothing that its callers need to know.
_HARMLESS = {_PACKED, "aligned", "_Alignas"}


def opaque_type(declaration: TypeDeclaration) -> TypeDeclaration:
    """Return a type's declaration without what it says of its members, if it has such."""
    name = declaration.names[0]
    if name.startswith("enum "):
        return declaration
    if name.startswith("typedef "):
        name = f"typedef struct __{name.removeprefix('typedef ')} {name.removeprefix('typedef ')}"
    return TypeDeclaration(declaration.names[:1], name, declaration.place)


class Reader:
    """Sorts the nodes of a tree and turns the text's own into declarations."""

    def __init__(self, tree: c_ast.FileAST, origin: str, constants: Constants) -> None:
        self.origin = origin
        self.constants = constants
        self.own: list[c_ast.Node] = []
        self.names: dict[c_ast.Node, list[str]] = {}  # of every node that declares types
        self.notes: dict[c_ast.Node, list[str]] = {}  # see `extensions`
        self.enumerators: dict[str, int | None] = {}  # the value of those without a named type
        self.values: dict[str, int] = {}  # of all enumerators
        for node in self._parts(tree):
            nodes.tidy(node)
            if node.coord.file != CONTEXT_FILE:  # whose enumerators are among the constants
                self._fold_enums(node)
            if self._is_own(node):
                self.own.append(node)
            if (names := nodes.defined_names(node)) and not self._is_known(node):
                self.names[node] = names
        self.typedefs = {node.name: node for node in self.names if isinstance(node, c_ast.Typedef)}

    def _is_own(self, node: c_ast.Node) -> bool:
        return bool(node.coord.file == self.origin)

    def _is_known(self, node: c_ast.Node) -> bool:
        """Tell whether cffi knows by itself the type that a node declares."""
        if not isinstance(node, c_ast.Typedef) or node.name not in KNOWN_TYPES:
            return False
        text = nodes.write(c_ast.Typename(None, [], None, node.type)).removesuffix(node.name)
        return not self._is_own(node) or cffi_types.is_known_as(node.name, text)

    def _parts(self, tree: c_ast.FileAST) -> Iterator[c_ast.Node]:
        """Iterate over the declarations, noting what the pragmas before them say."""
        notes: list[str] = []
        packs: list[str | None] = [None]
        hoister = nodes.Hoister()
        for node in tree.ext:
            if isinstance(node, c_ast.Pragma):
                _take_pragma(node, notes, packs)
            elif isinstance(node, (c_ast.Typedef, c_ast.Decl)) and node.coord.file != CFFI_FILE:
                for part in hoister.parts(node):
                    self.notes[part] = notes + ([packs[-1]] if packs[-1] is not None else [])
                    yield part
                notes = []

    def _fold_enums(self, node: c_ast.Node) -> None:
        for definition in nodes.definitions(node):
            if not isinstance(definition, c_ast.Enum):
                continue
            try:
                found = nodes.fold_enumerators(definition, self.constants)
            except DeclarationError:
                if self._is_own(node):  # what a system header says matters only where it is used
                    raise
                continue
            self._note_enumerators(node, found)

    def _note_enumerators(self, node: c_ast.Node, found: dict[str, int]) -> None:
        """Note which enumerators are constants of the text, and which belong to a type."""
        is_nameless = self._is_own(node) and not nodes.defined_names(node)
        for name, value in found.items():
            if self.values.setdefault(name, value) != value:
                raise nodes.error_at(
                    node, f"the enumerator {name!r} is {value}, but was {self.values[name]} before"
                )
            if not is_nameless:
                self.enumerators[name] = None
            else:
                self.enumerators.setdefault(name, value)

    def own_constants(self) -> dict[str, int]:
        """Return the text's macros, and its enumerators that belong to no type with a name."""
        macros = self.constants.macros()
        own = {name: value for name, value in self.enumerators.items() if value is not None}
        return own | {name: macros[name] for name in macros if name not in self.enumerators}

    def types(self) -> list[TypeDeclaration]:
        """Return the text's own types and the others that its declarations use."""
        by_name = {name: node for node, names in self.names.items() for name in names}
        needed: dict[c_ast.Node, None] = {}
        opaque: dict[str, c_ast.Node] = {}
        waiting = list(reversed(self.own))
        while waiting:
            node = waiting.pop()
            if node in needed or node.coord.file == CONTEXT_FILE:
                continue
            needed[node] = None
            for name in nodes.references(node):
                if name in by_name:
                    waiting.append(by_name[name])
                elif not name.startswith("typedef "):
                    opaque.setdefault(name, node)
        check_containment(needed)
        used = {node: None for node in self.names if node in needed}
        check_typedefs({**used, **needed})
        forward = [self._forward(name, node) for name, node in opaque.items()]
        defined = [self._type(node) for node in used]
        check_values({**dict.fromkeys(self.names), **needed}, self.typedefs)
        return _distinct([*forward, *defined])

    def _forward(self, name: str, node: c_ast.Node) -> TypeDeclaration:
        if name.startswith("enum "):  # of an unknown size
            raise nodes.error_at(node, f"unknown {name!r}")
        return TypeDeclaration((name,), name, nodes.place_of(node))

    def _type(self, node: c_ast.Node) -> TypeDeclaration:
        notes = [note for note in self.notes[node] if not note.startswith((_ASM, THREAD_LOCAL))]
        is_packed = _PACKED in notes and bool(nodes.definitions(node))
        if (is_packed and nodes.is_packable(node)) or not is_packed:
            notes = [note for note in notes if note != _PACKED]
        declaration = TypeDeclaration(tuple(self.names[node]), "", nodes.place_of(node))
        if notes and self._is_own(node):
            raise nodes.error_at(
                node,
                f"{declaration.names[0]!r} has the attribute {notes[0]!r}, which changes its "
                "layout in a way that takes a compiler to tell; declare it without members and "
                "pass it by pointer",
            )
        if notes:
            return opaque_type(declaration)
        try:
            nodes.fold_lengths(node, self.constants)
        except DeclarationError:
            if self._is_own(node):
                raise
            return opaque_type(declaration)
        return replace(declaration, text=nodes.write(node), packed=is_packed)

    def symbols(self, ffi: object) -> Lines:
        """
        Return the text's own functions and variables by name, as a unit keeps them.

        Args:
            ffi: The cffi ``FFI`` that knows their types.
        """
        rows: dict[str, Row] = {}
        for node in self.own:
            if isinstance(node, c_ast.Typedef) or node.name is None or "static" in node.storage:
                continue
            thread_local = "_Thread_local" in node.storage
            row = row_of(node, self.typedefs, self.constants)
            problem = self._problem(node, thread_local=thread_local)
            row[PROBLEM] = problem or cffi_types.problem_with(ffi, row[CTYPE])
            old = rows.setdefault(node.name, row)
            if not same_type(ffi, old, row):
                raise contradiction(row[PLACE], row[TEXT], old[PLACE], old[TEXT])
        return Lines.of(map(to_line, rows.values()))

    def _problem(self, node: c_ast.Node, *, thread_local: bool) -> str | None:
        """Tell why a function or variable cannot be served, whatever its type."""
        notes = [note for note in self.notes[node] if note not in _HARMLESS]
        labels = [note.removeprefix(_ASM) for note in notes if note.startswith(_ASM)]
        if thread_local or THREAD_LOCAL in notes:
            return "it is thread-local: it has another address in each thread"
        if labels and labels != [node.name]:
            return f"its asm label names the symbol {labels[0]!r}: declare it by that name"
        attributes = [note for note in notes if not note.startswith((_ASM, "pack("))]
        if attributes:
            return f"its attribute {attributes[0]!r} changes how it is used"
        return None


def _take_pragma(node: c_ast.Node, notes: list[str], packs: list[str | None]) -> None:
    """Note what a pragma says of the next declaration, or of all that follow."""
    text = node.string if isinstance(node.string, str) else node.string.value.strip('"')
    if text.startswith(NOTE):
        notes.append(text.removeprefix(NOTE))
    elif text.startswith("pack"):
        _pack(packs, text.removeprefix("pack").strip(" ()"))


def _pack(packs: list[str | None], text: str) -> None:
    """Follow a ``#pragma pack``; the last of *packs* is what holds now."""
    words = [word.strip() for word in text.split(",")]
    if words[0] == "pop":
        packs[:] = packs[:-1] or [None]
    elif words[0] == "push":
        packs.append(packs[-1])
    for word in words:
        if word.isdigit():
            packs[-1] = _PACKED if word == "1" else f"pack({word})"
        elif not word:
            packs[-1] = None


def _distinct(found: list[TypeDeclaration]) -> list[TypeDeclaration]:
    """Drop repetitions, and refuse contradictions."""
    kept: dict[str, TypeDeclaration] = {}
    for declaration in found:
        earlier = kept.setdefault(declaration.names[0], declaration)
        if not earlier.says_the_same(declaration):
            raise contradiction(declaration.place, declaration.text, earlier.place, earlier.text)
    return list(kept.values())


# Declared functions and variables -> rows of plain data.
#
# The nodes are changed: once a declaration's text is written, names are taken out of its type,
# because cffi reads types without names.


def row_of(decl: c_ast.Node, typedefs: Typedefs, constants: Constants) -> Row:
    """
    Return a declared function or variable as a row.

    Args:
        decl: The declaration.
        typedefs: The typedefs by name, to see through them to a ``const``.
        constants: The names that array lengths may use.

    Raises:
        DeclarationError: An array's length cannot be told without a compiler.
    """
    decl.storage, decl.funcspec, decl.align, decl.init = [], [], [], None
    if isinstance(decl.type, c_ast.FuncDecl):
        return _function_row(decl, typedefs, constants)
    fold_lengths(decl.type, constants)
    text = write(decl)
    readonly = is_const(decl.type, typedefs)
    return [VARIABLE, decl.name, text, _unnamed(decl.type), readonly, place_of(decl), None]


def _function_row(decl: c_ast.Node, typedefs: Typedefs, constants: Constants) -> Row:
    function = decl.type
    text = write(decl)
    given = function.args.params if function.args is not None else []
    variadic = bool(given) and isinstance(given[-1], c_ast.EllipsisParam)
    taken = [] if _is_void(given) else given[: len(given) - variadic]
    parameters = [_parameter(parameter, typedefs, constants) for parameter in taken]
    fold_lengths(function.type, constants)
    pointer = _unnamed(c_ast.PtrDecl([], function))
    result = _unnamed(function.type)
    place = place_of(decl)
    lengths = [(name, length) for name, *_, length in parameters]
    counted = any(length is not None for _, length in lengths)
    prototype = f"{pointer} {lengths}" if counted else pointer
    return [
        FUNCTION,
        decl.name,
        text,
        pointer,
        result,
        parameters,
        variadic,
        prototype,
        place,
        None,
    ]


def _unnamed(node: c_ast.Node) -> str:
    """Return a type's C text without the declared name."""
    innermost(node).declname = None
    return write(c_ast.Typename(None, [], None, node))


def _is_void(parameters: list[c_ast.Node]) -> bool:
    if len(parameters) != 1 or not isinstance(parameters[0], c_ast.Typename):
        return False
    only = parameters[0].type
    return isinstance(only, c_ast.TypeDecl) and getattr(only.type, "names", None) == ["void"]


def _parameter(node: c_ast.Node, typedefs: Typedefs, constants: Constants) -> Row:
    text, name = write(node), node.name
    length = array_length(node.type, typedefs, constants)
    node.type = adjusted(node.type, typedefs)
    with contextlib.suppress(DeclarationError):  # another parameter may be an array's length
        fold_lengths(node.type, constants)
    node.name = None
    readonly = points_to_const(node.type, typedefs)
    return [name, _unnamed(node.type), text, readonly, length]
