"""
C text -> a unit of declarations.

pycparser reads the text. What it says of functions and variables becomes rows of plain
data; its types, with every constant worked out, go to cffi's parser, which compiles them
for its type system. Only a text that was never parsed before comes here (see `compiled`):
pycparser costs ten times what importing cffi does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pycparser import c_ast

from nativeplug.declare import cffitypes, syntax
from nativeplug.declare.constants import Constants
from nativeplug.declare.declarations import Declarations, same_type
from nativeplug.declare.extensions import NOTE, THREAD_LOCAL
from nativeplug.declare.places import contradiction, error_in, shown
from nativeplug.declare.plain import Preprocessed
from nativeplug.declare.rows import row_of
from nativeplug.declare.tree import CFFI_FILE, CONTEXT_FILE, KNOWN_TYPES, parse_tree
from nativeplug.declare.unit import (
    CTYPE,
    KIND,
    PLACE,
    PROBLEM,
    TEXT,
    VARIABLE,
    Row,
    TypeDeclaration,
    Unit,
)
from nativeplug.errors import DeclarationError

# What `extensions` notes.
_PACKED, _ASM = "packed", "asm "
# Of a function or variable: nothing that its callers need to know.
_HARMLESS = {_PACKED, "aligned", "_Alignas"}


def parse(prepared: Preprocessed, origin: str, base: Declarations) -> Unit:
    """
    Read C text.

    Args:
        prepared: The text.
        origin: What its places are called.
        base: What was declared before it.

    Raises:
        DeclarationError: The text is not C, contradicts itself or the types and constants of
            *base*, or defines a type that cannot be served; with file, line and column.
    """
    known = dict.fromkeys(base.types.values())
    context = "".join(f"{declaration.text};\n" for declaration in known)
    tree = parse_tree(prepared, shown(origin), context)
    reader = _Reader(tree, shown(origin), Constants(base.constants, prepared.macros))
    constants = reader.own_constants()
    _check_constants(constants, base, origin)
    types = _without_known(reader.types(), base)
    literals, ffi = _compile(list(known), types, constants, base, reader.origin)
    return Unit(origin, reader.symbols(ffi), types, literals)


def _check_constants(constants: dict[str, int], base: Declarations, origin: str) -> None:
    for name in constants.keys() & base.constants.keys():
        old, new = base.constants[name], constants[name]
        if old != new:
            raise DeclarationError(
                f"{origin}: the constant {name!r} is {new}, but was declared as {old}", file=origin
            )
        del constants[name]


def _without_known(found: list[TypeDeclaration], base: Declarations) -> list[TypeDeclaration]:
    """Drop the types that were declared before, and refuse what contradicts those."""
    new = []
    for declaration in found:
        earlier = next((base.types[name] for name in declaration.names if name in base.types), None)
        if earlier is None:
            new.append(declaration)
        elif declaration.text not in {earlier.text, *earlier.names}:
            raise _contradiction(declaration, earlier)
    return new


def _contradiction(new: TypeDeclaration, old: TypeDeclaration) -> DeclarationError:
    if old.text in old.names:  # cffi's types cannot get members later
        return error_in(
            new.place,
            f"{old.text!r} was declared without members at {old.place}, and values of that type "
            "may exist; give the declarations that define it first",
        )
    return contradiction(new.place, new.text, old.place, old.text)


def _compile(
    known: list[TypeDeclaration],
    types: list[TypeDeclaration],
    constants: dict[str, int],
    base: Declarations,
    origin: str,
) -> tuple[cffitypes.Literals, object]:
    """
    Compile types; those of other texts that cffi cannot serve lose their members.

    What a system's header says matters only where it is used: a value of such a type cannot
    be passed, a pointer to it can.
    """
    while True:
        try:
            literals = cffitypes.compile_types(known, types, constants)
            ffi = cffitypes.load_types(literals, base.ffi if base.origins else None)
            cffitypes.check_types(ffi, types)
        except cffitypes.RefusedTypeError as refusal:
            index = types.index(refusal.declaration)
            opaque = opaque_type(refusal.declaration)
            if refusal.declaration.place.startswith(f"{origin}:") or opaque == types[index]:
                raise error_in(refusal.declaration.place, str(refusal)) from None
            types[index] = opaque
        else:
            return literals, ffi


def opaque_type(declaration: TypeDeclaration) -> TypeDeclaration:
    """Return a type's declaration without what it says of its members."""
    name = declaration.names[0]
    if name.startswith("typedef "):
        name = f"typedef struct __{name.removeprefix('typedef ')} {name.removeprefix('typedef ')}"
    return TypeDeclaration(declaration.names[:1], name, declaration.place)


