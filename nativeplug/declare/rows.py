"""
Declared functions and variables -> rows of plain data.

The nodes are changed: once a declaration's text is written, names are taken out of its type,
because cffi reads types without names.
"""

from __future__ import annotations

import contextlib

from pycparser import c_ast

from nativeplug.declare.constants import Constants
from nativeplug.declare.syntax import (
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
from nativeplug.declare.unit import FUNCTION, VARIABLE, Row
from nativeplug.errors import DeclarationError


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
