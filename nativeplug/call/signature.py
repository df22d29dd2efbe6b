"""Signature: what a function takes and gives back, as declared."""

from __future__ import annotations

import inspect
import keyword
from dataclasses import dataclass, field

from nativeplug.declare import FunctionDeclaration, Parameter


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
        """
        Return the signature as Python sees it; the annotations are C types.

        Arguments can be given by name when the declaration names all its parameters, and
        none of the names is a keyword of Python's.
        """
        names = [parameter.name for parameter in self.parameters]
        named = all(name is not None and not keyword.iskeyword(name) for name in names)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if named and not self.variadic else None
        parameters = [
            inspect.Parameter(
                (name or "") if named else _positional_name(name, index),
                kind or inspect.Parameter.POSITIONAL_ONLY,
                annotation=parameter.type,
            )
            for index, (name, parameter) in enumerate(zip(names, self.parameters, strict=True), 1)
        ]
        if self.variadic:
            parameters.append(inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL))
        return inspect.Signature(parameters, return_annotation=self.result)


def _positional_name(name: str | None, index: int) -> str:
    """Return a name that Python takes, for a parameter that is given by position only."""
    if name is None:
        return f"arg{index}"
    return f"{name}_" if keyword.iskeyword(name) else name
