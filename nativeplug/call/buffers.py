"""Check that a Python buffer is what a C pointer parameter asks for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from nativeplug._core import TYPES
from nativeplug.call.arguments import wrong_count
from nativeplug.call.plan import CallPlan, Kind, PlanValue, is_signed, is_sized, kind_of
from nativeplug.call.text import to_utf8

# The formats of native numbers (module struct, PEP 3118), by class; sizes are told apart.
_FLOATS = {Kind.FLOAT.name, Kind.LONG_DOUBLE.name}
_CLASS_OF = dict.fromkeys(("Zf", "Zd", "F", "D"), "complex") | {
    code: "float" if kind in _FLOATS else "signed" if signed else "unsigned"
    for kind, _, signed, code in TYPES.values()
    if code and kind in {*_FLOATS, Kind.INTEGER.name}
}
# Pointers and Python objects, of ctypes and struct: the memory that they lie in is nobody's data.
_POINTERS = {"P", "z", "Z", "O"}
_ORDERS = "@=<>!"
_NATIVE_ORDER = "@=<" if sys.byteorder == "little" else "@=>!"


def pointer_to(ffi: Any, value: PlanValue, given: Any, wanted: str) -> Any:
    """
    Return a pointer to a buffer's memory, which it keeps alive, without copying.

    The buffer can be neither resized nor released as long as the pointer lives.

    Args:
        ffi: The plugin's ``FFI``.
        value: The pointer parameter.
        given: Any object with the buffer protocol.
        wanted: What the parameter takes, for the message.

    Raises:
        TypeError: It is no buffer, not contiguous, read-only where the function may write,
            or its elements are not of the declared type.
        ValueError: It is smaller than the declared struct.
    """
    view = view_of(value, given, wanted)
    try:
        _check_writable(value, view, given)
        _check_elements(ffi, value, view, given)
        # Of the view, not of *given* again: what was checked is what is passed.
        return ffi.from_buffer(value.ctype, view)
    except BaseException:
        view.release()  # the error's traceback would hold it
        raise


def view_of(value: PlanValue, given: Any, wanted: str) -> memoryview:
    """
    Return a view of a buffer that lies in memory as C expects it.

    Raises:
        TypeError: It is no buffer, not contiguous, or holds pointers.
    """
    try:
        view = memoryview(given)
    except TypeError as error:
        if hasattr(type(given), "__buffer__"):  # Python 3.12, PEP 688: it is one, and fails
            raise TypeError(f"{value.label}: {error}") from error
        raise value.wrong_type(wanted, given) from None
    if not view.c_contiguous:
        raise TypeError(f"{value.label} must be a C-contiguous buffer")
    if (view.format or "B").lstrip(_ORDERS) in _POINTERS or "&" in (view.format or ""):
        raise TypeError(
            f"{value.label} must be a buffer of values, not of pointers "
            f"({type(given).__name__}): pass what it points to"
        )
    return view


def _check_writable(value: PlanValue, view: memoryview, given: object) -> None:
    if view.readonly and not value.readonly:
        raise TypeError(
            f"{value.label} must be a read-write bytes-like object, not {type(given).__name__}"
        )


def _check_elements(ffi: Any, value: PlanValue, view: memoryview, given: object) -> None:
    item = value.ctype.item
    if item.kind == "void" or (item.kind == "primitive" and ffi.sizeof(item) == 1):
        return  # C lets every object be read as bytes
    if item.kind in {"struct", "union"}:
        _check_struct(ffi, value, view, given)
        return
    wanted = class_of_type(ffi, item)
    if wanted is None:
        raise value.wrong_type(f"cdata {value.ctype.cname!r} or None", given)
    if (wanted, ffi.sizeof(item)) != (class_of_format(view.format), view.itemsize):
        raise TypeError(
            f"{value.label} must be a buffer of {item.cname!r}, not of format {view.format!r}"
        )


def _check_struct(ffi: Any, value: PlanValue, view: memoryview, given: object) -> None:
    item = value.ctype.item
    if not is_sized(item):
        raise value.wrong_type(f"cdata {value.ctype.cname!r} or None", given)
    size = ffi.sizeof(item)
    # ctypes gives bytes as the format of unions and of packed structures.
    is_struct = view.itemsize == size and (view.format or "B").startswith(("T{", "B"))
    if view.itemsize != 1 and not is_struct:
        raise TypeError(
            f"{value.label} must be a buffer of {item.cname!r} or of bytes, "
            f"not of format {view.format!r}"
        )
    if view.nbytes < size:
        raise ValueError(f"{value.label} must have at least {size} bytes, not {view.nbytes}")


def class_of_type(ffi: Any, item: Any) -> str | None:
    """Return the class of a C type's values; None when no buffer has such elements."""
    if item.cname.endswith("_complex_t"):
        return "complex"
    kind = kind_of(item)
    if kind in {Kind.FLOAT, Kind.LONG_DOUBLE}:
        return "float"
    if kind is Kind.INTEGER:
        return "signed" if is_signed(ffi, item) else "unsigned"
    return None


