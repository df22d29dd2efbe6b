"""
pycparser's tree -> the texts and rows that declarations are made of.

The tree is the reader's own and is changed in place: once a declaration's text is written,
names are taken out of its type, because cffi reads types without names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy

from pycparser import c_ast
from pycparser.c_generator import CGenerator

from nativeplug.declare.constants import NotConstantError, evaluate
from nativeplug.declare import places
from nativeplug.declare.unit import Row
from nativeplug.errors import DeclarationError

_GENERATOR = CGenerator()
TAGGED = (c_ast.Struct, c_ast.Union, c_ast.Enum)
Names = Mapping[str, c_ast.Node]


def write(node: c_ast.Node) -> str:
    """Return a node's C text, without a semicolon."""
    return str(_GENERATOR.visit(node))


def walk(node: c_ast.Node) -> Iterator[c_ast.Node]:
    """Iterate over a node and all below it, parents first."""
    yield node
    for _, child in node.children():
        yield from walk(child)


def place_of(node: c_ast.Node) -> str:
    """Return where a node stands in the user's text: ``file:line:column``."""
    coord = node.coord
    return f"{coord.file}:{coord.line}:{coord.column}"


def error_at(node: c_ast.Node, message: str) -> DeclarationError:
    """Return an error about the declaration at *node*."""
    return places.error_at(node.coord.file, node.coord.line, node.coord.column, message)


def tag_of(node: c_ast.Node) -> str:
    """Return the full name of a struct, union or enum: ``struct Options``."""
    return f"{type(node).__name__.lower()} {node.name}"


def definitions(node: c_ast.Node) -> list[c_ast.Node]:
    """Return the structs, unions and enums that are defined at or below a node."""
    return [part for part in walk(node) if isinstance(part, TAGGED) and _is_defined(part)]


def _is_defined(node: c_ast.Node) -> bool:
    return (node.values if isinstance(node, c_ast.Enum) else node.decls) is not None


def defined_names(node: c_ast.Node) -> list[str]:
    """Return the types that a top-level node declares, itself first."""
    names = [f"typedef {node.name}"] if isinstance(node, c_ast.Typedef) else []
    return [*names, *(tag_of(part) for part in definitions(node) if part.name)]


def references(node: c_ast.Node) -> Iterator[str]:
    """Iterate over the types that a node uses: ``typedef GoInt``, ``struct Options``."""
    for part in walk(node):
        if isinstance(part, c_ast.IdentifierType):
            yield from (f"typedef {name}" for name in part.names)
        elif isinstance(part, TAGGED) and part.name:
            yield tag_of(part)


def innermost(node: c_ast.Node) -> c_ast.Node:
    """Return the TypeDecl in which a declarator's pointers, arrays and functions end."""
    while not isinstance(node, c_ast.TypeDecl):
        node = node.type
    return node


def hoist(node: c_ast.Node) -> list[c_ast.Node]:
    """
    Return a top-level node, after the types that it defines by the way.

    ``struct P { int x; } origin;`` becomes ``struct P { int x; };`` and ``struct P origin;``.
    A type without a tag gets one from the declared name.
    """
    if isinstance(node, c_ast.Typedef) or getattr(node, "name", None) is None:
        return [node]
    hoisted: list[c_ast.Node] = []
    for inline in definitions(node):
        inline.name = inline.name or f"{node.name}_{type(inline).__name__.lower()}"
        definition = copy(inline)
        hoisted.append(c_ast.Decl(None, [], [], [], [], definition, None, None, node.coord))
        if isinstance(inline, c_ast.Enum):
            inline.values = None
        else:
            inline.decls = None
    return [*hoisted, node]


def fold_enumerators(enum: c_ast.Node, constants: dict[str, int]) -> None:
    """Give every enumerator its value as a plain number, and note it in *constants*."""
    value = -1
    for enumerator in enum.values.enumerators:
        value += 1
        if enumerator.value is not None:
            value = _constant(enumerator.value, constants, f"the enumerator {enumerator.name}")
        enumerator.value = c_ast.Constant("int", str(value), enumerator.coord)
        constants[enumerator.name] = value


