"""What map takes: types, widening, broadcasting, outputs."""

from __future__ import annotations

import array
import ctypes
import itertools
import platform
from typing import Any

import numpy as np
import pytest

import nativeplug
from nativeplug.call.vectorize import Elements
from support import Compile, CPlugin, shown

NUMBERS = {
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float": "f4", "double": "f8", "bool": "?",
}  # fmt: skip
TEXT = """
#include <stdbool.h>
#include <stdint.h>
double mix(int8_t a, double b, uint64_t c, float d, bool e, int16_t f, double g)
{ return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g; }
int many(int a, int b, int c, int d, int e, int f, int g) { return a + g; }
char next(char c) { return c + 1; }
const char *text(int x) { return x ? "x" : "y"; }
long long length(const char *text) { return text[0]; }
long long larger(long long a, long long b) { return a > b ? a : b; }
"""
DECLARATIONS = """
double mix(int8_t a, double b, uint64_t c, float d, bool e, int16_t f, double g);
int many(int a, int b, int c, int d, int e, int f, int g);
char next(char c);
const char *text(int x);
long long length(const char *text);
long long larger(long long a, long long b);
"""


@pytest.fixture(scope="module")
def numbers(c_plugin: CPlugin) -> Any:
    """Return the plugin that hands back a scalar of every type."""
    return nativeplug.open(c_plugin("scalars"))


@pytest.fixture(scope="module")
def plg(compile_c: Compile) -> Any:
    """Return a plugin with mixed signatures."""
    return nativeplug.open(compile_c(TEXT), DECLARATIONS)


