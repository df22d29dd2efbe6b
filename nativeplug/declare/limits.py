"""
How much a text's types come to, which cffi works out without asking how long that takes.

It takes typedefs apart wherever they are used, and notes eight bytes of each value in what a
function takes or returns by value: a few lines can stand for more than fits into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pycparser import c_ast

from nativeplug.declare.nodes import (
    Typedefs,
    defined_names,
    definitions,
    error_at,
    references,
    tag_of,
    walk,
)

# Ten times what the headers of large systems need.
_MOST_OF_A_TYPE, _MOST_OF_ALL = 10_000, 1 << 20
_MOST_VALUES = 1 << 20

_RECORDS = (c_ast.Struct, c_ast.Union)


def check_typedefs(nodes: Iterable[c_ast.Node]) -> None:
    """
    Refuse types that are too much when the typedefs in them are taken apart.

    Args:
        nodes: The declarations of all types that are needed, in their order, and what needs them.

    Raises:
        DeclarationError: There is one, or they are too many.
    """
    sizes: dict[str, int] = {}
    depths: dict[str, int] = {}
    total = 0
    for node in nodes:
        used = [name for name in references(node) if name in sizes]
        size = 1 + sum(sizes[name] for name in used)
        total += size
        if size > _MOST_OF_A_TYPE or total > _MOST_OF_ALL:
            raise error_at(node, "with all typedefs taken apart, this is too long to be read")
        if isinstance(node, c_ast.Typedef):
            name = f"typedef {node.name}"
            sizes[name] = size
            depths[name] = 1 + max((depths[each] for each in used), default=0)
            if depths[name] > DEEPEST:
                raise error_at(node, f"more than {DEEPEST} typedefs lead to each other")


def check_values(nodes: Iterable[c_ast.Node], typedefs: Typedefs) -> None:
    """
    Refuse functions that take or return too many values in structs and unions.

    Args:
        nodes: All declarations, whose array lengths are numbers as far as they are needed.
        typedefs: The typedefs by name.

    Raises:
        DeclarationError: There is one, or all together are too many.
    """
    parts = [(node, [*walk(node)]) for node in nodes]
    records = {
        tag_of(part): part
        for _, below in parts
        for part in below
        if isinstance(part, _RECORDS) and part.name and part.decls is not None
    }
    values = _Values(typedefs, records)
    total = 0
    for node, below in parts:
        for part in below:
            total += values.passed(part) if isinstance(part, c_ast.FuncDecl) else 0
        if total > _MOST_VALUES:
            raise error_at(node, "it passes too much by value: use a pointer")


class _Values:
    """How many values types hold."""

    def __init__(self, typedefs: Typedefs, records: Mapping[str, c_ast.Node]) -> None:
        self._typedefs = typedefs
        self._records = records
        self._known: dict[str, int] = {}

    def passed(self, function: c_ast.Node) -> int:
        """Return how many values a function takes and returns in structs and unions."""
        taken = function.args.params if function.args is not None else ()
        types = [getattr(each, "type", None) for each in taken]
        return sum(map(self._passed, [function.type, *types]))

    def _passed(self, node: c_ast.Node | None) -> int:
        while isinstance(node, c_ast.TypeDecl):
            node = node.type
            if isinstance(node, c_ast.IdentifierType):
                target = self._typedefs.get(" ".join(node.names))
                node = None if target is None else target.type
        return self._held(node) if isinstance(node, _RECORDS) else 0

    def _held(self, node: c_ast.Node | None) -> int:
        """Return how many values a value of a type has in it."""
        if isinstance(node, c_ast.ArrayDecl):
            length = node.dim.value if isinstance(node.dim, c_ast.Constant) else 0
            return int(length) * self._held(node.type)
        if isinstance(node, c_ast.TypeDecl):
            return self._held(node.type)
        if isinstance(node, c_ast.IdentifierType):
            name = " ".join(node.names)
            return self._remembered(f"typedef {name}", self._typedefs.get(name))
        if not isinstance(node, _RECORDS):
            return 1
        if node.name:
            return self._remembered(tag_of(node), self._records.get(tag_of(node)))
        return self._in_members(node)

    def _remembered(self, name: str, node: c_ast.Node | None) -> int:
        if node is None:
            return 1
        if name not in self._known:
            is_record = isinstance(node, _RECORDS)
            self._known[name] = self._in_members(node) if is_record else self._held(node.type)
        return self._known[name]

    def _in_members(self, node: c_ast.Node) -> int:
        return sum(self._held(member.type) for member in node.decls if hasattr(member, "type"))


# Which types hold which others by value.
#
# A struct that holds itself would have no end; C refuses it because a member's type must be
# complete (C11 6.7.2.1). cffi does not look, and ends the process when it lays such a struct out.


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
