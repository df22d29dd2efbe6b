"""
The cffi invoker: executes call plans through cffi, which makes the call by libffi.

It serves every signature that cffi can call. The GIL is released around every call.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import _cffi_backend

from nativeplug.call.callback import CallErrors, PendingErrors
from nativeplug.call.convert import ToC, from_c, further_argument, to_c
from nativeplug.call.plan import CallPlan, Kind, Value
from nativeplug.errors import DeclarationError

Invoke = Callable[..., Any]


def bind(
    ffi: Any, plan: CallPlan, address: int, free: Callable[[Any], object] | None,
    pending: PendingErrors,
) -> Invoke:
    """
    Return a callable that executes *plan* on the function at *address*.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan.
        address: The function's address.
        free: Releases the text of a result that the caller owns; None when it is borrowed.
        pending: What callbacks raised that outlive calls.

    Raises:
        DeclarationError: cffi cannot call this signature.
    """
    _check_callable(ffi, plan)
    target = ffi.cast(plan.pointer, address)
    convert = _arguments(ffi, plan)
    finish = _result(ffi, plan, free)

    def invoke(*args: Any) -> Any:
        keep: list[object] = []
        converted = convert(args, keep)
        try:
            result = target(*converted)
        except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
            raise _explain(plan, converted, error) from None
        try:
            return result if finish is None else finish(result)
        finally:
            if keep or pending:
                _raise_callback_errors(keep, pending)

    return invoke


def _raise_callback_errors(keep: list[object], pending: PendingErrors) -> None:
    for kept in keep:
        if isinstance(kept, CallErrors):
            kept.raise_first()
    pending.raise_here()


def _arguments(ffi: Any, plan: CallPlan) -> Callable[[Sequence[Any], list[object]], list[Any]]:
    """Return the conversion of all arguments of a call."""
    conversions: list[ToC] = [to_c(ffi, parameter) for parameter in plan.parameters]
    count = len(conversions)

    def convert(args: Sequence[Any], keep: list[object]) -> list[Any]:
        if len(args) != count:
            raise _wrong_count(plan, len(args))
        return [one(value, keep) for one, value in zip(conversions, args)]  # noqa: B905 - counted

    def convert_variadic(args: Sequence[Any], keep: list[object]) -> list[Any]:
        if len(args) < count:
            raise _wrong_count(plan, len(args))
        converted = [one(value, keep) for one, value in zip(conversions, args)]  # noqa: B905
        label = plan.signature.label
        further = enumerate(args[count:], count)
        return converted + [further_argument(ffi, label(index), value) for index, value in further]

    return convert_variadic if plan.signature.variadic else convert


def _wrong_count(plan: CallPlan, given: int) -> TypeError:
    """Return CPython's error for a call with too few or too many arguments."""
    name, wanted = plan.signature.name, len(plan.parameters)
    if given > wanted:
        takes = f"{wanted} positional argument{'' if wanted == 1 else 's'}"
        return TypeError(
            f"{name}() takes {takes} but {given} {'was' if given == 1 else 'were'} given"
        )
    missing = [
        repr(parameter.name) if parameter.name else str(index)
        for index, parameter in enumerate(plan.signature.parameters, 1)
    ][given:]
    names = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
    plural = "" if len(missing) == 1 else "s"
    return TypeError(
        f"{name}() missing {len(missing)} required positional argument{plural}: {names}"
    )


def _explain(plan: CallPlan, converted: Sequence[Any], error: Exception) -> Exception:
    """Return cffi's error with the name of the function, and of the argument if it is one."""
    for parameter, value in zip(plan.parameters, converted, strict=False):
        pointer = _cffi_backend.new_pointer_type(parameter.ctype)
        if parameter.kind is Kind.TEXT and isinstance(value, bytes):
            continue  # cffi passes the bytes' own memory, but makes no variable of it
        try:
            _cffi_backend.newp(pointer, value)
        except (TypeError, ValueError, OverflowError) as refusal:
            return type(refusal)(f"{parameter.label}: {refusal}")
    return type(error)(f"{plan.signature.name}(): {error}")


def _result(
    ffi: Any, plan: CallPlan, free: Callable[[Any], object] | None
) -> Callable[[Any], Any] | None:
    """Return the conversion of the call's result; None where cffi's will do."""
    if plan.fields is None:
        return _releasing(from_c(ffi, plan.result), plan.result, free)
    kind = namedtuple(f"{plan.signature.name}_return", [name for name, _ in plan.fields])  # type: ignore[misc]  # noqa: PYI024 - its fields are known at run time only
    conversions = [
        (name, _releasing(from_c(ffi, value), value, free)) for name, value in plan.fields
    ]

    def finish(struct: Any) -> Any:
        fields = [getattr(struct, name) for name, _ in conversions]
        return kind(*_finish_all(fields, [convert for _, convert in conversions]))

    return finish


def _finish_all(values: list[Any], conversions: list[Callable[[Any], Any] | None]) -> list[Any]:
    """Convert all of several results, so that none leaks, and raise the first error."""
    finished: list[Any] = []
    first: Exception | None = None
    for value, convert in zip(values, conversions, strict=True):
        try:
            finished.append(value if convert is None else convert(value))
        except UnicodeDecodeError as error:
            first = first or error
    if first is not None:
        raise first
    return finished


def _releasing(
    convert: Callable[[Any], Any] | None, value: Value, free: Callable[[Any], object] | None
) -> Callable[[Any], Any] | None:
    """Return *convert*, releasing the text that the caller owns, whatever comes of it."""
    if free is None or value.kind is not Kind.TEXT or convert is None:
        return convert

    def finish(pointer: Any) -> Any:
        try:
            return convert(pointer)
        finally:
            if pointer:
                free(pointer)

    return finish


def _check_callable(ffi: Any, plan: CallPlan) -> None:
    """Refuse what libffi cannot pass by value; cffi itself tells only at the first call."""
    values = (plan.result, *plan.parameters)
    if plan.signature.variadic or not any(value.kind is Kind.OTHER for value in values):
        return
    try:
        ffi.callback(plan.pointer, abs)  # takes the same preparation as a call
    except (NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DeclarationError(f"cannot call {str(plan.signature)!r}: {reason}") from None