def class_of_format(text: str) -> str | None:
    """Return the class of a buffer's elements; None for any but native numbers."""
    code = text[1:] if text[0] in _NATIVE_ORDER else text
    return _CLASS_OF.get(code)


# Arrays whose length is declared as C99 has it: ``double sum(size_t n, const double xs[n])``.


def complete(ffi: Any, plan: CallPlan, args: Sequence[Any]) -> tuple[Any, ...]:
    """
    Fill in the lengths of arrays, when a call leaves out all of them and nothing else.

    Raises:
        TypeError: The number of arguments is another one, or an array does not tell its length.
        ValueError: Arrays of one length have different ones.
    """
    signature = plan.signature
    counters = sorted({each.counter for each in plan.lengths if each.counter is not None})
    if not counters or len(args) != len(signature.parameters) - len(counters):
        raise wrong_count(signature, len(args))
    whole = list(args)
    for index in counters:
        whole.insert(index, None)
    for index in counters:
        whole[index] = _common_length(ffi, plan, index, whole, len(args))
    return tuple(whole)


def _common_length(ffi: Any, plan: CallPlan, counter: int, args: Sequence[Any], given: int) -> int:
    arrays = [length.array for length in plan.lengths if length.counter == counter]
    found = {index: items_of(ffi, plan.parameters[index], args[index]) for index in arrays}
    if None in found.values():
        raise wrong_count(plan.signature, given)
    if len({*found.values()}) > 1:
        listed = ", ".join(f"{plan.signature.names[index]!r}: {found[index]}" for index in arrays)
        name = plan.signature.names[counter]
        raise ValueError(
            f"{plan.signature.name}() arguments of one length {name!r} have different ones "
            f"({listed}): give {name!r}"
        )
    return found[arrays[0]] or 0


def items_of(ffi: Any, value: PlanValue, given: Any) -> int | None:
    """Count the items of an argument for an array parameter; None when it does not tell."""
    if given is None:
        return 0
    if isinstance(given, ffi.CData):
        return len(given) if ffi.typeof(given).kind == "array" else None
    if isinstance(given, str) and value.kind is Kind.TEXT:
        return len(to_utf8(given, value.label))
    try:
        size = memoryview(given).nbytes
    except TypeError:
        return None
    item = value.ctype.item
    return size // ffi.sizeof(item) if is_sized(item) else size


def limit_of(ffi: Any, value: PlanValue, given: Any) -> int | None:
    """Count what C may read of an argument: of text also the NUL behind it."""
    items = items_of(ffi, value, given)
    terminated = value.kind is Kind.TEXT and isinstance(given, (str, bytes))
    return items if items is None else items + terminated


def pinned(ffi: Any, given: Any) -> Any:
    """Return a buffer as a view, so that what is counted and what is passed are the same."""
    if given is None or isinstance(given, (str, bytes, ffi.CData)):
        return given
    try:
        return memoryview(given)
    except TypeError:  # for its conversion to refuse
        return given


def pin(ffi: Any, plan: CallPlan, args: Sequence[Any], pins: list[Any]) -> Iterator[Any]:
    """Give the arguments, of arrays with a declared length views; each is put into *pins* too."""
    arrays = {length.array for length in plan.lengths}
    for index, given in enumerate(args):
        pins.append(pinned(ffi, given) if index in arrays else given)
        yield pins[-1]


def check(ffi: Any, plan: CallPlan, args: Sequence[Any], converted: Sequence[Any]) -> None:
    """
    Refuse arrays that are shorter than declared.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        args: The arguments as `pin` gave them.
        converted: The same as C gets them; of these the lengths are read.

    Raises:
        ValueError: One is too short.
    """
    for length in plan.lengths:
        wanted = length.least if length.counter is None else converted[length.counter]
        value = plan.parameters[length.array]
        limit = limit_of(ffi, value, args[length.array])
        if limit is not None and not 0 <= wanted <= limit:
            raise too_short(ffi, value, args[length.array], wanted)


def too_short(ffi: Any, value: PlanValue, given: Any, wanted: int) -> ValueError:
    """Return the error for an array with fewer items than the call says."""
    if wanted < 0:
        return ValueError(f"{value.label} cannot have {wanted} items")
    items = items_of(ffi, value, given)
    return ValueError(f"{value.label} must have at least {wanted} items, not {items}")
