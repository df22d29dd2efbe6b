"""
What pycparser's nodes say: names, definitions, references, constants.

The tree is the reader's own and is changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy, deepcopy

from pycparser import c_ast
from pycparser.c_generator import CGenerator

from nativeplug.declare import places
from nativeplug.declare.constants import Constants, NotConstantError, evaluate
from nativeplug.errors import DeclarationError

_GENERATOR = CGenerator()
_TAGGED = (c_ast.Struct, c_ast.Union, c_ast.Enum)
# cffi reads the words of a type's name in this order; C takes them in any.
_ORDER = ("signed", "unsigned", "short", "long", "char", "int", "float", "double", "_Complex")
Typedefs = Mapping[str, c_ast.Node]


def write(node: c_ast.Node) -> str:
    """Return a node's C text, without a semicolon."""
    return str(_GENERATOR.visit(node))


def walk(node: c_ast.Node) -> Iterator[c_ast.Node]:
    """Iterate over a node and all below it, parents first."""
    yield node
    for _, child in node.children():
        yield from walk(child)


def place_of(node: c_ast.Node) -> str:
    """Return where a declaration's name stands in the user's text: ``file:line:column``."""
    coord = innermost(node.type).coord if getattr(node, "name", None) else node.coord
    return f"{coord.file}:{coord.line}:{coord.column}"


def error_at(node: c_ast.Node, message: str) -> DeclarationError:
    """Return an error about the declaration at *node*."""
    return places.error_at(node.coord.file, node.coord.line, node.coord.column, message)


def tag_of(node: c_ast.Node) -> str:
    """Return the full name of a struct, union or enum: ``struct Options``."""
    return f"{type(node).__name__.lower()} {node.name}"


def _is_definition(node: c_ast.Node) -> bool:
    if isinstance(node, c_ast.Enum):
        return node.values is not None
    return isinstance(node, _TAGGED) and node.decls is not None


def definitions(node: c_ast.Node) -> list[c_ast.Node]:
    """Return the structs, unions and enums that are defined at or below a node."""
    return [part for part in walk(node) if _is_definition(part)]


def _outermost_definitions(node: c_ast.Node) -> Iterator[c_ast.Node]:
    for _, child in node.children():
        if _is_definition(child):
            yield child
        else:
            yield from _outermost_definitions(child)


def defined_names(node: c_ast.Node) -> list[str]:
    """Return the types that a top-level node declares, itself first."""
    names = [f"typedef {node.name}"] if isinstance(node, c_ast.Typedef) else []
    return [*names, *(tag_of(part) for part in definitions(node) if part.name)]


def references(node: c_ast.Node) -> Iterator[str]:
    """Iterate over the types that a node uses: ``typedef GoInt``, ``struct Options``."""
    for part in walk(node):
        if isinstance(part, c_ast.IdentifierType):
            yield from (f"typedef {name}" for name in part.names)
        elif isinstance(part, _TAGGED) and part.name:
            yield tag_of(part)


def innermost(node: c_ast.Node) -> c_ast.Node:
    """Return the TypeDecl in which a declarator's pointers, arrays and functions end."""
    while not isinstance(node, c_ast.TypeDecl):
        node = node.type
    return node


class Hoister:
    """
    Takes apart declarations that define types by the way.

    ``struct P { int x; } origin;`` becomes ``struct P { int x; };`` and ``struct P origin;``.
    A type without a tag gets one from the declared name, unless a typedef names it.
    """

    def __init__(self) -> None:
        self._typedefs: dict[c_ast.Node, str] = {}  # of structs that have no other name

    def parts(self, node: c_ast.Node) -> list[c_ast.Node]:
        """Return a typedef or declaration, after the types that it defines by the way."""
        name = getattr(node, "name", None)
        if name is None:
            return [node]
        hoisted: list[c_ast.Node] = []
        for inline in list(_outermost_definitions(node)):
            base = innermost(node.type)
            if inline in self._typedefs:  # typedef struct {...} A, *B: both have this node
                base.type = c_ast.IdentifierType([self._typedefs[inline]], inline.coord)
            elif inline.name is None and isinstance(node, c_ast.Typedef) and base is node.type:
                self._typedefs[inline] = name
            else:
                inline.name = inline.name or f"{name}_{type(inline).__name__.lower()}"
                hoisted.append(_taken_out(inline))
        return [*hoisted, node]


def is_packable(node: c_ast.Node) -> bool:
    """Tell whether cffi can pack a struct as compilers do: one without bit-fields and structs."""
    found = definitions(node)
    return len(found) == 1 and not any(getattr(part, "bitsize", None) for part in walk(node))


def _taken_out(inline: c_ast.Node) -> c_ast.Node:
    """Return a definition as a declaration of its own, and leave its name in its place."""
    definition = copy(inline)
    if isinstance(inline, c_ast.Enum):
        inline.values = None
    else:
        inline.decls = None
    return c_ast.Decl(None, [], [], [], [], definition, None, None, inline.coord)


