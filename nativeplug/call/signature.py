"""Signature: what a function takes and gives back, as declared."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator
from dataclasses import dataclass, field

from nativeplug.declare import FunctionDeclaration, Parameter


@dataclass(frozen=True, slots=True)
class Length:
    """The declared length of an array parameter, as in ``const double xs[n]``."""

    #: The array's index among the parameters.
    array: int
    #: The index of the parameter that tells how many items there are; None when *least* does.
    counter: int | None
    #: How many items there are at least, when no parameter tells.
    least: int = 0


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's result and parameters. ``str()`` of it is C again."""

    #: The function's name.
    name: str
    #: The result's type in C.
    result: str
    #: The parameters, in order.
    parameters: tuple[Parameter, ...]
    #: It takes further arguments (``...``).
    variadic: bool
    text: str = field(repr=False, compare=False)
    #: What Python calls the parameters, each with a name of its own.
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    #: Arguments can be given by name: the declaration names all parameters, and as Python can.
    by_name: bool = field(init=False, repr=False, compare=False)
    #: The declared lengths of array parameters.
    lengths: tuple[Length, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the names, once."""
        given = [parameter.name or "" for parameter in self.parameters]
        names: list[str] = []
        for index, name in enumerate(given, 1):
            names.append(_distinct(name if _is_usable(name) else f"arg{index}", names))
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "by_name", names == given and not self.variadic)
        object.__setattr__(self, "lengths", tuple(self._read_lengths(given)))

    def _read_lengths(self, given: list[str]) -> Iterator[Length]:
        for index, parameter in enumerate(self.parameters):
            length = parameter.length
            if isinstance(length, int):
                yield Length(index, None, length)
            elif length in given:
                yield Length(index, given.index(length))

    @property
    def counters(self) -> list[int]:
        """The indices of the parameters that tell the length of arrays, in order."""
        counters = {length.counter for length in self.lengths if length.counter is not None}
        return sorted(counters)

    @classmethod
    def of(cls, declaration: FunctionDeclaration) -> Signature:
        """Return the signature of a declared function."""
        return cls(
            declaration.name,
            declaration.result,
            declaration.parameters,
            declaration.variadic,
            declaration.text,
        )

    def __str__(self) -> str:
        """Return the prototype in C, without a semicolon."""
        return self.text

    def label(self, index: int) -> str:
        """Return what error messages call the argument at *index*, counted from 0."""
        name = self.parameters[index].name if index < len(self.parameters) else None
        return f"{self.name}() argument {index + 1 if name is None else repr(name)}"

    def to_python(self) -> inspect.Signature:
        """Return the signature as Python sees it; the annotations are C types."""
        by_position, by_either = (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
        kind = by_either if self.by_name else by_position
        parameters = [
            inspect.Parameter(name, kind, annotation=parameter.type)
            for name, parameter in zip(self.names, self.parameters, strict=True)
        ]
        if self.variadic:
            name = _distinct("args", self.names)
            parameters.append(inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL))
        return inspect.Signature(parameters, return_annotation=self.result)


def _is_usable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _distinct(name: str, taken: list[str] | tuple[str, ...]) -> str:
    while name in taken:
        name += "_"
    return name
