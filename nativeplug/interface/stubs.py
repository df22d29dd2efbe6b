"""What is declared for a plugin -> the Python text of an interface."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nativeplug.declare import (
    Declarations,
    FunctionDeclaration,
    Parameter,
    SymbolDeclaration,
    VariableDeclaration,
)
from nativeplug.declare.unit import TypeDeclaration
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.interface import names, versions
from nativeplug.interface.ctype import CType

_WIDTH = 99
_USES = {"typing": ("Annotated", "Any", "Final"), "nativeplug": ("CType",)}
# A member of one of these names would stand before what annotations mean by them.
_USED = {"Annotated", "Any", "CType", "Final", "bool", "bytes", "float", "int", "nativeplug"}
_USED |= {"property", "str"}
# Or a type checker wants each body to return something: bodies of interfaces are empty.
_FOR_MYPY = '# mypy: disable-error-code="empty-body"\n'


@dataclass(frozen=True, slots=True)
class Stubs:
    """What is to be written of a plugin."""

    #: The class's name.
    name: str
    #: The text's docstring, a line.
    title: str
    declarations: Declarations
    #: What the plugin exports.
    exports: Collection[str]
    #: Tells whether a name cannot be a member's.
    is_taken: Callable[[str], bool]
    #: Why symbols cannot be used, of those that cannot.
    problems: Mapping[str, str]
    #: The interface that it tells that it has.
    version: InterfaceVersion | None = None

    def interface(self) -> str:
        """Return the text of a module with an interface, which `nativeplug.open` takes."""
        types = "".join(f"{text};\n" for text in self._types())
        others = "".join(self._unspeakable())
        literal = f', types="""\n{types}{others}"""' if types or others else ""
        body = [*self._notes(), *self._members(full=True)]
        head = f"class {self.name}(nativeplug.Interface{self._version()}{literal}):"
        return self._module(head, body, _FOR_MYPY)

    def stub(self) -> str:
        """Return the text of a ``.pyi``: the same for type checkers, without C's types."""
        body = [*self._notes(), *self._members(full=False)]
        return self._module(f"class {self.name}(nativeplug.Interface):", body, "")

    def _module(self, head: str, body: list[str], comment: str) -> str:
        lines = [line for text in body for line in text.split("\n")] or ["pass"]
        code = "".join(f"    {line}".rstrip() + "\n" for line in lines)
        whole = f"{head}\n{code}"
        typing, own = (
            f"from {module} import {', '.join(used)}\n" if used else ""
            for module, used in _imports(whole)
        )
        parts = [
            f'"""{self.title}"""\n',
            comment,
            typing,
            f"import nativeplug\n{own}",
            f"\n{whole}",
        ]
        return "\n".join(part for part in parts if part)

    def _version(self) -> str:
        """Return the class arguments that name the interface, where it has a name that can be."""
        told = self.version
        if told is None or not versions.is_name(told.name):
            return ""
        return f', name="{told.name}", version="{told.major}.{told.minor}"'

    def _symbols(self) -> Iterator[SymbolDeclaration]:
        for symbol in self.declarations.symbols.values():
            if symbol.name in self.exports and symbol.name not in self.problems:
                yield symbol

    def _types(self) -> Iterator[str]:
        for declaration in dict.fromkeys(self.declarations.types.values()):
            lines = _packed(declaration).splitlines()
            yield "\n".join(line.rstrip() for line in lines)

    def _unspeakable(self) -> Iterator[str]:
        """Iterate over declarations of what cannot be a member's name."""
        for symbol in self._symbols():
            if self._is_unspeakable(symbol.name):
                storage = "" if isinstance(symbol, FunctionDeclaration) else "extern "
                yield f"{storage}{symbol.text};\n"

    def _is_unspeakable(self, name: str) -> bool:
        mangled = name.startswith(("__", f"_{self.name.lstrip('_')}__"))
        return mangled or not is_name(name) or name in _USED or self.is_taken(name)

    def _notes(self) -> Iterator[str]:
        """Iterate over comments that tell what is left out."""
        symbols = self.declarations.symbols
        absent = [name for name in symbols if name not in self.exports]
        undeclared = [name for name in self.exports if name not in symbols]
        if absent:
            yield f"# Declared, but not exported: {', '.join(absent)}"
        if undeclared:
            yield f"# Exported, but not declared: {', '.join(sorted(undeclared))}"
        for name in [each for each in self.problems if each in self.exports]:
            yield f"# {self.problems[name][:1].upper()}{self.problems[name][1:]}"
        for name in self.declarations.constants:
            if self._is_unspeakable(name):
                yield f"# The constant {name!r} has a name that no member can have"

    def _members(self, *, full: bool) -> Iterator[str]:
        for name, value in self.declarations.constants.items():
            if not self._is_unspeakable(name):
                yield f"{name}: Final = {value}"
        symbols = [each for each in self._symbols() if not self._is_unspeakable(each.name)]
        variables = [each for each in symbols if isinstance(each, VariableDeclaration)]
        for variable in sorted(variables, key=lambda each: each.readonly):
            yield self._variable(variable, full=full)
        for symbol in symbols:
            if isinstance(symbol, FunctionDeclaration):
                yield "\n" + self._function(symbol, full=full)

    def _variable(self, symbol: VariableDeclaration, *, full: bool) -> str:
        hint = hint_of(self.declarations.ffi, symbol.type, "variable")
        text = hint.text if full else hint.plain
        if not symbol.readonly:
            return f"{symbol.name}: {text}"
        return f"\n@property\ndef {symbol.name}(self) -> {text}: ..."

    def _function(self, function: FunctionDeclaration, *, full: bool) -> str:
        ffi = self.declarations.ffi
        given = function.parameters
        names = _python_names([parameter.name for parameter in given])
        is_renamed = names != [parameter.name for parameter in given]
        hints = [parameter_hint(ffi, parameter, is_renamed) for parameter in given]
        parameters = [
            f"{name}: {hint.text if full else hint.plain}"
            for name, hint in zip(names, hints, strict=True)
        ]
        parameters += ["*args: Any"] if function.variadic else []
        result = hint_of(ffi, function.result, "result")
        end = f" -> {result.text if full else result.plain}: ..."
        line = f"def {function.name}({', '.join(['self', *parameters])}){end}"
        if len(line) + 4 > _WIDTH:
            lines = "".join(f"    {parameter},\n" for parameter in ["self", *parameters])
            line = f"def {function.name}(\n{lines}){end}"
        if full:
            return line
        return f'{line.removesuffix("...")}\n    """{" ".join(function.text.split())}"""'


def _imports(text: str) -> Iterator[tuple[str, list[str]]]:
    """Iterate over modules, each with the names of it that a text uses."""
    for module, used in _USES.items():
        yield module, [name for name in used if re.search(rf"\b{name}\b", text)]


def is_name(text: str) -> bool:
    """Tell whether a text can be a name in Python."""
    return text.isidentifier() and not keyword.iskeyword(text)


def _python_names(names: list[str | None]) -> list[str]:
    """Return names for parameters in Python: those of C, where there are some that will do."""
    found: list[str] = []
    for position, name in enumerate(names, 1):
        made = (name or f"p{position}").lstrip("_") or f"p{position}"
        made = made if is_name(made) and made != "self" else f"{made}_"
        while made in found:
            made += "_"
        found.append(made)
    return found


def _packed(declaration: TypeDeclaration) -> str:
    """Return a type's text, with the attribute that packs it; gcc's manual, Type Attributes."""
    head, brace, name = declaration.text.rpartition("}")
    if not declaration.packed or not brace:
        return declaration.text
    return f"{head}}} __attribute__((packed)){name}"


# Types in C -> the annotations that stand for them in an interface.


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
