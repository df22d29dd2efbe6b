"""Declarations: C text as values, apart from how it was read."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nativeplug.declare.cffi_types import constants_of, load_types, same_types
from nativeplug.declare.places import ContradictionError, contradiction, error_in
from nativeplug.declare.unit import (
    CTYPE,
    KIND,
    PLACE,
    PROBLEM,
    TEXT,
    VARIABLE,
    Line,
    Lines,
    Row,
    TypeDeclaration,
    Unit,
    from_line,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a declared function."""

    #: Its name, or None when the declaration gives none.
    name: str | None
    #: Its type in C, as C adjusts it: ``const double *``.
    type: str
    #: Its declaration in C: ``const double xs[n]``.
    text: str
    #: It is a pointer whose target is const: a read-only buffer will do.
    readonly: bool
    #: The length of what is declared as an array: a number, or the name of the parameter that
    #: tells it. None where the declaration gives none, or one that only C could work out.
    length: int | str | None = None


class FunctionDeclaration(NamedTuple):
    """A declared function."""

    name: str
    #: The prototype in C, with the parameters' names.
    text: str
    #: The type of a pointer to it, in C, without names.
    pointer: str
    #: The result's type in C.
    result: str
    #: The parameters as plain data; `parameters` has them as objects.
    rows: Sequence[Row]
    #: It takes further arguments (``...``).
    variadic: bool
    #: What functions have in common that are called alike: `pointer`, and lengths of arrays.
    prototype: str
    #: Where it is declared: ``file:line:column``.
    place: str
    #: Why it cannot be served; None when it can.
    problem: str | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in order."""
        return tuple(Parameter(*row) for row in self.rows)


@dataclass(frozen=True, slots=True)
class VariableDeclaration:
    """A declared variable."""

    name: str
    #: The declaration in C, with the name.
    text: str
    #: Its type in C.
    type: str
    #: It is const: it lies in memory that must not be written to.
    readonly: bool
    #: Where it is declared: ``file:line:column``.
    place: str
    #: Why it cannot be served; None when it can.
    problem: str | None = None


SymbolDeclaration = FunctionDeclaration | VariableDeclaration


def symbol_from(row: Row) -> SymbolDeclaration:
    """Build the declaration of a function or variable from its row."""
    if row[KIND] == VARIABLE:
        return VariableDeclaration(*row[1:])
    return FunctionDeclaration._make(row[1:])


def usable(line: Line) -> SymbolDeclaration:
    """
    Return the declaration of a function or variable that is to be used.

    Raises:
        DeclarationError: Its type is one that only C can handle.
    """
    row = from_line(line)
    if row[PROBLEM] is not None:
        text = " ".join(row[TEXT].split())
        raise error_in(row[PLACE], f"cannot use {text!r}: {row[PROBLEM]}")
    return symbol_from(row)


def same_type(ffi: Any, one: Row, other: Row) -> bool:
    """Tell whether two rows of one symbol declare the same."""
    if one[KIND] != other[KIND]:
        return False
    if one[CTYPE] == other[CTYPE]:
        return True
    try:
        return same_types(ffi, ffi.typeof(one[CTYPE]), ffi.typeof(other[CTYPE]))
    except (ffi.error, TypeError, ValueError):  # one that is not served
        return False


class DeclaredSymbols(Mapping[str, SymbolDeclaration]):
    """
    The declared functions and variables by name, each built when it is asked for.

    A plugin may declare ten thousand functions of which a program calls three.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Mapping[str, Line]) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> SymbolDeclaration:
        """Build the declaration of *name*; KeyError when there is none."""
        return symbol_from(from_line(self._lines[name]))

    def __contains__(self, name: object) -> bool:
        """Tell whether *name* is declared, without building its declaration."""
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order of the text."""
        return iter(self._lines)

    def __len__(self) -> int:
        """Return how many names are declared."""
        return len(self._lines)


class Declarations:
    """
    Everything that is declared for one plugin: functions, variables, constants, types.

    Immutable, and safe to use from several threads.
    """

    __slots__ = ("constants", "ffi", "lines", "origins", "types", "types_ffi")

    def __init__(self) -> None:
        #: The functions and variables by name, each as what is kept of it.
        self.lines = Lines.of([])
        #: The integer macros and enumerators.
        self.constants: dict[str, int] = {}
        #: The types by each of their names, in an order in which C takes them.
        self.types: dict[str, TypeDeclaration] = {}
        #: The cffi ``FFI`` that knows the types.
        self.ffi: Any = load_types({}, None)
        #: The earliest ``FFI`` that knows all types; later ones know more constants.
        self.types_ffi: Any = self.ffi
        #: The texts that were read: header paths, or ``<declarations>``.
        self.origins: tuple[str, ...] = ()

    @property
    def symbols(self) -> Mapping[str, SymbolDeclaration]:
        """The functions and variables by name."""
        return DeclaredSymbols(self.lines)

    def keeping(self, names: Container[str]) -> Declarations:
        """
        Return these declarations without constants, and without symbols of other names.

        What is declared after them may give those another meaning.
        """
        kept = Declarations()
        kept.lines = Lines.of(line for name, line in self.lines.items() if name in names)
        kept.types, kept.origins = self.types, self.origins
        kept.ffi = kept.types_ffi = self.types_ffi
        return kept

    def copy(self) -> Declarations:
        """Return the same declarations, for something about them to be replaced."""
        made = Declarations()
        for name in self.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def plus(self, unit: Unit) -> Declarations:
        """
        Return these declarations and those of *unit*, which was read after them.

        Types of these declarations stay the same objects, so that values made with one
        ``ffi`` are accepted where the other's type is asked for. (cffi makes enums anew: their
        values are numbers, but a pointer to an enum belongs to one ``ffi``.)

        Raises:
            ContradictionError: *unit* contradicts these declarations.
        """
        whole = Declarations()
        whole.ffi = load_types(unit.ffi, self.ffi)
        whole.types_ffi = whole.ffi if unit.types else self.types_ffi
        whole.constants = self.constants | constants_of(unit.ffi)
        whole.types = dict(self.types)
        for declaration in unit.types:
            whole.types.update(dict.fromkeys(declaration.names, declaration))
        whole.lines = self.lines | unit.symbols
        whole.origins = tuple(dict.fromkeys((*self.origins, unit.origin)))
        differing = {}
        for name in self.lines:
            if name not in unit.symbols:
                continue
            old, new = from_line(self.lines[name]), from_line(unit.symbols[name])
            if not same_type(whole.ffi, old, new):
                differing[name] = contradiction(new[PLACE], new[TEXT], old[PLACE], old[TEXT])
        for error in differing.values():
            raise ContradictionError(error, symbols=differing)
        return whole
