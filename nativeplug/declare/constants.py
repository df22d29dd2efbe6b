"""Evaluate C's integer constant expressions: macros, enumerators, array lengths."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativeplug.errors import DeclarationError

if TYPE_CHECKING:
    from pycparser import c_ast

_INT, _LONG = 32, 64  # bits, on every platform nativeplug serves (LP64)
_LITERAL = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([uUlL]*)")
_ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, "'": 39, '"': 34, "a": 7, "b": 8}


class NotConstantError(DeclarationError):
    """The expression is not an integer constant that can be told without a compiler."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A number with its C type: C11 6.3.1.8 decides what the operators do with it."""

    number: int
    bits: int = _INT
    unsigned: bool = False

    def wrapped(self) -> _Value:
        """Return the value as its type holds it."""
        number = self.number & ((1 << self.bits) - 1)
        if not self.unsigned and number >> (self.bits - 1):
            number -= 1 << self.bits
        return _Value(number, self.bits, self.unsigned)


def _divide(left: int, right: int) -> int:
    """Divide as C does: towards zero."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _divide(left, right)


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
    "&&": lambda left, right: bool(left and right),
    "||": lambda left, right: bool(left or right),
}
_UNARY: Mapping[str, Callable[[int], int]] = {
    "+": operator.pos,
    "-": operator.neg,
    "~": operator.invert,
}


def evaluate(node: c_ast.Node, constants: Mapping[str, int]) -> int:
    """
    Return the value of an integer constant expression.

    Args:
        node: The expression, as pycparser reads it.
        constants: The values of the names that it may use.

    Raises:
        NotConstantError: It is something else: a call, a cast, a sizeof, a string.
    """
    try:
        return _evaluate(node, constants).number
    except (ZeroDivisionError, ValueError, OverflowError, MemoryError):
        raise NotConstantError("not an integer constant") from None


def _evaluate(node: c_ast.Node, constants: Mapping[str, int]) -> _Value:
    kind = type(node).__name__
    if kind == "Constant":
        return _literal(node.value)
    if kind == "ID" and node.name in constants:
        return _fitting(constants[node.name], unsigned=False, least=_INT)
    if kind == "UnaryOp" and node.op in {*_UNARY, "!"}:
        return _unary(node.op, _evaluate(node.expr, constants))
    if kind == "BinaryOp":
        return _binary(node.op, _evaluate(node.left, constants), _evaluate(node.right, constants))
    if kind == "TernaryOp":
        chosen = node.iftrue if _evaluate(node.cond, constants).number else node.iffalse
        return _evaluate(chosen, constants)
    raise NotConstantError("not an integer constant")


def _literal(text: str) -> _Value:
    if match := _LITERAL.fullmatch(text):
        digits, suffix = match[1], match[2].lower()
        octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
        number = int(digits, 8) if octal else int(digits, 0)
        least = _LONG if "l" in suffix else _INT
        return _fitting(number, unsigned="u" in suffix, least=least, decimal=digits[0] != "0")
    if text.startswith("'") and text.endswith("'"):
        body = text[1:-1]
        if len(body) == 1:
            return _Value(ord(body))
        if len(body) == 2 and body[0] == "\\" and body[1] in _ESCAPES:
            return _Value(_ESCAPES[body[1]])
    raise NotConstantError("not an integer constant")


def _fitting(number: int, *, unsigned: bool, least: int, decimal: bool = True) -> _Value:
    """Give *number* the first type that holds it, C11 6.4.4.1."""
    for bits in (_INT, _LONG):
        if bits < least:
            continue
        if not unsigned and -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            return _Value(number, bits)
        if (unsigned or not decimal) and 0 <= number < 1 << bits:
            return _Value(number, bits, unsigned=True)
    return _Value(number, _LONG, unsigned=True).wrapped()


def _unary(op: str, value: _Value) -> _Value:
    if op == "!":
        return _Value(int(not value.number))
    return _Value(_UNARY[op](value.number), value.bits, value.unsigned).wrapped()


def _binary(op: str, left: _Value, right: _Value) -> _Value:
    if op in _SHIFTS:
        if not 0 <= right.number < left.bits:
            raise NotConstantError("not an integer constant: a shift beyond the type's width")
        return _Value(_SHIFTS[op](left.number, right.number), left.bits, left.unsigned).wrapped()
    bits = max(left.bits, right.bits)
    unsigned = any(value.unsigned and value.bits == bits for value in (left, right))
    left, right = (_Value(value.number, bits, unsigned).wrapped() for value in (left, right))
    if op in _COMPARISONS:
        return _Value(int(_COMPARISONS[op](left.number, right.number)))
    return _Value(_ARITHMETIC[op](left.number, right.number), bits, unsigned).wrapped()


def evaluate_text(text: str, constants: Mapping[str, int]) -> int:
    """
    Return the value of an integer constant expression given as C text.

    Raises:
        NotConstantError: As `evaluate`.
    """
    from pycparser import CParser  # noqa: PLC0415 - only when declarations are parsed afresh
    from pycparser.c_parser import ParseError  # noqa: PLC0415

    try:
        tree = CParser().parse(f"int value = {text};")
    except ParseError:
        raise NotConstantError("not an integer constant") from None
    return evaluate(tree.ext[0].init, constants)


def evaluate_macros(macros: Mapping[str, str], constants: Mapping[str, int]) -> dict[str, int]:
    """
    Return the macros that are integer constants, whatever order they come in.

    Args:
        macros: The macros' bodies by name; they may use one another.
        constants: The values of other names that they may use.
    """
    found: dict[str, int] = {}
    left = dict(macros)
    while left:
        known = {**constants, **found}
        settled = {name for name, body in left.items() if _settle(name, body, known, found)}
        if not settled:
            break
        left = {name: body for name, body in left.items() if name not in settled}
    return found


def _settle(name: str, body: str, known: Mapping[str, int], found: dict[str, int]) -> bool:
    try:
        found[name] = evaluate_text(body, known)
    except NotConstantError:
        return False
    return True
