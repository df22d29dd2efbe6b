"""
C text -> a unit of declarations.

pycparser reads the text. What it says of functions and variables becomes rows of plain
data; its types, with every constant worked out, go to cffi's parser, which compiles them
for its type system. Only a text that was never parsed before comes here (see `compiled`):
pycparser costs ten times what importing cffi does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pycparser import c_ast

from nativeplug.declare import syntax
from nativeplug.declare.cffitypes import compile_types
from nativeplug.declare.constants import evaluate_macros
from nativeplug.declare.declarations import CTYPE, KIND, PLACE, TEXT
from nativeplug.declare.places import contradiction
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.declare.tree import KNOWN_TYPES, parse_tree
from nativeplug.declare.unit import Row, TypeDeclaration, Unit
from nativeplug.errors import DeclarationError

_LAYOUT_PRAGMA = "nativeplug "
Types = Mapping[str, TypeDeclaration]


def parse(
    prepared: Preprocessed, origin: str, known: Types, known_constants: Mapping[str, int]
) -> Unit:
    """
    Read C text.

    Args:
        prepared: The text.
        origin: What its places are called.
        known: The types declared before it, by each of their names, in their order.
        known_constants: The constants declared before it.

    Raises:
        DeclarationError: The text is not C, contradicts itself or *known*, or says what
            cannot be served without a compiler; with file, line and column.
    """
    earlier = dict.fromkeys(known.values())
    context = "".join(f"{declaration.text};\n" for declaration in earlier)
    tree = parse_tree(prepared, origin, context)
    reader = _Reader(tree, origin, dict(known_constants))
    reader.work_out_constants(prepared.macros)
    macros = evaluate_macros(prepared.macros, reader.constants)
    types = _without_known(reader.types(), known)
    reader.declare()
    return Unit(
        origin=origin,
        symbols=reader.symbols,
        types=types,
        ffi=compile_types(list(earlier), known_constants, types, macros),
    )


def _without_known(found: list[TypeDeclaration], known: Types) -> list[TypeDeclaration]:
    """Drop the types that were declared before, and refuse what contradicts those."""
    new = []
    for declaration in found:
        earlier = next((known[name] for name in declaration.names if name in known), None)
        if earlier is None:
            new.append(declaration)
        elif declaration.text not in {earlier.text, *earlier.names}:
            raise contradiction(
                declaration.place, declaration.text, earlier.place, earlier.text
            )
    return new


class _Reader:
    """Sorts the nodes of a tree and turns the text's own into declarations."""

    def __init__(self, tree: c_ast.FileAST, origin: str, constants: dict[str, int]) -> None:
        self.origin = origin
        self.constants = constants
        self.symbols: dict[str, Row] = {}
        self.own: list[c_ast.Node] = []
        self.names: dict[c_ast.Node, list[str]] = {}  # of every node that declares types
        self.layouts: dict[c_ast.Node, str] = {}  # what changes a node's layout
        for node in self._without_pragmas(tree):
            if node.coord.file == origin:
                self.own.append(node)
            if names := syntax.defined_names(node):
                self.names[node] = names
        self.typedefs = {
            node.name: node for node in self.names if isinstance(node, c_ast.Typedef)
        }

    def _without_pragmas(self, tree: c_ast.FileAST) -> Iterator[c_ast.Node]:
        """Iterate over the declarations, noting the layouts that pragmas ask for."""
        packed = layout = ""
        for node in tree.ext:
            if isinstance(node, c_ast.Pragma):
                if node.string.startswith(_LAYOUT_PRAGMA):
                    layout = node.string.removeprefix(_LAYOUT_PRAGMA)
                elif node.string.startswith("pack"):
                    packed = "packed" if any(map(str.isdigit, node.string)) else ""
            elif isinstance(node, (c_ast.Typedef, c_ast.Decl)):
                for part in syntax.hoist(node):
                    if layout or packed:
                        self.layouts[part] = layout or packed
                    yield part
                layout = ""

    def work_out_constants(self, macros: Mapping[str, str]) -> None:
        """Work out macros and enumerators, which may use one another."""
        self.constants.update(evaluate_macros(macros, self.constants))
        for node in self.names:
            for definition in syntax.definitions(node):
                if isinstance(definition, c_ast.Enum):
                    self._fold_enum(definition, own=node in self.own)

    def _fold_enum(self, enum: c_ast.Node, *, own: bool) -> None:
        try:
            syntax.fold_enumerators(enum, self.constants)
        except DeclarationError:
            if own:  # what a system header says matters only where it is used
                raise

    def types(self) -> list[TypeDeclaration]:
        """Return the text's own types and the others that its declarations use."""
        by_name = {name: node for node, names in self.names.items() for name in names}
        needed: dict[c_ast.Node, None] = {}
        opaque: dict[str, c_ast.Node] = {}
        waiting = list(reversed(self.own))
        while waiting:
            node = waiting.pop()
            if node in needed:
                continue
            if node in self.names:
                needed[node] = None
            for name in syntax.references(node):
                if name in by_name:
                    waiting.append(by_name[name])
                elif not name.startswith("typedef "):
                    opaque.setdefault(name, node)
        forward = [
            TypeDeclaration((name,), name, syntax.place_of(node)) for name, node in opaque.items()
        ]
        defined = [self._type(node) for node in self.names if node in needed]
        return self._distinct([*forward, *defined])

    def _type(self, node: c_ast.Node) -> TypeDeclaration:
        if layout := self.layouts.get(node):
            raise syntax.error_at(
                node,
                f"{self.names[node][0]!r} has the attribute {layout!r}, which changes its layout "
                "in a way that takes a compiler to tell; declare it without members and pass it "
                "by pointer",
            )
        syntax.fold_lengths(node, self.constants)
        return TypeDeclaration(
            tuple(self.names[node]), syntax.write(node), syntax.place_of(node)
        )

    def _distinct(self, found: list[TypeDeclaration]) -> list[TypeDeclaration]:
        """Drop repetitions and what cffi knows by itself; refuse contradictions."""
        kept: dict[str, TypeDeclaration] = {}
        for declaration in found:
            name = declaration.names[0]
            earlier = kept.setdefault(name, declaration)
            if earlier.text != declaration.text:
                raise contradiction(
                    declaration.place, declaration.text, earlier.place, earlier.text
                )
        return [
            declaration
            for name, declaration in kept.items()
            if name.removeprefix("typedef ") not in KNOWN_TYPES
        ]

    def declare(self) -> None:
        """Turn the text's own functions and variables into rows."""
        for node in self.own:
            if isinstance(node, c_ast.Typedef) or node.name is None or "static" in node.storage:
                continue
            is_function = isinstance(node.type, c_ast.FuncDecl)
            build = syntax.function_row if is_function else syntax.variable_row
            row = build(node, self.typedefs, self._fold)
            old = self.symbols.setdefault(node.name, row)
            if (old[KIND], old[CTYPE]) != (row[KIND], row[CTYPE]):
                raise contradiction(row[PLACE], row[TEXT], old[PLACE], old[TEXT])

    def _fold(self, node: c_ast.Node) -> None:
        syntax.fold_lengths(node, self.constants)
