"""Scalars and text on their way to C and back."""

from __future__ import annotations

import ctypes
import decimal
import fractions
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nativeplug
from support import CPlugin, OpenPlugin, shown

quick = settings(max_examples=40)
INTEGERS = {
    "schar": ctypes.c_byte, "uchar": ctypes.c_ubyte, "short": ctypes.c_short,
    "ushort": ctypes.c_ushort, "int": ctypes.c_int, "uint": ctypes.c_uint, "long": ctypes.c_long,
    "ulong": ctypes.c_ulong, "llong": ctypes.c_longlong, "ullong": ctypes.c_ulonglong,
    "int8": ctypes.c_int8, "uint8": ctypes.c_uint8, "int16": ctypes.c_int16,
    "uint16": ctypes.c_uint16, "int32": ctypes.c_int32, "uint32": ctypes.c_uint32,
    "int64": ctypes.c_int64, "uint64": ctypes.c_uint64, "size": ctypes.c_size_t,
    "ssize": ctypes.c_ssize_t, "intptr": ctypes.c_ssize_t, "uintptr": ctypes.c_size_t,
    "color": ctypes.c_uint,
}  # fmt: skip


@pytest.fixture(scope="module")
def numbers(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that hands back a scalar of every type."""
    return open_plugin(c_plugin("scalars"))


def limits(name: str) -> tuple[int, int]:
    """Return the least and greatest value of an integer type."""
    bits = 8 * ctypes.sizeof(INTEGERS[name])
    signed = INTEGERS[name](-1).value < 0
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


class Index:
    """Has ``__index__``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __index__(self) -> int:
        """Return the value, or raise it."""
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value  # type: ignore[no-any-return]


class Real(Index):
    """Has ``__float__``."""

    def __float__(self) -> float:
        """Return the value, or raise it."""
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", INTEGERS)
@quick
@given(data=st.data())
def test_integers_come_back(numbers: Any, name: str, data: st.DataObject) -> None:
    """Every value of every integer type crosses the border both ways."""
    low, high = limits(name)
    number = data.draw(st.integers(low, high))
    function = getattr(numbers, f"id_{name}")
    assert number == function(number) == function(Index(number))
    assert (low, high) == (function(low), function(high))


@pytest.mark.parametrize("name", INTEGERS)
@quick
@given(far=st.integers(min_value=1))
def test_integers_over_the_limit(numbers: Any, name: str, far: int) -> None:
    """What lies below or above the limits is an OverflowError that tells them."""
    low, high = limits(name)
    for number in (low - far, high + far, Index(high + far)):
        with pytest.raises(OverflowError) as caught:
            getattr(numbers, f"id_{name}")(number)
        assert f"id_{name}() argument 'value' is out of range for" in str(caught.value)
        assert f"({low} to {high}): " in str(caught.value)


@pytest.mark.parametrize("number", [1 << 100_000, -(1 << 100_000)], ids=["plus", "minus"])
def test_huge_integers(numbers: Any, number: int) -> None:
    """A number that CPython refuses to print is left out of the message."""
    with pytest.raises(OverflowError, match=r"\(-128 to 127\)$"):
        numbers.id_int8(number)


@pytest.mark.parametrize(
    "wrong",
    [1.0, "1", b"1", None, decimal.Decimal(1), fractions.Fraction(1), [1], 1j, Real, object()],
    ids=shown,
)
@pytest.mark.parametrize("name", ["int", "uint8", "color"])
def test_integers_are_not_made_of(numbers: Any, name: str, wrong: object) -> None:
    """Only what has ``__index__`` is an integer; a float would lose its fraction."""
    given_type = "None" if wrong is None else type(wrong).__name__
    with pytest.raises(TypeError) as caught:
        getattr(numbers, f"id_{name}")(wrong)
    assert str(caught.value) == f"id_{name}() argument 'value' must be int, not {given_type}"


def test_bool_is_an_integer(numbers: Any) -> None:
    """True and False have ``__index__``."""
    assert numbers.id_int(True) == 1  # noqa: FBT003 - what is tested
    assert numbers.id_uint8(False) == 0  # noqa: FBT003


@pytest.mark.parametrize("error", [ValueError("mine"), KeyError("mine"), KeyboardInterrupt()])
def test_errors_of_an_index_method(numbers: Any, error: BaseException) -> None:
    """What an argument's own ``__index__`` raises comes out as it is."""
    with pytest.raises(type(error)) as caught:
        numbers.id_int(Index(error))
    assert caught.value is error


def test_type_errors_of_an_index_method(numbers: Any) -> None:
    """A TypeError of its own names the argument too, and has the first as its cause."""
    with pytest.raises(TypeError, match=r"id_int\(\) argument 'value': mine") as caught:
        numbers.id_int(Index(TypeError("mine")))
    assert str(caught.value.__cause__) == "mine"
    with pytest.raises(TypeError, match="__index__ returned non-int"):
        numbers.id_int(Index("1"))


class Liar(int):
    """An int that says that it fits."""

    def __le__(self, other: object) -> bool:
        """Say yes."""
        return True

    def __ge__(self, other: object) -> bool:
        """Say yes."""
        return True


def test_subclasses_of_int_cannot_lie(numbers: Any) -> None:
    """The number itself is compared with the limits."""
    with pytest.raises(OverflowError, match="out of range"):
        numbers.id_int8(Liar(1000))
    assert numbers.id_int8(Liar(100)) == 100


@quick
@given(number=st.floats(allow_nan=False))
def test_doubles_come_back(numbers: Any, number: float) -> None:
    """Every double crosses the border both ways, with its sign."""
    for given_number in (number, Real(number)):
        result = numbers.id_double(given_number)
        assert (number, math.copysign(1, number)) == (result, math.copysign(1, result))


@quick
@given(number=st.floats(width=32, allow_nan=False))
def test_floats_come_back(numbers: Any, number: float) -> None:
    """Every number that a float can hold crosses the border both ways."""
    assert number == numbers.id_float(number)


def test_floats_round(numbers: Any) -> None:
    """A double becomes the nearest float, too large a one infinity, as in C."""
    assert numbers.id_float(0.1) == ctypes.c_float(0.1).value != 0.1
    assert numbers.id_float(1e300) == math.inf


@pytest.mark.parametrize("name", ["float", "double", "longdouble"])
def test_nan_and_infinity(numbers: Any, name: str) -> None:
    """Values that are no numbers cross the border too."""
    function = getattr(numbers, f"id_{name}")
    assert math.isnan(float(function(math.nan)))
    assert math.inf == float(function(math.inf))
    assert -math.inf == float(function(-math.inf))


@pytest.mark.parametrize(
    "number", [1, True, Index(1), Real(1.0), decimal.Decimal(1), fractions.Fraction(1)], ids=shown
)
@pytest.mark.parametrize("name", ["float", "double", "longdouble"])
def test_floats_are_made_of_numbers(numbers: Any, name: str, number: object) -> None:
    """Anything with ``__float__`` or ``__index__`` is a real number."""
    assert float(getattr(numbers, f"id_{name}")(number)) == 1.0


@pytest.mark.parametrize(
    "wrong", ["1.0", b"1.0", bytearray(b"1"), memoryview(b"1"), None, 1j, [1.0]], ids=shown
)
@pytest.mark.parametrize("name", ["float", "double", "longdouble"])
def test_floats_are_not_made_of(numbers: Any, name: str, wrong: object) -> None:
    """Text is no number, although ``float()`` reads it."""
    given_type = "None" if wrong is None else type(wrong).__name__
    with pytest.raises(TypeError) as caught:
        getattr(numbers, f"id_{name}")(wrong)
    assert (
        str(caught.value) == f"id_{name}() argument 'value' must be real number, not {given_type}"
    )


def test_errors_of_a_float_method(numbers: Any) -> None:
    """What ``__float__`` raises comes out; CPython's own errors name the argument."""
    error = ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError) as caught:
        numbers.id_double(Real(error))
    assert caught.value is error
    with pytest.raises(OverflowError, match=r"id_double\(\) argument 'value': int too large"):
        numbers.id_double(10**400)
    with pytest.raises(TypeError, match=r"id_double\(\) argument 'value': mine"):
        numbers.id_double(Real(TypeError("mine")))
    with pytest.raises(TypeError, match="argument 'value': float"):
        numbers.id_double(numbers.ffi.NULL)


