"""
The call plan: a signature compiled for calling.

Plain data, decided once when the symbol is resolved, and apart from the invoker that
executes it: what kind of conversion each argument and the result take, and who frees the
result.
"""

from __future__ import annotations

import enum
import inspect
import keyword
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import _cffi_backend

from nativeplug._core import TYPES
from nativeplug.declare import FunctionDeclaration, Parameter
from nativeplug.errors import DeclarationError


class Kind(enum.Enum):
    """How values of a C type cross the border."""

    VOID = enum.auto()
    """No value."""
    BOOL = enum.auto()
    """``_Bool`` <-> bool."""
    CHAR = enum.auto()
    """``char`` <-> bytes of length 1."""
    INTEGER = enum.auto()
    """Every integer type and enum <-> int, range-checked."""
    FLOAT = enum.auto()
    """``float``, ``double`` <-> float."""
    LONG_DOUBLE = enum.auto()
    """``long double`` from float or cdata; -> cdata, which ``float()`` takes."""
    TEXT = enum.auto()
    """``char *`` <-> str; also from bytes, buffers, cdata; None is NULL."""
    WIDE_TEXT = enum.auto()
    """``wchar_t *`` and the like, from str or cdata; None is NULL; -> cdata."""
    POINTER = enum.auto()
    """Pointers <-> cdata; also from buffers; None is NULL."""
    CALLBACK = enum.auto()
    """Function pointers <-> cdata; also from callables; None is NULL."""
    GO_STRING = enum.auto()
    """Go's ``string`` from str, bytes, buffers."""
    GO_SLICE = enum.auto()
    """Go's slices from buffers; None is nil."""
    GO_REFERENCE = enum.auto()
    """Go's maps, channels and interfaces: only Go can make one, except None for nil."""
    WIDE = enum.auto()
    """``wchar_t`` and the like <-> str of length 1."""
    OTHER = enum.auto()
    """Structs, unions, arrays, complex: as cffi converts them."""


_GO_TYPES = {
    "_GoString_": Kind.GO_STRING,
    "GoSlice": Kind.GO_SLICE,
    "GoInterface": Kind.GO_REFERENCE,
    "struct GoMap_ *": Kind.GO_REFERENCE,
    "struct GoChan_ *": Kind.GO_REFERENCE,
}
_POINTERS = {Kind.CHAR: Kind.TEXT, Kind.WIDE: Kind.WIDE_TEXT}
_BY_KIND = {"void": Kind.VOID, "enum": Kind.INTEGER, "function": Kind.CALLBACK}


def kind_of(ctype: Any) -> Kind:
    """Return how values of a type, as cffi describes it, cross the border."""
    if ctype.cname in _GO_TYPES:
        return _GO_TYPES[ctype.cname]
    if ctype.kind == "primitive":
        known = TYPES.get(ctype.cname)
        return Kind.OTHER if known is None else Kind[known[0]]
    if ctype.kind == "pointer":
        return _POINTERS.get(kind_of(ctype.item), Kind.POINTER)
    return _BY_KIND.get(ctype.kind, Kind.OTHER)


def is_sized(ctype: Any) -> bool:
    """
    Tell whether a type's size is declared: not of an opaque struct, nor of an open array.

    cffi 2.1 aborts the process when it is asked for the fields of an opaque struct.
    """
    try:
        return bool(_cffi_backend.sizeof(ctype) >= 0)
    except ValueError:
        return False


def is_signed(ffi: Any, ctype: Any) -> bool:
    """Tell whether an integer type, as cffi describes it, has negative values."""
    return int(ffi.cast(ctype, -1)) < 0