def extremes(dtype: str) -> Any:
    """Return values of a type, the outermost among them."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.array([0, -0.0, 1.5, np.inf, -np.inf, np.nan, np.finfo(kind).max], kind)
    if kind.kind == "b":
        return np.array([True, False])
    limits = np.iinfo(kind)
    return np.array([limits.min, limits.max, 0, 1, limits.max // 2], kind)


@pytest.mark.parametrize(("name", "dtype"), NUMBERS.items())
def test_every_type_comes_back(numbers: Any, name: str, dtype: str) -> None:
    """Columns of every type, with and without gaps, cross the border both ways, bit for bit."""
    identity = numbers.lookup(f"id_{name}")
    values = extremes(dtype)
    gaps = np.zeros(3 * len(values), dtype)
    gaps[::3] = values
    for column in (values, gaps[::3], values[::-1]):
        result = identity.map(column)
        assert np.dtype(dtype) == result.dtype
        assert column.tobytes() == result.tobytes()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [*itertools.product(NUMBERS, [name for name in NUMBERS if name != "bool"])],
)
def test_what_is_widened(numbers: Any, given: str, wanted: str) -> None:
    """What NumPy casts safely is converted, and nothing else is taken."""
    identity = numbers.lookup(f"id_{wanted}")
    values = extremes(NUMBERS[given])
    if np.can_cast(NUMBERS[given], NUMBERS[wanted], "safe"):
        assert values.astype(NUMBERS[wanted]).tobytes() == identity.map(values).tobytes()
        return
    with pytest.raises(TypeError, match=r"'value' must be a buffer of '.*', not of format"):
        identity.map(values)


def test_truth_takes_only_truth(numbers: Any) -> None:
    """Numbers are no truth values."""
    with pytest.raises(TypeError, match="must be a buffer of '_Bool', not of format 'B'"):
        numbers.lookup("id_bool").map(b"\0\1")


@pytest.mark.parametrize(
    "column",
    [
        np.arange(3, dtype=">f8"),
        np.array(["a"]),
        np.array([1j]),
        np.array([object()]),
        np.array([1], "longdouble"),
        np.array([(1, 2)], "i4,i4"),
    ],
    ids=lambda column: column.dtype.str,
)
def test_what_is_no_number_of_this_machine(numbers: Any, column: Any) -> None:
    """Other byte orders, texts, complex numbers and objects are refused."""
    with pytest.raises(TypeError, match="must be a buffer of 'double', not of format"):
        numbers.lookup("id_double").map(column)


def test_dimensions(numbers: Any) -> None:
    """A column has one dimension; an array without any is a scalar."""
    identity = numbers.lookup("id_double")
    with pytest.raises(TypeError, match="argument 'value' must have one dimension, not 2"):
        identity.map(np.zeros((2, 2)))
    assert [2.0] == identity.map(np.float64(2), out=np.zeros(1)).tolist()


@pytest.mark.parametrize("wrong", ["text", [1.0], None, {}, object()], ids=shown)
def test_neither_number_nor_buffer(numbers: Any, wrong: object) -> None:
    """Lists and the like are no columns: their elements have no type."""
    with pytest.raises(TypeError, match="must be a number or a buffer of numbers, not"):
        numbers.lookup("id_double").map(wrong)


def test_mixed_types_and_scalars(plg: Any) -> None:
    """Integers and floating-point numbers of all sizes, columns and scalars, in any order."""
    a, b = array.array("b", [-1, 2]), array.array("d", [0.5, 1])
    d, f = array.array("f", [0.25, -1]), array.array("h", [3, -3])
    result = plg.lookup("mix").map(a, b, 1 << 40, d, True, f, 7)  # noqa: FBT003 - of the plugin
    expected = [plg.mix(*row) for row in zip(a, b, [1 << 40] * 2, d, [True] * 2, f, [7.0] * 2)]  # noqa: B905
    assert expected == result.tolist()
    assert result == plg.lookup("mix").map(a, b, 1 << 40, d, e=True, f=f, g=7)


def test_scalars_are_checked(plg: Any) -> None:
    """A scalar is converted as in a call, before the first one."""
    xs = array.array("q", [1, 2])
    with pytest.raises(OverflowError, match=r"larger\(\) argument 'b' is out of range"):
        plg.lookup("larger").map(xs, 1 << 63)
    with pytest.raises(TypeError, match=r"larger\(\) argument 'b' must be int, not float"):
        plg.lookup("larger").map(xs, 1.0)


def test_broadcasting(plg: Any) -> None:
    """One element counts for all, as in NumPy; other lengths must be the same."""
    larger, xs = plg.lookup("larger"), array.array("q", [1, 5, 3])
    assert [2, 5, 3] == larger.map(xs, array.array("q", [2])).tolist()
    assert [2] == larger.map(array.array("q", [1]), array.array("q", [2])).tolist()
    assert [] == larger.map(array.array("q"), array.array("q", [2])).tolist()
    with pytest.raises(ValueError, match=r"different lengths \('a': 3, 'b': 2\)"):
        larger.map(xs, array.array("q", [2, 2]))
    with pytest.raises(ValueError, match=r"different lengths \('a': 3, 'b': 0\)"):
        larger.map(xs, array.array("q"))


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3)])
def test_number_of_columns(plg: Any, args: Any) -> None:
    """There are as many columns as parameters."""
    with pytest.raises(TypeError, match=r"larger\(\) (missing|takes)"):
        plg.lookup("larger").map(*args)


def test_output(plg: Any) -> None:
    """*out* takes the results, and is what comes back."""
    out = array.array("q", [0] * 3)
    assert out is plg.lookup("larger").map(array.array("q", [1, 2, 3]), 2, out=out)
    assert [2, 2, 3] == out.tolist()
    every = np.zeros(6, np.int64)
    plg.lookup("larger").map(array.array("q", [1, 2, 3]), 2, out=every[::-2])
    assert [0, 3, 0, 2, 0, 2] == every.tolist()


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (bytes(24), TypeError, "out= must be writable"),
        (array.array("d", [0] * 3), TypeError, "out= must be a buffer of 'long long'"),
        (array.array("i", [0] * 3), TypeError, "out= must be a buffer of 'long long'"),
        (np.zeros(3, ">i8"), TypeError, "not of format '>q'"),
        (np.zeros((3, 1), "i8"), TypeError, "out= must have one dimension"),
        (array.array("q", [0] * 2), ValueError, "out= must have 3 items, not 2"),
        (array.array("q", [0] * 4), ValueError, "out= must have 3 items, not 4"),
        ([0, 0, 0], TypeError, "out= must be a writable buffer, not list"),
    ],
)
def test_wrong_outputs(plg: Any, out: Any, error: type[Exception], message: str) -> None:
    """What cannot take the results is refused before the first call."""
    with pytest.raises(error, match=message):
        plg.lookup("larger").map(array.array("q", [1, 2, 3]), 2, out=out)


@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 3])
def test_an_output_that_overlaps(plg: Any, shift: int) -> None:
    """Results do not change elements that are still to be read."""
    memory = np.arange(1000, dtype=np.int64)
    column, out = memory[10:-10], memory[10 + shift : 990 + shift]
    expected = np.maximum(column, 500)
    plg.lookup("larger").map(column, 500, out=out)
    assert np.array_equal(expected, out)
    backwards = np.arange(1000, dtype=np.int64)
    plg.lookup("larger").map(backwards, 500, out=backwards[::-1])
    assert np.array_equal(np.maximum(np.arange(1000), 500), backwards[::-1])


def test_unaligned_columns(numbers: Any) -> None:
    """Elements may lie at any address."""
    memory = bytearray(8 * 300 + 1)
    column = np.frombuffer(memory, np.float64, offset=1)
    column[:] = np.arange(300)
    assert np.array_equal(np.arange(300.0), numbers.lookup("id_double").map(column))


def test_truth_and_characters(plg: Any, numbers: Any) -> None:
    """Truth values are NumPy's where there is NumPy; elsewhere they and char are bytes."""
    truth = numbers.lookup("id_bool").map(memoryview(b"\0\2\1").cast("?"))
    assert array.array("B", [0, 1, 1]) == truth
    assert np.bool_ == numbers.lookup("id_bool").map(np.array([True])).dtype
    assert array.array("B", b"bcd") == plg.lookup("next").map(b"abc")
    assert array.array("B", b"bcd") == plg.lookup("next").map(memoryview(b"abc").cast("c"))


