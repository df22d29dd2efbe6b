"""Evaluate C's integer constant expressions: macros, enumerators, array lengths."""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import _cffi_backend
from pycparser import CParser, c_ast
from pycparser.c_generator import CGenerator
from pycparser.c_parser import ParseError

_INT, _LONG = 32, 64  # bits, on every platform that nativeplug serves (LP64)
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([uUlL]*)")
_CHARACTER = re.compile(
    r"'(?:(?P<plain>[^'\\])|\\(?P<octal>[0-7]{1,3})|\\x(?P<hex>[0-9a-fA-F]+)|\\(?P<escape>.))'"
)
_ESCAPES = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11} | {
    character: ord(character) for character in "\\'\"?"
}
_ASCII = 127  # above it, the value depends on whether char is signed

# Knows the types of C and of <stdint.h>, and no others: a type's sizes and limits.
_TYPES = _cffi_backend.FFI()
_FLOATING = {"float", "double", "long double"}


class NotConstantError(Exception):
    """The expression is not an integer constant that can be told without a compiler."""


@dataclass(frozen=True, slots=True)
class Constant:
    """
    A number with its C type: C11 6.3.1.8 decides what the operators do with it.

    Of what is not evaluated the type counts all the same: ``1 ? -1 : 1u / 0`` is 4294967295.
    """

    #: None where C says nothing of it: a division by zero, a shift beyond the type's width.
    number: int | None
    bits: int = _INT
    unsigned: bool = False

    def wrapped(self) -> Constant:
        """Return the value as its type holds it."""
        if self.number is None:
            return self
        number = self.number & ((1 << self.bits) - 1)
        if not self.unsigned and number >> (self.bits - 1):
            number -= 1 << self.bits
        return Constant(number, self.bits, self.unsigned)


