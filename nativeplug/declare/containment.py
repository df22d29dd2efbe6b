"""
Which types hold which others by value.

A struct that holds itself would have no end; C refuses it because a member's type must be complete
(C11 6.7.2.1). cffi does not look, and ends the process when it lays such a struct out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pycparser import c_ast

from nativeplug.declare.syntax import defined_names, definitions, error_at, tag_of

#: How many types may hold each other in a row, and typedefs lead to each other: cffi looks into
#: them by recursion.
DEEPEST = 100

_STRUCTS = (c_ast.Struct, c_ast.Union)


def check_containment(nodes: Iterable[c_ast.Node]) -> None:
    """
    Refuse types that hold themselves, or too many others in each other.

    Args:
        nodes: The declarations of all types that there are to be.

    Raises:
        DeclarationError: There is one, directly or by way of others.
    """
    held: dict[str, list[str]] = {}
    places: dict[str, c_ast.Node] = {}
    for node in nodes:
        places.update(dict.fromkeys(defined_names(node), node))
        if isinstance(node, c_ast.Typedef):
            held[f"typedef {node.name}"] = [*_held_by(node.type)]
        for part in definitions(node):
            if isinstance(part, _STRUCTS) and part.name:
                held[tag_of(part)] = [*_held_by_members(part)]
    finite: set[str] = set()
    for name in held:
        _check(name, held, finite, {}, places)


def _check(
    name: str,
    held: dict[str, list[str]],
    finite: set[str],
    around: dict[str, None],
    places: dict[str, c_ast.Node],
) -> None:
    """Look into a type, after the types *around* it that hold it; note it as *finite*."""
    if name in around:
        words = " holds ".join(map(repr, [*around][[*around].index(name) :]))
        raise error_at(places[name], f"{words} holds {name!r} by value: use a pointer")
    if name in finite or name not in held:
        return
    if len(around) == DEEPEST:
        raise error_at(places[name], f"more than {DEEPEST} types hold each other")
    for each in held[name]:
        _check(each, held, finite, {**around, name: None}, places)
    finite.add(name)


def _held_by_members(node: c_ast.Node) -> Iterator[str]:
    for member in node.decls or ():
        if isinstance(member, c_ast.Decl):
            yield from _held_by(member.type)


def _held_by(node: c_ast.Node) -> Iterator[str]:
    """Iterate over the types of which a value of a type has values in it."""
    while isinstance(node, (c_ast.TypeDecl, c_ast.ArrayDecl)):
        node = node.type
    if isinstance(node, c_ast.IdentifierType):
        yield from (f"typedef {name}" for name in node.names)
    elif isinstance(node, _STRUCTS) and node.name:
        yield tag_of(node)
    elif isinstance(node, _STRUCTS):
        yield from _held_by_members(node)