@dataclass(frozen=True, slots=True)
class PlanValue:
    """A parameter or result: its C type and how it crosses the border."""

    #: The C type, as cffi describes it.
    ctype: Any
    kind: Kind
    #: What error messages call it.
    label: str
    #: It is a pointer whose target is const: a read-only buffer will do.
    readonly: bool = False

    def wrong_type(self, wanted: str, given: object) -> TypeError:
        """Return CPython's error for an argument of another type than *wanted*."""
        name = "None" if given is None else type(given).__name__
        return TypeError(f"{self.label} must be {wanted}, not {name}")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A signature compiled for calling."""

    signature: Signature
    #: The type of a pointer to the function, as cffi describes it.
    pointer: Any
    parameters: tuple[PlanValue, ...]
    result: PlanValue
    #: The fields of a result that is a tuple: Go's multiple results. None for any other.
    fields: tuple[tuple[str, PlanValue], ...] | None
    #: The declared lengths of arrays.
    lengths: tuple[Length, ...] = ()


def compile_plan(signature: Signature, pointer: Any) -> CallPlan:
    """
    Compile a signature.

    Args:
        signature: The signature.
        pointer: The type of a pointer to the function, as cffi describes it.

    Raises:
        DeclarationError: A parameter is void.
    """
    if len(pointer.args) != len(signature.parameters):  # cffi takes (void x) for (void)
        raise DeclarationError(f"cannot call {str(signature)!r}: void has no values")
    parameters = tuple(
        PlanValue(
            ctype, kind_of(ctype), signature.label(index), signature.parameters[index].readonly
        )
        for index, ctype in enumerate(pointer.args)
    )
    label = f"{signature.name}() result"
    result = PlanValue(pointer.result, kind_of(pointer.result), label)
    lengths = tuple(
        length
        for length in signature.lengths
        if parameters[length.array].kind in {Kind.TEXT, Kind.POINTER}
        and (length.counter is None or parameters[length.counter].kind is Kind.INTEGER)
    )
    fields = _go_fields(signature.name, result)
    return CallPlan(signature, pointer, parameters, result, fields, lengths)


def _go_fields(name: str, result: PlanValue) -> tuple[tuple[str, PlanValue], ...] | None:
    """Return the results of a Go function with several: cgo calls the fields r0, r1 ..."""
    if result.ctype.cname != f"struct {name}_return" or not is_sized(result.ctype):
        return None
    fields = result.ctype.fields
    if [field for field, _ in fields] != [f"r{index}" for index in range(len(fields))]:
        return None
    return tuple(
        (field, PlanValue(about.type, kind_of(about.type), f"{result.label} {field!r}"))
        for field, about in fields
    )


def results_of(plan: CallPlan) -> tuple[PlanValue, ...]:
    """Return what a call gives back: one value, or each of several."""
    return (plan.result,) if plan.fields is None else tuple(value for _, value in plan.fields)


def check_free(plan: CallPlan) -> None:
    """
    Refuse to release a result that is no text.

    Raises:
        DeclarationError: The result, and each of several, is something else.
    """
    if not any(value.kind is Kind.TEXT for value in results_of(plan)):
        raise DeclarationError(
            f"cannot release the result of {str(plan.signature)!r}: "
            "free= is for functions that return 'char *'"
        )


_GO_RESULTS = {Kind.GO_STRING, Kind.GO_SLICE, Kind.GO_REFERENCE}


def refuse_go_result(plan: CallPlan, place: str) -> None:
    """
    Refuse a Go function whose result is, or holds, a value of Go's own memory.

    cgo's rules for passing pointers: the Go runtime aborts the whole process when a Go
    function returns memory of the Go heap to C.

    Raises:
        DeclarationError: It does; says what to write instead.
    """
    if not any(value.kind in _GO_RESULTS for value in results_of(plan)):
        return
    name = plan.signature.name
    raise DeclarationError(
        f"cannot call Go function {name!r} ({plan.signature}, declared at {place}): its result "
        "is a Go value, and the Go runtime aborts the process when that lies in Go memory; "
        f"return a *C.char made by C.CString instead and open with free={{{name!r}: 'free'}}, or "
        f"fill a buffer of the caller's; if {name} returns nothing but constants, open with "
        f"allow_go_results=[{name!r}]"
    )


# Signature: what a function takes and gives back, as declared.


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