class OwnOverflowError(OverflowError):
    """An error with arguments of its own."""


def test_errors_of_own_classes_are_left_alone(numbers: Any) -> None:
    """Only CPython's own errors are reworded: a class of the program's stays what it is."""
    error = OwnOverflowError(1, 2, 3)
    with pytest.raises(OwnOverflowError) as caught:
        numbers.id_double(Real(error))
    assert caught.value is error


def test_long_double_keeps_its_digits(numbers: Any) -> None:
    """A long double comes back as cdata, which can be passed on without loss."""
    third = numbers.id_longdouble(1 / 3)
    assert "long double" in repr(third)
    assert float(numbers.id_longdouble(third)) == 1 / 3
    assert float(numbers.id_longdouble(numbers.ffi.cast("double", 2))) == 2.0


def test_bool_takes_only_bool(numbers: Any) -> None:
    """``_Bool`` takes True and False, and no number."""
    assert numbers.id_bool(True) is True  # noqa: FBT003 - what is tested
    assert numbers.id_bool(False) is False  # noqa: FBT003
    for wrong in (1, 0, 1.0, "", None):
        with pytest.raises(TypeError, match=r"id_bool\(\) argument 'value' must be bool, not"):
            numbers.id_bool(wrong)


@quick
@given(byte=st.binary(min_size=1, max_size=1))
def test_chars_come_back(numbers: Any, byte: bytes) -> None:
    """``char`` takes and gives bytes of length 1."""
    assert byte == numbers.id_char(byte) == numbers.id_char(bytearray(byte))


