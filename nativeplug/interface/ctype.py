"""C types in annotations: `CType`, `optional`, and what an annotation stands for in C."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from nativeplug.errors import DeclarationError

_Member = TypeVar("_Member", bound=Callable[..., Any])

# What ends a type, or lets something else begin.
_NOT_IN_TYPES = re.compile(r"[;{}#\"'\\\n]|/[/*]")
# The innermost parentheses of a declarator, as in "int (*)(int)": the name stands at their end.
# C11 6.7.7, abstract declarators.
_POINTER = re.compile(r"\(\s*\*[^()\[\]]*(?=[)\[])")
_SUFFIX = re.compile(r"[(\[]|$")
_CONST = re.compile(r"\bconst\b")

_INT = (
    "is 'int', which does not tell the size: write nativeplug.int_ for C's int, "
    "nativeplug.int64 for int64_t, and so on"
)
_BYTES = (
    "is 'bytes', which C has several types for: write nativeplug.char for one byte, "
    "Annotated[Any, nativeplug.CType('const unsigned char *')] for a buffer"
)
_PLAIN: dict[Any, str] = {
    str: "const char *",
    bool: "bool",
    float: "double",
    type(None): "void",
}
_ADVICE: dict[Any, str] = {int: _INT, bytes: _BYTES}


@dataclass(frozen=True, slots=True)
class CType:
    """
    A type in C, for annotations: ``Annotated[Any, CType("Point *")]``.

    Raises:
        DeclarationError: *text* is no type's.
        TypeError: *text* is not a ``str``.
    """

    #: The type as C has it where there is no name: ``int[4]``, ``int (*)(int)``.
    text: str

    def __post_init__(self) -> None:
        """Refuse what would be more than a type."""
        if not isinstance(self.text, str):
            raise TypeError(f"a C type must be given as str, not {type(self.text).__name__}")
        if not self.text.strip() or _NOT_IN_TYPES.search(self.text):
            raise DeclarationError(f"{self.text!r} is not the name of a C type")

    def declare(self, name: str, *, readonly: bool = False) -> str:
        """
        Return the declaration of *name* with this type, in C.

        Args:
            name: The name; with its parameters in parentheses it is a function's.
            readonly: Make it const, if the type is not.
        """
        found = _POINTER.search(self.text)
        end = found.end() if found else _place_of_name(self.text)
        before, after = self.text[:end].rstrip(), self.text[end:]
        if readonly and before.endswith("*"):
            name = f"const {name}"
        elif readonly and not _is_const(before):
            before = f"const {before}"
        gap = "" if before.endswith(("*", "(")) else " "
        return f"{before}{gap}{name}{after}"


def _place_of_name(text: str) -> int:
    suffix = _SUFFIX.search(text)
    return len(text) if suffix is None else suffix.start()


def _is_const(before: str) -> bool:
    return bool(_CONST.search(before.rpartition("*")[2]))


def optional(member: _Member) -> _Member:
    """
    Mark a member of an interface that a plugin may lack.

    It decorates a method. Of a variable it is written ``Annotated[str, nativeplug.optional]``.
    """
    if not isinstance(member, types.FunctionType):
        raise TypeError(
            f"optional marks functions, not {type(member).__name__} objects: write @property "
            "above it"
        )
    member.__nativeplug_optional__ = True  # type: ignore[attr-defined] # functions have any
    return member


def is_optional(function: Callable[..., object]) -> bool:
    """Tell whether a function was marked by `optional`."""
    return bool(getattr(function, "__nativeplug_optional__", False))


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an annotation stands for in C."""

    ctype: CType | None = None
    #: Why it stands for nothing.
    problem: str = ""
    #: It is marked by `optional`.
    is_optional: bool = False

    @property
    def is_void(self) -> bool:
        """Whether there is no value."""
        return self.ctype is not None and self.ctype.text.strip() == "void"


def read(hint: Any) -> Annotation:
    """Return what an annotation, resolved, stands for."""
    if get_origin(hint) is not Annotated:
        return _read_plain(hint)
    plain, *notes = get_args(hint)
    found = [note for note in notes if isinstance(note, CType)]
    inner = Annotation(found[-1]) if found else _read_plain(plain)
    return Annotation(inner.ctype, inner.problem, is_optional=optional in notes)


def _read_plain(hint: Any) -> Annotation:
    if get_origin(hint) in {Union, types.UnionType} and set(get_args(hint)) == {str, type(None)}:
        hint = str  # None is NULL
    try:
        text = _PLAIN.get(type(None) if hint is None else hint)
        advice = _ADVICE.get(hint)
    except TypeError:  # Literal[[]] is not hashable
        text = advice = None
    if text is not None:
        return Annotation(CType(text))
    shown = getattr(hint, "__qualname__", None) or repr(hint)
    general = f"is {shown!r}, which is no C type: write Annotated[Any, nativeplug.CType('...')]"
    return Annotation(problem=advice or general)