class _Reader:
    """Sorts the nodes of a tree and turns the text's own into declarations."""

    def __init__(self, tree: c_ast.FileAST, origin: str, constants: Constants) -> None:
        self.origin = origin
        self.constants = constants
        self.own: list[c_ast.Node] = []
        self.names: dict[c_ast.Node, list[str]] = {}  # of every node that declares types
        self.notes: dict[c_ast.Node, list[str]] = {}  # see `extensions`
        self.enumerators: dict[str, int | None] = {}  # the value of those without a named type
        for node in self._parts(tree):
            syntax.tidy(node)
            self._fold_enums(node)
            if self._is_own(node):
                self.own.append(node)
            if (names := syntax.defined_names(node)) and not self._is_known(node):
                self.names[node] = names
        self.typedefs = {node.name: node for node in self.names if isinstance(node, c_ast.Typedef)}

    def _is_own(self, node: c_ast.Node) -> bool:
        return bool(node.coord.file == self.origin)

    def _is_known(self, node: c_ast.Node) -> bool:
        """Tell whether cffi knows by itself the type that a node declares."""
        if not isinstance(node, c_ast.Typedef) or node.name not in KNOWN_TYPES:
            return False
        text = syntax.write(c_ast.Typename(None, [], None, node.type)).removesuffix(node.name)
        return not self._is_own(node) or cffitypes.is_known_as(node.name, text)

    def _parts(self, tree: c_ast.FileAST) -> Iterator[c_ast.Node]:
        """Iterate over the declarations, noting what the pragmas before them say."""
        notes: list[str] = []
        packs: list[str | None] = [None]
        hoister = syntax.Hoister()
        for node in tree.ext:
            if isinstance(node, c_ast.Pragma) and isinstance(node.string, str):
                if node.string.startswith(NOTE):
                    notes.append(node.string.removeprefix(NOTE))
                elif node.string.startswith("pack"):
                    _pack(packs, node.string.removeprefix("pack").strip(" ()"))
            elif isinstance(node, (c_ast.Typedef, c_ast.Decl)) and node.coord.file != CFFI_FILE:
                for part in hoister.parts(node):
                    self.notes[part] = notes + ([packs[-1]] if packs[-1] is not None else [])
                    yield part
                notes = []

    def _fold_enums(self, node: c_ast.Node) -> None:
        for definition in syntax.definitions(node):
            if not isinstance(definition, c_ast.Enum):
                continue
            try:
                found = syntax.fold_enumerators(definition, self.constants)
            except DeclarationError:
                if self._is_own(node):  # what a system header says matters only where it is used
                    raise
                continue
            self.enumerators |= dict.fromkeys(found)
            if self._is_own(node) and not syntax.defined_names(node):
                self.enumerators |= found

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
            for name in syntax.references(node):
                if name in by_name:
                    waiting.append(by_name[name])
                elif not name.startswith("typedef "):
                    opaque.setdefault(name, node)
        forward = [self._forward(name, node) for name, node in opaque.items()]
        defined = [self._type(node) for node in self.names if node in needed]
        return _distinct([*forward, *defined])

    def _forward(self, name: str, node: c_ast.Node) -> TypeDeclaration:
        if name.startswith("enum "):  # of an unknown size
            raise syntax.error_at(node, f"unknown {name!r}")
        return TypeDeclaration((name,), name, syntax.place_of(node))

    def _type(self, node: c_ast.Node) -> TypeDeclaration:
        notes = [note for note in self.notes[node] if not note.startswith((_ASM, THREAD_LOCAL))]
        is_packed = _PACKED in notes and bool(syntax.definitions(node))
        if (is_packed and syntax.is_packable(node)) or not is_packed:
            notes = [note for note in notes if note != _PACKED]
        declaration = TypeDeclaration(tuple(self.names[node]), "", syntax.place_of(node))
        if notes and self._is_own(node):
            raise syntax.error_at(
                node,
                f"{declaration.names[0]!r} has the attribute {notes[0]!r}, which changes its "
                "layout in a way that takes a compiler to tell; declare it without members and "
                "pass it by pointer",
            )
        if notes:
            return opaque_type(declaration)
        syntax.fold_lengths(node, self.constants)
        return replace(declaration, text=syntax.write(node), packed=is_packed)

    def symbols(self, ffi: object) -> dict[str, Row]:
        """
        Return the text's own functions and variables as rows by name.

        Args:
            ffi: The cffi ``FFI`` that knows their types.
        """
        rows: dict[str, Row] = {}
        for node in self.own:
            if isinstance(node, c_ast.Typedef) or node.name is None or "static" in node.storage:
                continue
            thread_local = "_Thread_local" in node.storage
            row = row_of(node, self.typedefs, self.constants)
            is_variable = row[KIND] == VARIABLE
            row[PROBLEM] = (
                self._problem(node, thread_local=thread_local)
                or cffitypes.problem_with(ffi, row[CTYPE], is_variable=is_variable)
            )  # fmt: skip
            old = rows.setdefault(node.name, row)
            if not same_type(ffi, old, row):
                raise contradiction(row[PLACE], row[TEXT], old[PLACE], old[TEXT])
        return rows

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
        if earlier.text != declaration.text:
            raise contradiction(declaration.place, declaration.text, earlier.place, earlier.text)
    return list(kept.values())