def test_characters_have_their_sign(compile_c: Compile) -> None:
    """Char goes into its register as C's own calls have it; compilers rely on it."""
    text = """
    __asm__(".text\\n.globl widen\\n.type widen,@function\\nwiden: movl %edi, %eax\\nret\\n");
    """
    if platform.machine() != "x86_64":
        text = "int widen(char c) { return c; }"
    plg: Any = nativeplug.open(compile_c(text), "int widen(char c);")
    expected = [ctypes.c_byte(byte).value for byte in b"\xff\x80A"]
    assert expected == plg.lookup("widen").map(b"\xff\x80A").tolist()
    assert expected == [plg.widen(bytes([byte])) for byte in b"\xff\x80A"]


def test_truth_is_zero_or_one(numbers: Any) -> None:
    """A truth value that is neither 0 nor 1 counts as 1, as Python and NumPy have it."""
    truth = memoryview(b"\5\0").cast("?")
    assert [1, 0] == numbers.lookup("id_int").map(truth).tolist()
    assert [1.0, 0.0] == numbers.lookup("id_double").map(truth).tolist()


def test_functions_that_cannot_be_mapped(plg: Any) -> None:
    """Text, pointers, and what the core does not serve, are refused."""
    for name, reason in (("text", "result is no number"), ("length", "'text' is no number")):
        with pytest.raises(TypeError, match=rf"{name}\(\) cannot be mapped: .*{reason}"):
            plg.lookup(name).map(array.array("i", [1]))
    with pytest.raises(TypeError, match="cannot be mapped: the core invoker does not serve it"):
        plg.lookup("many").map(*[1] * 6, array.array("i", [1]))


def test_typecodes_are_those_of_the_module_array() -> None:
    """Every kind of result has an array."""
    for sort, size in itertools.product(("signed", "unsigned"), (1, 2, 4, 8)):
        assert size == array.array(Elements(sort, size).typecode).itemsize
    assert "fdB" == "".join(
        Elements(*elements).typecode for elements in (("float", 4), ("float", 8), ("truth", 1))
    )
