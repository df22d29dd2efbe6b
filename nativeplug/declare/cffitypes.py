"""
Types as cffi compiles them: C text -> data -> an ``FFI`` object, without a parser.

cffi can write the types of an ``FFI`` as a Python module (``emit_python_code``) whose only
statement passes literals to ``_cffi_backend.FFI``. Those literals are what is kept; they are
read as data and never executed.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterable, Mapping
from typing import Any

import _cffi_backend

from nativeplug.declare.places import error_in
from nativeplug.declare.unit import TypeDeclaration
from nativeplug.errors import DeclarationError

Literals = dict[str, Any]

# What cffi writes before the names of constants; see _cffi_backend's parse_c_type.h.
_OP_ENUM, _OP_CONSTANT_INT = 0x0B, 0x1F
_OP_SIZE = 4


def compile_types(
    base: list[TypeDeclaration],
    base_constants: Mapping[str, int],
    types: list[TypeDeclaration],
    macros: Mapping[str, int],
) -> Literals:
    """
    Let cffi compile types and constants.

    Args:
        base: The types declared before, which *types* may use.
        base_constants: The constants declared before.
        types: The new types.
        macros: The new constants that are macros.

    Returns:
        The arguments of ``_cffi_backend.FFI``; empty when there is nothing to compile.

    Raises:
        DeclarationError: cffi cannot serve one of the types.
    """
    new = {name: value for name, value in macros.items() if name not in base_constants}
    if not types and not new:
        return {}
    import cffi  # noqa: PLC0415 - with its parser: only when declarations are parsed afresh

    included = cffi.FFI()
    included.set_source("nativeplug_base", None)
    included.cdef(_text(base))
    builder = cffi.FFI()
    builder.include(included)
    builder.set_source("nativeplug_types", None)
    try:
        builder.cdef("".join(f"#define {name} {new[name]}\n" for name in new) + _text(types))
        return _literals(builder)
    except Exception as error:  # cffi raises many classes, all about the text
        raise _explain(included, types, error) from None


def load_types(literals: Literals, base: Any) -> Any:
    """
    Return the ``FFI`` of compiled types.

    Args:
        literals: What `compile_types` returned.
        base: The ``FFI`` of the types declared before, or None.
    """
    if not literals:
        return base if base is not None else _cffi_backend.FFI("nativeplug_types")
    includes = {} if base is None else {"_includes": (base,)}
    return _cffi_backend.FFI("nativeplug_types", **literals, **includes)


def constants_of(literals: Literals) -> dict[str, int]:
    """Return the macros and enumerators of compiled types."""
    entries = literals.get("_globals", ())
    return {
        entry[_OP_SIZE:].decode(): value
        for entry, value in zip(entries[::2], entries[1::2], strict=True)
        if entry[_OP_SIZE - 1] in {_OP_ENUM, _OP_CONSTANT_INT}
    }


def _text(types: Iterable[TypeDeclaration]) -> str:
    return "".join(f"{declaration.text};\n" for declaration in types)


def _literals(builder: Any) -> Literals:
    """Return the literals that cffi would write into a module."""
    from cffi.recompiler import Recompiler  # noqa: PLC0415 - see compile_types

    recompiler = Recompiler(builder, "nativeplug_types", target_is_python=True)
    recompiler.collect_type_table()
    recompiler.collect_step_tables()
    written = io.StringIO()
    recompiler.write_source_to_f(written, None)
    (call,) = (
        node for node in ast.walk(ast.parse(written.getvalue())) if isinstance(node, ast.Call)
    )
    return {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in call.keywords
        if keyword.arg is not None and keyword.arg != "_includes"
    }


def _explain(included: Any, types: list[TypeDeclaration], error: Exception) -> DeclarationError:
    """Find the first type that cffi refuses, and say where it stands."""
    import cffi  # noqa: PLC0415 - see compile_types

    builder = cffi.FFI()
    builder.include(included)
    for declaration in types:
        try:
            builder.cdef(f"{declaration.text};")
        except Exception as refusal:  # noqa: BLE001 - as above
            return error_in(declaration.place, _first_line(refusal))
    return DeclarationError(_first_line(error))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