def tidy(node: c_ast.Node) -> None:
    """Put a node's types into the words and the order that cffi knows."""
    for part in walk(node):
        if isinstance(part, c_ast.IdentifierType) and len(part.names) > 1:
            part.names = sorted(part.names, key=_rank)
        elif isinstance(part, (c_ast.Struct, c_ast.Union)) and part.decls is not None:
            part.decls = [member for member in part.decls if isinstance(member, c_ast.Decl)]


def _rank(word: str) -> int:
    return _ORDER.index(word) if word in _ORDER else len(_ORDER)


def fold_enumerators(enum: c_ast.Node, constants: Constants) -> dict[str, int]:
    """
    Give every enumerator its value as a plain number; return them.

    Raises:
        DeclarationError: A value cannot be told without a compiler.
    """
    value = -1
    found = {}
    enumerators = [part for part in enum.values.enumerators if isinstance(part, c_ast.Enumerator)]
    enum.values.enumerators = enumerators
    for enumerator in enumerators:
        value += 1
        if enumerator.value is not None:
            value = _constant(enumerator.value, constants, f"the enumerator {enumerator.name}")
        enumerator.value = c_ast.Constant("int", str(value), enumerator.coord)
        found[enumerator.name] = value
        constants.add(enumerator.name, value)
    return found


def fold_lengths(node: c_ast.Node, constants: Constants) -> None:
    """
    Make the array lengths and bit-field widths at and below a node plain numbers.

    Raises:
        DeclarationError: One cannot be told without a compiler.
    """
    for part in walk(node):
        if isinstance(part, c_ast.ArrayDecl) and part.dim is not None:
            length = _constant(part.dim, constants, "the array's length")
            if length < 0:
                raise error_at(part.dim, "the array's length is negative")
            part.dim = c_ast.Constant("int", str(length), part.dim.coord)
        elif isinstance(part, c_ast.Decl) and part.bitsize is not None:
            width = _constant(part.bitsize, constants, "the bit-field's width")
            part.bitsize = c_ast.Constant("int", str(width), part.bitsize.coord)


def _constant(node: c_ast.Node, constants: Constants, what: str) -> int:
    try:
        return evaluate(node, constants)
    except NotConstantError:
        raise error_at(
            node, f"{what} is no constant that can be told without a compiler: {write(node)}"
        ) from None


def points_to_const(node: c_ast.Node, typedefs: Typedefs) -> bool:
    """Tell whether a type is a pointer to something const."""
    node = _resolved(node, typedefs)
    return isinstance(node, c_ast.PtrDecl) and is_const(node.type, typedefs)


def is_const(node: c_ast.Node, typedefs: Typedefs) -> bool:
    """Tell whether a type is const, also through a typedef and in an array's elements."""
    node = _resolved(node, typedefs)
    if isinstance(node, c_ast.ArrayDecl):
        return is_const(node.type, typedefs)
    return "const" in getattr(node, "quals", ())


def adjusted(node: c_ast.Node, typedefs: Typedefs) -> c_ast.Node:
    """Return a parameter's type as C takes it, C11 6.7.6.3: arrays and functions are pointers."""
    target = _resolved(node, typedefs, through_const=True)
    if isinstance(target, c_ast.FuncDecl):
        return c_ast.PtrDecl([], node)
    if not isinstance(target, c_ast.ArrayDecl):
        return node
    qualifiers = [word for word in target.dim_quals or [] if word != "static"]
    item = target.type
    if target is not node:  # the typedef's: "const name_t" makes the items const
        item = deepcopy(item)
        innermost(item).quals = [*innermost(item).quals, *node.quals]
    return c_ast.PtrDecl(qualifiers, item)


def array_length(node: c_ast.Node, typedefs: Typedefs, constants: Constants) -> int | str | None:
    """
    Return the length of a parameter that is declared as an array, C11 6.7.6.2.

    Returns:
        A number; a name, which another parameter may have; None when there is no length, or
        one that only C could work out.
    """
    target = _resolved(node, typedefs, through_const=True)
    if not isinstance(target, c_ast.ArrayDecl) or target.dim is None:
        return None
    try:
        return evaluate(target.dim, constants)
    except (DeclarationError, NotConstantError):
        return str(target.dim.name) if isinstance(target.dim, c_ast.ID) else None


def _resolved(node: c_ast.Node, typedefs: Typedefs, *, through_const: bool = False) -> c_ast.Node:
    """Follow typedefs to the type they stand for, unless a ``const`` was added on the way."""
    while isinstance(node, c_ast.TypeDecl) and isinstance(node.type, c_ast.IdentifierType):
        target = typedefs.get(" ".join(node.type.names))
        if target is None or ("const" in node.quals and not through_const):
            break
        node = target.type
    return node