def fold_lengths(node: c_ast.Node, constants: Mapping[str, int]) -> None:
    """Make the array lengths and bit-field widths at and below a node plain numbers."""
    for part in walk(node):
        if isinstance(part, c_ast.ArrayDecl) and part.dim is not None:
            length = _constant(part.dim, constants, "the array's length")
            part.dim = c_ast.Constant("int", str(length), part.dim.coord)
        elif isinstance(part, c_ast.Decl) and part.bitsize is not None:
            width = _constant(part.bitsize, constants, "the bit-field's width")
            part.bitsize = c_ast.Constant("int", str(width), part.bitsize.coord)


def _constant(node: c_ast.Node, constants: Mapping[str, int], what: str) -> int:
    try:
        return evaluate(node, constants)
    except NotConstantError:
        raise error_at(
            node, f"{what} is no constant that can be told without a compiler: {write(node)}"
        ) from None


def function_row(decl: c_ast.Node, typedefs: Names, fold: Callable[[c_ast.Node], None]) -> Row:
    """
    Return a declared function as a row; its nodes lose their names.

    Args:
        decl: The declaration.
        typedefs: The typedefs by name, to see through them to a ``const``.
        fold: Makes array lengths plain numbers.
    """
    function = decl.type
    text = _prototype(decl)
    given = function.args.params if function.args is not None else []
    variadic = bool(given) and isinstance(given[-1], c_ast.EllipsisParam)
    taken = [] if _is_void(given) else given[: len(given) - variadic]
    parameters = [_parameter(parameter, typedefs) for parameter in taken]
    fold(function.type)
    innermost(function).declname = None
    pointer = c_ast.Typename(None, [], None, c_ast.PtrDecl([], function))
    result = c_ast.Typename(None, [], None, function.type)
    return [
        "function",
        decl.name,
        text,
        write(pointer),
        write(result),
        parameters,
        variadic,
        place_of(decl),
    ]


def _prototype(decl: c_ast.Node) -> str:
    """Return a function's declaration as one reads it, without storage classes."""
    decl.storage, decl.funcspec = [], []
    return write(decl)


def _is_void(parameters: list[c_ast.Node]) -> bool:
    if len(parameters) != 1 or not isinstance(parameters[0], c_ast.Typename):
        return False
    only = parameters[0].type
    return isinstance(only, c_ast.TypeDecl) and getattr(only.type, "names", None) == ["void"]


def _parameter(node: c_ast.Node, typedefs: Names) -> Row:
    if isinstance(node, c_ast.ID):  # an old-style list of names; no type has that name
        raise error_at(node, f"unknown type name {node.name!r}")
    text = write(node)
    name = node.name
    if isinstance(node.type, c_ast.ArrayDecl):  # C11 6.7.6.3: adjusted to a pointer
        node.type = c_ast.PtrDecl(node.type.dim_quals or [], node.type.type)
    elif isinstance(node.type, c_ast.FuncDecl):
        node.type = c_ast.PtrDecl([], node.type)
    node.name = None
    innermost(node.type).declname = None
    type_text = write(c_ast.Typename(None, [], None, node.type))
    return [name, type_text, text, _points_to_const(node.type, typedefs)]


def _points_to_const(node: c_ast.Node, typedefs: Names) -> bool:
    node = _resolved(node, typedefs)
    return isinstance(node, c_ast.PtrDecl) and is_const(node.type, typedefs)


def is_const(node: c_ast.Node, typedefs: Names) -> bool:
    """Tell whether a type is const, also through a typedef and in an array's elements."""
    node = _resolved(node, typedefs)
    if isinstance(node, c_ast.ArrayDecl):
        return is_const(node.type, typedefs)
    return "const" in getattr(node, "quals", ())


def _resolved(node: c_ast.Node, typedefs: Names) -> c_ast.Node:
    """Follow typedefs to the type they stand for, unless a qualifier was added on the way."""
    while isinstance(node, c_ast.TypeDecl) and isinstance(node.type, c_ast.IdentifierType):
        target = typedefs.get(" ".join(node.type.names))
        if target is None or "const" in node.quals:
            break
        node = target.type
    return node


def variable_row(decl: c_ast.Node, typedefs: Names, fold: Callable[[c_ast.Node], None]) -> Row:
    """Return a declared variable as a row; its nodes lose their names."""
    fold(decl.type)
    decl.init = None
    decl.storage = []
    text = write(decl)
    readonly = is_const(decl.type, typedefs)
    innermost(decl.type).declname = None
    type_text = write(c_ast.Typename(None, [], None, decl.type))
    return ["variable", decl.name, text, type_text, readonly, place_of(decl)]
