"""
Types as cffi compiles them: C text -> data -> an ``FFI`` object, without a parser.

cffi can write the types of an ``FFI`` as a Python module (``emit_python_code``) whose only
statement passes literals to ``_cffi_backend.FFI``. Those literals are what is kept; they are
read as data and never executed.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import _cffi_backend

from nativeplug.declare.unit import TypeDeclaration

Literals = dict[str, Any]

# What cffi writes before the names of constants; see _cffi_backend's parse_c_type.h.
_OP_ENUM, _OP_CONSTANT_INT = 0x0B, 0x1F
_OP_SIZE = 4

# The structs that stand for what cffi does not have, and why they have no members.
_PLACEHOLDERS = {
    "struct __va_list_tag": "a va_list can be made in C only",
    "struct __long_integer": "cffi has no integers of 128 bits",
    "struct __long_float": "Python has no such floating-point number",
    "struct __short_float": "Python has no such floating-point number",
}

# What cffi takes FILE for. It ends the process when that has members.
_FILE = "struct _IO_FILE"

#: What cffi raises about a type that it has compiled.
REFUSALS = (_cffi_backend.FFI.error, TypeError, ValueError, KeyError, NotImplementedError)


class RefusedTypeError(Exception):
    """cffi cannot serve a type."""

    def __init__(self, declaration: TypeDeclaration, reason: str) -> None:
        super().__init__(reason)
        self.declaration = declaration


def compile_types(
    base: Iterable[TypeDeclaration], types: list[TypeDeclaration], constants: Mapping[str, int]
) -> Literals:
    """
    Let cffi compile types and constants.

    Args:
        base: The types declared before, which *types* may use.
        types: The new types.
        constants: The new constants that no type of *types* defines.

    Returns:
        The arguments of ``_cffi_backend.FFI``; empty when there is nothing to compile.

    Raises:
        RefusedTypeError: cffi cannot serve one of the types.
    """
    if not types and not constants:
        return {}
    for declaration in types:
        if _FILE in declaration.names and "{" in declaration.text:
            raise RefusedTypeError(
                declaration, f"cffi has {_FILE!r} without members: leave them out"
            )
    builder = _builder(base, "nativeplug_base")
    try:
        whole = _builder(types, "nativeplug_types", builder)
        whole.cdef("".join(f"#define {name} {constants[name]}\n" for name in constants))
        return _literals(whole)
    except Exception:  # cffi raises many classes, all about the text
        _refuse_first(builder, types)
        raise


def _builder(types: Iterable[TypeDeclaration], name: str, base: Any = None) -> Any:
    import cffi  # with its parser: only when declarations are parsed afresh

    builder = cffi.FFI()
    if base is not None:
        builder.include(base)
    builder.set_source(name, None)
    for packed, some in itertools.groupby(types, lambda declaration: declaration.packed):
        builder.cdef("".join(f"{declaration.text};\n" for declaration in some), packed=packed)
    return builder


def _literals(builder: Any) -> Literals:
    """Return the literals that cffi would write into a module."""
    import ast
    import io

    from cffi import recompiler  # see _builder

    writer: Any = recompiler.Recompiler(builder, "nativeplug_types", target_is_python=True)
    writer.collect_type_table()
    writer.collect_step_tables()
    written = io.StringIO()
    writer.write_source_to_f(written, None)
    calls = (node for node in ast.walk(ast.parse(written.getvalue())) if isinstance(node, ast.Call))
    return {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in next(calls).keywords
        if keyword.arg is not None and keyword.arg != "_includes"
    }


def _refuse_first(base: Any, types: list[TypeDeclaration]) -> None:
    """Find the first type that cffi refuses."""

    def refusal(count: int) -> Exception | None:
        try:
            _literals(_builder(types[:count], "nativeplug_types", base))
        except Exception as error:  # noqa: BLE001 - as in compile_types
            return error
        return None

    # It refuses also what comes after.
    counts = range(1, len(types) + 1)
    count = 1 + bisect.bisect(counts, 0, key=lambda count: refusal(count) is not None)
    error = refusal(count) if count in counts else None
    if error is not None:
        raise RefusedTypeError(types[count - 1], reason(error)) from None


def check_types(ffi: Any, types: Iterable[TypeDeclaration]) -> None:
    """
    Make cffi lay out the types that have members, which it does late.

    Raises:
        RefusedTypeError: It cannot.
    """
    for declaration in types:
        try:
            for name in declaration.names:
                ctype = ffi.typeof(f"{name.removeprefix('typedef ')} *")  # it may be a function's
                if "{" in declaration.text:
                    ffi.sizeof(ctype.item)
        except REFUSALS as error:  # noqa: PERF203 - it is about one of them
            raise RefusedTypeError(declaration, reason(error)) from None


def problem_with(ffi: Any, ctype: str) -> str | None:
    """
    Tell why the type of a variable, or of a pointer to a function, cannot be served.

    A variable may be of a type without members: its address can be taken.
    """
    try:
        found = ffi.typeof(ctype)
    except REFUSALS as error:
        return reason(error)
    return "void has no values" if found.kind == "void" else None


def reason(error: Exception) -> str:
    """Return what cffi says, in one line."""
    said = str(error.args[0]) if error.args else type(error).__name__
    text, *shown = said.strip().splitlines()
    if len(shown) == len(("the type", "a caret under the word that it is about")):
        text = f"{text}: {shown[0][shown[1].index('^') :].split(' ')[0]!r}"
    placeholders = (_PLACEHOLDERS[name] for name in _PLACEHOLDERS if name in text)
    return next(placeholders, text.removeprefix("<cdef source string>:"))


def load_types(literals: Literals, base: Any) -> Any:
    """
    Return the ``FFI`` of compiled types.

    Args:
        literals: What `compile_types` returned.
        base: The ``FFI`` of the types declared before, or None.
    """
    if not literals:
        return base if base is not None else _cffi_backend.FFI("nativeplug_types")
    make: Any = _cffi_backend.FFI
    return make("nativeplug_types", **literals, **({} if base is None else {"_includes": (base,)}))


def constants_of(literals: Literals) -> dict[str, int]:
    """Return the macros and enumerators of compiled types."""
    return {
        name: value
        for kind, name, value in _globals(literals)
        if kind in {_OP_ENUM, _OP_CONSTANT_INT}
    }


def _globals(literals: Literals) -> Iterator[tuple[int, str, int]]:
    entries = literals.get("_globals", ())
    for entry, value in zip(entries[::2], entries[1::2], strict=True):
        yield entry[_OP_SIZE - 1], entry[_OP_SIZE:].decode(), value


def is_known_as(name: str, text: str) -> bool:
    """Tell whether a name that cffi knows by itself means to it what *text* is in C."""
    ffi = _cffi_backend.FFI()
    try:
        shapes = [(ffi.sizeof(each), int(ffi.cast(each, -1)) < 0) for each in (name, text)]
    except (ffi.error, TypeError):  # not numbers, or of types that only the text has
        return False
    return shapes[0] == shapes[1]


# The names that <stdint.h> and <stddef.h> give to C's own integers.
_SYNONYM = re.compile(r"u?int(_least|_fast)?\d+_t|u?intptr_t|u?intmax_t|s?size_t|ptrdiff_t")
_INTEGERS = {1: "char", 2: "short", 4: "int", 8: "long"}  # by size, on LP64


def same_types(ffi: Any, one: Any, other: Any) -> bool:
    """Tell whether two types are one to C: cffi keeps ``int64_t`` and ``long`` apart."""
    one, other = _without_synonym(ffi, one), _without_synonym(ffi, other)
    if one is other or one.kind != other.kind:
        return one is other
    if one.kind == "pointer":
        return same_types(ffi, one.item, other.item)
    if one.kind == "array":
        return one.length == other.length and same_types(ffi, one.item, other.item)
    if one.kind == "function":
        pairs = zip((one.result, *one.args), (other.result, *other.args), strict=False)
        shapes = [(len(each.args), each.ellipsis) for each in (one, other)]
        return shapes[0] == shapes[1] and all(same_types(ffi, *pair) for pair in pairs)
    return False


def _without_synonym(ffi: Any, ctype: Any) -> Any:
    if ctype.kind != "primitive" or not _SYNONYM.fullmatch(ctype.cname):
        return ctype
    sign = "signed" if int(ffi.cast(ctype, -1)) < 0 else "unsigned"
    return ffi.typeof(f"{sign} {_INTEGERS[ffi.sizeof(ctype)]}")