def _divide(left: int, right: int) -> int:
    """Divide as C does: towards zero."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _divide(left, right)


def _applied(function: Callable[..., int], *values: Constant) -> int | None:
    """Return what a function makes of numbers; None if it makes nothing of them."""
    numbers = [value.number for value in values]
    try:
        return None if None in numbers else int(function(*numbers))
    except ZeroDivisionError:
        return None


_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_SHIFTS: Mapping[str, Callable[[int, int], int]] = {"<<": operator.lshift, ">>": operator.rshift}
_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LOGICAL = {"&&": False, "||": True}  # the left side's value that decides
_UNARY: Mapping[str, Callable[[int], int]] = {
    "+": operator.pos,
    "-": operator.neg,
    "~": operator.invert,
}


def _standard_limits() -> dict[str, Constant]:
    """Return what <stdint.h> and <stdbool.h> define: plain text is read without them."""
    limits = {"false": Constant(0), "true": Constant(1)}
    for name in ("int8", "int16", "int32", "int64", "intptr", "intmax", "ptrdiff"):
        bits = 8 * _TYPES.sizeof(f"{name}_t")
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        limits[f"{name.upper()}_MIN"] = _fitting(low)
        limits[f"{name.upper()}_MAX"] = _fitting(high)
        if name != "ptrdiff":
            most = (1 << bits) - 1
            limits[f"U{name.upper()}_MAX"] = _fitting(most, unsigned=bits >= _INT)
    limits["SIZE_MAX"] = limits["UINTPTR_MAX"]
    return limits


class Constants:
    """
    The integer constants that a text can use: macros, enumerators, the standard's limits.

    Macros are worked out when they are asked for, so they may use enumerators and one another
    whatever order they come in.
    """

    def __init__(self, known: Mapping[str, int], macros: Mapping[str, str]) -> None:
        """*known* are the values of names; *macros* are bodies by name."""
        self._macros = dict(macros)
        self._settled: set[str] = set()  # the macros that are worked out
        self._values = _standard_limits()
        for name, value in known.items():
            self.add(name, value)

    def add(self, name: str, value: int) -> None:
        """Add an enumerator."""
        self._values[name] = _fitting(value)

    def macros(self) -> dict[str, int]:
        """Return the macros that are integer constants, once all enumerators are added."""
        found = {}
        for name in tuple(self._macros):
            with contextlib.suppress(NotConstantError):
                found[name] = _number_of(self.value(name))
        return found

    def value(self, name: str) -> Constant:
        """
        Return the value of a name, with its type.

        Raises:
            NotConstantError: It has none.
        """
        body = self._macros.get(name)
        if body is not None and name not in self._settled:
            del self._macros[name]  # within itself a macro is not expanded
            try:
                self._values[name] = _evaluate(_parsed(body), self)
                self._settled.add(name)
            finally:
                self._macros[name] = body
        if name not in self._values:
            raise NotConstantError(name)
        return self._values[name]


def _parsed(text: str) -> c_ast.Node:
    try:
        return CParser().parse(f"int value = {text};").ext[0].init
    except (ParseError, RecursionError):
        raise NotConstantError(text) from None


def evaluate(node: c_ast.Node, constants: Constants) -> int:
    """
    Return the value of an integer constant expression.

    Args:
        node: The expression, as pycparser reads it.
        constants: The names that it may use.

    Raises:
        NotConstantError: It is something else: a call, a text, the size of a struct; or C does
            not say what it is.
    """
    return _number_of(_evaluate(node, constants))


def _number_of(value: Constant) -> int:
    if value.number is None:
        raise NotConstantError("a division by zero, or a shift beyond the type's width")
    return value.number


def _evaluate(node: c_ast.Node, constants: Constants) -> Constant:
    evaluators: Mapping[type[c_ast.Node], Callable[[c_ast.Node, Constants], Constant]] = {
        c_ast.Constant: lambda node, _: _literal(node.value),
        c_ast.ID: lambda node, constants: constants.value(node.name),
        c_ast.Cast: _cast,
        c_ast.UnaryOp: _unary,
        c_ast.BinaryOp: _binary,
        c_ast.TernaryOp: _conditional,
    }
    if type(node) not in evaluators:
        raise NotConstantError(type(node).__name__)
    return evaluators[type(node)](node, constants)


def _literal(text: str) -> Constant:
    if match := _NUMBER.fullmatch(text):
        digits, suffix = match[1], match[2].lower()
        octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
        number = int(digits, 8) if octal else int(digits, 0)
        least = _LONG if "l" in suffix else _INT
        return _fitting(number, unsigned="u" in suffix, least=least, decimal=digits[0] != "0")
    if match := _CHARACTER.fullmatch(text):
        plain, octal_digits, hex_digits, escape = match.groups()
        if octal_digits or hex_digits:
            code = int(octal_digits, 8) if octal_digits else int(hex_digits, 16)
        else:
            code = ord(plain) if plain else _ESCAPES.get(escape, _ASCII + 1)
        if code <= _ASCII:
            return Constant(code)
    raise NotConstantError(text)


def _fitting(
    number: int, *, unsigned: bool = False, least: int = _INT, decimal: bool = True
) -> Constant:
    """Give *number* the first type that holds it, C11 6.4.4.1."""
    for bits in (_INT, _LONG):
        if bits < least:
            continue
        if not unsigned and -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            return Constant(number, bits)
        if (unsigned or not decimal or bits == _LONG) and 0 <= number < 1 << bits:
            return Constant(number, bits, unsigned=True)
    raise NotConstantError(str(number))


def _cast(node: c_ast.Node, constants: Constants) -> Constant:
    value = _evaluate(node.expr, constants)
    name = _type_name(node.to_type)
    try:
        number = _applied(lambda number: int(_TYPES.cast(name, number)), value)
        unsigned = int(_TYPES.cast(name, -1)) > 0
        bits = 8 * _TYPES.sizeof(name)
    except (_TYPES.error, TypeError, OverflowError):  # not a type that cffi knows, not a number
        raise NotConstantError(name) from None
    cname = _TYPES.typeof(name).cname
    if cname in _FLOATING or (cname == "char" and (number is None or number > _ASCII)):
        raise NotConstantError(name)
    if bits < _INT:  # C11 6.3.1.1: what is narrower than int becomes int
        return Constant(number)
    return Constant(number, bits, unsigned)


def _type_name(node: c_ast.Node) -> str:
    return str(CGenerator().visit(node))


def _unary(node: c_ast.Node, constants: Constants) -> Constant:
    if node.op == "sizeof" and isinstance(node.expr, c_ast.Typename):
        try:
            return Constant(_TYPES.sizeof(_type_name(node.expr)), _LONG, unsigned=True)
        except (_TYPES.error, TypeError, ValueError):  # not a type that cffi knows, incomplete
            raise NotConstantError("sizeof") from None
    if node.op == "!":
        return Constant(_applied(operator.not_, _evaluate(node.expr, constants)))
    if node.op not in _UNARY:
        raise NotConstantError(node.op)
    value = _evaluate(node.expr, constants)
    return Constant(_applied(_UNARY[node.op], value), value.bits, value.unsigned).wrapped()


def _conditional(node: c_ast.Node, constants: Constants) -> Constant:
    condition = _evaluate(node.cond, constants).number
    if_true, if_false = _balanced(
        _evaluate(node.iftrue, constants), _evaluate(node.iffalse, constants)
    )
    if condition is None:
        return replace(if_true, number=None)
    return if_true if condition else if_false


def _balanced(left: Constant, right: Constant) -> tuple[Constant, Constant]:
    """Convert two values to the type they have in common, C11 6.3.1.8."""
    bits = max(left.bits, right.bits)
    unsigned = any(value.unsigned and value.bits == bits for value in (left, right))
    return (
        Constant(left.number, bits, unsigned).wrapped(),
        Constant(right.number, bits, unsigned).wrapped(),
    )


def _binary(node: c_ast.Node, constants: Constants) -> Constant:
    left = _evaluate(node.left, constants)
    if node.op in _LOGICAL:
        truth = _applied(bool, left)
        if truth in {None, _LOGICAL[node.op]}:  # the right side is not evaluated then
            return Constant(truth)
        return Constant(_applied(bool, _evaluate(node.right, constants)))
    right = _evaluate(node.right, constants)
    if node.op in _SHIFTS:
        is_defined = right.number is not None and 0 <= right.number < left.bits
        shifted = _applied(_SHIFTS[node.op], left, right) if is_defined else None
        return Constant(shifted, left.bits, left.unsigned).wrapped()
    left, right = _balanced(left, right)
    if node.op in _COMPARISONS:
        return Constant(_applied(_COMPARISONS[node.op], left, right))
    number = _applied(_ARITHMETIC[node.op], left, right)
    return Constant(number, left.bits, left.unsigned).wrapped()
