"""
C text -> a unit of declarations.

pycparser reads the text. What it says of functions and variables becomes rows of plain
data; its types, with every constant worked out, go to cffi's parser, which compiles them
for its type system. Only a text that was never parsed before comes here (see `cached`): pycparser
costs ten times what importing cffi does.
"""

from __future__ import annotations

from nativeplug.declare import cffi_types
from nativeplug.declare.constants import Constants
from nativeplug.declare.declarations import Declarations
from nativeplug.declare.places import ContradictionError, contradiction, error_in, shown
from nativeplug.declare.preprocess import Preprocessed
from nativeplug.declare.reader import Reader, opaque_type
from nativeplug.declare.tree import parse_tree
from nativeplug.declare.unit import TypeDeclaration, Unit
from nativeplug.errors import DeclarationError


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
    reader = Reader(tree, shown(origin), Constants(base.constants, prepared.macros))
    constants = reader.own_constants()
    new = {name: constants[name] for name in constants.keys() - base.constants.keys()}
    types = _without_known(reader.types(), base)
    literals, ffi = _compile(list(known), types, new, base, reader.origin)
    _check_constants(constants | cffi_types.constants_of(literals), base, origin)
    return Unit(origin, reader.symbols(ffi), types, literals)


def _check_constants(constants: dict[str, int], base: Declarations, origin: str) -> None:
    differing = [name for name in constants if constants[name] != base.constants.get(name)]
    differing = [name for name in differing if name in base.constants]
    for name in differing:
        old, new = base.constants[name], constants[name]
        error = DeclarationError(
            f"{origin}: the constant {name!r} is {new}, but was declared as {old}", file=origin
        )
        raise ContradictionError(error, constants=differing)


def _without_known(found: list[TypeDeclaration], base: Declarations) -> list[TypeDeclaration]:
    """Drop the types that were declared before, and refuse what contradicts those."""
    new, errors = [], []
    names: list[str] = []
    for declaration in found:
        earlier = next((base.types[name] for name in declaration.names if name in base.types), None)
        if earlier is None:
            new.append(declaration)
        elif declaration.text not in earlier.names and not earlier.says_the_same(declaration):
            errors.append(_contradiction(declaration, earlier))
            names += earlier.names
    for error in errors:
        raise ContradictionError(error, types=names)
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
) -> tuple[cffi_types.Literals, object]:
    """
    Compile types; those of other texts that cffi cannot serve lose their members.

    What a system's header says matters only where it is used: a value of such a type cannot
    be passed, a pointer to it can.
    """
    while True:
        try:
            literals = cffi_types.compile_types(known, types, constants)
            ffi = cffi_types.load_types(literals, base.ffi)
            cffi_types.check_types(ffi, types)
        except cffi_types.RefusedTypeError as refusal:  # noqa: PERF203 - that ends
            refused = refusal.declaration
            opaque = opaque_type(refused)
            if refused.place.startswith(f"{origin}:") or opaque == refused:
                raise error_in(refused.place, str(refusal)) from None
            types[types.index(refused)] = opaque
        else:
            return literals, ffi
