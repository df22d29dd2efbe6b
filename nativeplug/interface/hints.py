"""Types in C -> the annotations that stand for them in an interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nativeplug.declare import Parameter
from nativeplug.interface import names
from nativeplug.interface.ctype import CType

#: What the annotation is of.
Role = Literal["variable", "parameter", "result"]

_CONST_AT_END = re.compile(r"(?<=\*)\s*const$")
_CHARS = re.compile(r"(const )?char ?\[\d*\]|wchar_t")
_TEXT_OR_NULL = "str | None"
# What cffi's names of types are called here; those of C's numbers are added.
_SHORT = {
    "_Bool": ("bool", "bool"),
    "double": ("float", "float"),
    "void": ("None", "None"),
}
_SHORT |= {
    get_args(alias)[1].text: (f"nativeplug.{name}", get_args(alias)[0].__name__)
    for name, alias in vars(names).items()
    if name != "float64" and isinstance(getattr(alias, "__metadata__", (None,))[0], CType)
}


@dataclass(frozen=True, slots=True)
class Hint:
    """An annotation."""

    #: As an interface has it.
    text: str
    #: As a type checker sees it.
    plain: str

    @classmethod
    def of(cls, plain: str, ctype: str) -> Hint:
        """Return the annotation with a C type's text."""
        return cls(f'Annotated[{plain}, CType("{" ".join(ctype.split())}")]', plain)


def hint_of(ffi: Any, ctype: str, role: Role) -> Hint:
    """
    Return the annotation for a type.

    Args:
        ffi: The ``FFI`` that knows the type.
        ctype: The type in C, without a name.
        role: What is of that type.
    """
    ctype = _CONST_AT_END.sub("", ctype)  # of a variable; a property says so
    found = ffi.typeof(ctype)
    if found.cname in _SHORT:
        return Hint(*_SHORT[found.cname])
    if ctype == "const char *":
        return Hint(_TEXT_OR_NULL, _TEXT_OR_NULL)
    if found.kind == "enum":
        return Hint.of("int", ctype)
    if found.cname == "char *" and role != "parameter":  # which takes buffers, too
        return Hint.of(_TEXT_OR_NULL, ctype)
    return Hint.of("str" if _CHARS.fullmatch(ctype) else "Any", ctype)


def parameter_hint(ffi: Any, parameter: Parameter, is_renamed: bool) -> Hint:  # noqa: FBT001
    """
    Return the annotation for a parameter, with the length that it is declared with.

    Args:
        ffi: The ``FFI`` that knows the type.
        parameter: The parameter.
        is_renamed: One of the function's parameters has another name in Python, so a length
            that names one says nothing any more.
    """
    if parameter.length is not None and not (is_renamed and isinstance(parameter.length, str)):
        for found in re.finditer(rf"\b{re.escape(parameter.name or '')}\b", parameter.text):
            ctype = parameter.text[: found.start()].rstrip() + parameter.text[found.end() :]
            if "[" in ctype and CType(ctype).declare(parameter.name or "") == parameter.text:
                return Hint.of("Any", ctype)
    return hint_of(ffi, parameter.type, "parameter")