@pytest.mark.parametrize("wrong", ["a", 97, None, b"", b"ab", memoryview(b"a")], ids=shown)
def test_chars_are_not_made_of(numbers: Any, wrong: object) -> None:
    """``char`` takes neither text nor numbers, nor several bytes."""
    with pytest.raises(TypeError, match=r"argument 'value' must be a byte string of length 1, not"):
        numbers.id_char(wrong)


def test_wide_chars(numbers: Any) -> None:
    """``wchar_t`` takes and gives a str of length 1."""
    assert numbers.id_wchar("\N{SNOWMAN}") == "\N{SNOWMAN}"
    for wrong in ("", "ab", b"a", 97, None):
        with pytest.raises(TypeError, match=r"id_wchar\(\) argument 'value'"):
            numbers.id_wchar(wrong)


def test_many_arguments(numbers: Any) -> None:
    """Arguments that travel in registers and on the stack all arrive in their places."""
    assert numbers.sum10(*range(10)) == 45
    assert numbers.mix(1, 10.0, 2, 20.0, 3, 30.0) == 1 + 20 + 6 + 80 + 15 + 180


def test_go_numbers(open_plugin: OpenPlugin, go_plugin: CPlugin) -> None:
    """Go's scalar types have the limits of C's."""
    plg = open_plugin(go_plugin("scalars"))
    assert plg.IdInt8(-128) == -128
    assert plg.IdUint64((1 << 64) - 1) == (1 << 64) - 1
    assert plg.IdFloat32(0.5) == 0.5
    assert plg.IdRune(0x2603) == 0x2603
    for name, wrong in (("IdInt8", 128), ("IdUint", -1), ("IdByte", 256), ("IdInt", 1 << 63)):
        with pytest.raises(OverflowError, match=rf"{name}\(\) argument 'value' is out of range"):
            getattr(plg, name)(wrong)
