"""The body of a Python class -> the members of an interface, each with its C declaration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, Literal, get_origin, get_type_hints

from nativeplug.errors import DeclarationError
from nativeplug.interface import ctype
from nativeplug.interface.ctype import Annotation

Kind = Literal["function", "variable", "constant"]

# What Python itself puts into the body of a class; functions under such names are looked at.
_PYTHONS = re.compile(r"__\w+__")
_PYTHONS_FUNCTIONS = re.compile(r"__annotate\w*__")  # PEP 649

# Stands behind the parameters of a method.
_NOBODY = inspect.Parameter("nobody", inspect.Parameter.VAR_KEYWORD)

# The integers that C's preprocessor has, C11 6.10.1.
_LEAST, _LONG_MAX, _LARGEST = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Member:
    """A function, variable or constant that an interface demands."""

    name: str
    kind: Kind
    #: Its declaration in C, without ``extern`` and semicolon; of a constant its number.
    text: str
    #: Its docstring.
    doc: str = ""
    #: A plugin may lack it.
    is_optional: bool = False


def read(cls: type) -> Iterator[Member]:
    """
    Iterate over the members that the body of a class has, without those of its bases.

    Raises:
        DeclarationError: One of them cannot be told in C.
    """
    reader = _Reader(cls)
    body, annotations = vars(cls), inspect.get_annotations(cls)
    for name, annotation in annotations.items():
        yield reader.variable(name, annotation)
    for name, value in body.items():
        is_pythons = _PYTHONS.fullmatch(name) and not isinstance(value, FunctionType)
        if name not in annotations and not is_pythons and not _PYTHONS_FUNCTIONS.fullmatch(name):
            yield reader.other(name, value)


class _Reader:
    """Reads the body of one class."""

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def variable(self, name: str, annotation: Any) -> Member:
        """Read ``name: annotation``."""
        self._check_name(name)
        hint = self._resolve(name, lambda: _hint_of(self.cls, name, annotation))
        value = vars(self.cls).get(name, self)
        if hint is Final or get_origin(hint) is Final:
            return self._constant(name, value)
        if value is not self:
            raise self._error(
                name,
                "a plugin's variable has the value that the plugin gives it: write it without "
                f"one (a constant is written '{name}: Final = ...')",
            )
        found = self._typed(name, "it", hint)
        text = self._declared(found, name)
        return Member(name, "variable", text, is_optional=found.is_optional)

    def other(self, name: str, value: Any) -> Member:
        """Read what the body has under a name without annotation."""
        self._check_name(name)
        if isinstance(value, FunctionType):
            return self._function(name, value)
        if isinstance(value, property):
            return self._readonly(name, value)
        if isinstance(value, int):
            raise self._error(name, f"a constant is written '{name}: Final = {value}'")
        raise self._error(
            name,
            f"a {type(value).__name__} object stands for nothing that a plugin exports: write a "
            "method for a function, an annotated name without a value for a variable",
        )

    def _constant(self, name: str, value: Any) -> Member:
        if value is self:
            raise self._error(
                name, "Final without a value: write a property for a variable that is const"
            )
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._error(name, f"a constant must be an int, not {type(value).__name__}")
        if not _LEAST <= value <= _LARGEST:
            raise self._error(name, f"{value} does not fit into 64 bits")
        return Member(name, "constant", number(value))

    def _readonly(self, name: str, value: property) -> Member:
        function = value.fget
        if value.fset is not None or value.fdel is not None:
            raise self._error(name, f"a variable that can be written is declared as '{name}: TYPE'")
        if not isinstance(function, FunctionType):
            raise self._error(name, "its getter is no plain function")
        hints = self._resolve(name, lambda: get_type_hints(function, include_extras=True))
        found = self._typed(name, "it", hints.get("return", inspect.Parameter.empty))
        text = self._declared(found, name, readonly=True)
        marked = found.is_optional or ctype.is_optional(function)
        return Member(name, "variable", text, _doc(function), marked)

    def _function(self, name: str, function: FunctionType) -> Member:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise self._error(
                name, "functions of plugins are called and return: write a plain 'def'"
            )
        own, *parameters = [*inspect.signature(function).parameters.values(), _NOBODY]
        if own.kind not in {own.POSITIONAL_ONLY, own.POSITIONAL_OR_KEYWORD}:
            raise self._error(name, "the first parameter of a method must be 'self'")
        hints = self._resolve(name, lambda: get_type_hints(function, include_extras=True))
        texts = [self._parameter(name, each, hints) for each in parameters[:-1]]
        if texts == ["..."]:
            raise self._error(name, "C takes further arguments only after a first one, C11 6.7.6.3")
        missing = inspect.Parameter.empty
        result = self._typed(name, "the result", hints.get("return", missing), may_be_void=True)
        text = self._declared(result, f"{name}({', '.join(texts) or 'void'})")
        marked = ctype.is_optional(function)
        return Member(name, "function", text, _doc(function), marked)

    def _parameter(self, name: str, given: inspect.Parameter, hints: dict[str, Any]) -> str:
        if given.kind == given.VAR_POSITIONAL:
            return "..."
        what = f"parameter {given.name!r}"
        if given.kind in {given.KEYWORD_ONLY, given.VAR_KEYWORD}:
            raise self._error(
                name, f"{what} is given by keyword only, and C has no such parameters"
            )
        if given.default is not given.empty:
            raise self._error(name, f"{what} has a default, and C has none: write it without")
        return self._declared(
            self._typed(name, what, hints.get(given.name, given.empty)), given.name
        )

    def _typed(self, name: str, what: str, hint: Any, *, may_be_void: bool = False) -> Annotation:
        if hint is inspect.Parameter.empty:
            example = "'-> None' for none" if may_be_void else "such as nativeplug.int64"
            raise self._error(name, f"{what} has no type: write one, {example}")
        found = ctype.read(hint)
        if found.ctype is None:
            raise self._error(name, f"{what} {found.problem}")
        if found.is_void and not may_be_void:
            raise self._error(name, f"{what} is void, which has no values")
        if found.is_optional and what != "it":
            raise self._error(name, f"{what} cannot be optional, only a member can")
        return found

    @staticmethod
    def _declared(found: Annotation, name: str, *, readonly: bool = False) -> str:
        assert found.ctype is not None  # noqa: S101 - `_typed` has refused that
        return found.ctype.declare(name, readonly=readonly)

    def _resolve(self, name: str, hints: Callable[[], Any]) -> Any:
        try:
            return hints()
        except Exception as error:  # noqa: BLE001 - the annotation's text may raise anything
            raise self._error(
                name,
                f"its types cannot be told: {error}; they are needed when the program runs, so "
                "import them also when not TYPE_CHECKING",
            ) from None

    def _check_name(self, name: str) -> None:
        mangled = f"_{self.cls.__name__.lstrip('_')}__"
        if name.startswith(("__", mangled)):
            raise self._error(
                name.removeprefix(mangled[:-2]),
                "Python has its own ways with names that begin with two underscores: declare it "
                "in types=, and look it up by name",
            )

    def _error(self, name: str, problem: str) -> DeclarationError:
        return error_about(self.cls, name, problem)


def _hint_of(cls: type, name: str, annotation: Any) -> Any:
    """Resolve one annotation of a class; a class of its own has it, so others do no harm."""
    alone = type(cls.__name__, (), {"__annotations__": {name: annotation}})
    alone.__module__ = cls.__module__
    return get_type_hints(alone, include_extras=True)[name]


def _doc(function: FunctionType) -> str:
    return inspect.getdoc(function) or ""


def number(value: int) -> str:
    """Return an integer as C has it; there are no negative literals, C11 6.4.4.1."""
    if value == _LEAST:
        return f"({value + 1}LL - 1)"
    if value < 0:
        return f"({value})"
    return f"{value}ULL" if value > _LONG_MAX else str(value)


def error_about(cls: type, name: str | None, problem: str) -> DeclarationError:
    """
    Return an error about an interface, or a member of it, with the place in the program's text.

    Args:
        cls: The class.
        name: The member's name, which the class or one of its bases has; None for the class.
        problem: What is wrong.
    """
    owner = next((each for each in cls.__mro__ if _has(each, name)), cls)
    file, line = _place_of(owner, name)
    member = "" if name is None else f", member {name!r}"
    message = f"interface {owner.__qualname__!r}{member}: {problem}"
    if file is not None:
        message = f"{file}:{line}: {message}"
    return DeclarationError(message, file=file, line=line)


def _has(cls: type, name: str | None) -> bool:
    return name in vars(cls) or name in inspect.get_annotations(cls)


def _place_of(cls: type, name: str | None) -> tuple[str | None, int | None]:
    """Return where a class, or what its body has under a name, is written, if that is known."""
    value = None if name is None else vars(cls).get(name)
    function = value.fget if isinstance(value, property) else value
    if isinstance(function, FunctionType):
        return function.__code__.co_filename, function.__code__.co_firstlineno
    try:
        file = inspect.getsourcefile(cls)
        lines, first = inspect.getsourcelines(cls)
    except (OSError, TypeError):  # typed in, or made by exec()
        return None, None
    written = re.compile(rf"\s+((async )?def |class )?{re.escape(name or '')}\b")
    found = [number for number, line in enumerate(lines) if name and written.match(line)]
    return file, first + (found[0] if found else 0)
