"""Python buffers as pointer arguments."""

from __future__ import annotations

import array
import contextlib
import ctypes
import zlib
from typing import Any

import pytest

import nativeplug
from support import Compile, CPlugin, OpenPlugin, shown

TEXT = """
#include <stddef.h>
#include <stdint.h>
struct Pair { int first, second; };
union Either { int whole; float real; };
struct Opaque;
int pair_sum(const struct Pair *p) { return p ? p->first + p->second : -1; }
int either_whole(const union Either *e) { return e->whole; }
int is_null(const void *p) { return p == NULL; }
int first_of(char **texts) { return texts[0][0]; }
int opaque(struct Opaque *p) { return p != NULL; }
unsigned int unsigned_first(const unsigned int *xs) { return xs[0]; }
long double long_first(const long double *xs) { return xs[0]; }
double imaginary(const double _Complex *z) { return ((const double *)z)[1]; }
enum Color { RED, BLUE = 3 };
int color_first(const enum Color *colors) { return colors[0]; }
void clear(uint8_t *bytes, size_t n) { for (size_t i = 0; i < n; i++) bytes[i] = 0; }
"""
DECLARATIONS = """
struct Pair { int first, second; };
union Either { int whole; float real; };
enum Color { RED, BLUE = 3 };
struct Opaque;
int pair_sum(const struct Pair *p);
int either_whole(const union Either *e);
int is_null(const void *p);
int first_of(char **texts);
int opaque(struct Opaque *p);
unsigned int unsigned_first(const unsigned int *xs);
long double long_first(const long double *xs);
double imaginary(const double _Complex *z);
int color_first(const enum Color *colors);
void clear(uint8_t *bytes, size_t n);
"""


@pytest.fixture(scope="module")
def arrays(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that reads and writes arrays."""
    return open_plugin(c_plugin("arrays"))


@pytest.fixture(scope="module")
def pointers(open_plugin: OpenPlugin, compile_c: Compile) -> nativeplug.Plugin:
    """Return a plugin that takes pointers of other types."""
    return open_plugin(compile_c(TEXT), DECLARATIONS)


@pytest.mark.parametrize(
    ("name", "code"),
    [("int32", "i"), ("int64", "q"), ("int64", "l"), ("float", "f"), ("double", "d")],
)
def test_arrays_of_numbers(arrays: Any, name: str, code: str) -> None:
    """An ``array.array`` of the declared type is read where it lies."""
    numbers = array.array(code, [1, 2, 4])
    function = getattr(arrays, f"sum_{name}")
    assert function(numbers, 3) == 7
    assert function(memoryview(numbers)[1:], 2) == 6
    assert function(numbers, 0) == function(array.array(code), 0) == function(None, 0) == 0


def test_ctypes_arrays(arrays: Any) -> None:
    """A ctypes array of the declared type is read where it lies."""
    assert arrays.sum_int32((ctypes.c_int32 * 3)(1, 2, 4), 3) == 7
    assert arrays.sum_double((ctypes.c_double * 2)(0.5, 1), 2) == 1.5
    assert arrays.sum_int64(ctypes.c_int64(5), 1) == 5
    with pytest.raises(TypeError, match="must be a buffer of 'int32_t', not of format '<h'"):
        arrays.sum_int32((ctypes.c_int16 * 2)(1, 2), 1)


def test_cdata_and_none(arrays: Any) -> None:
    """Arrays and pointers of cffi's are taken, and None is NULL."""
    numbers = arrays.ffi.new("int32_t[]", [1, 2, 4])
    assert arrays.sum_int32(numbers, 3) == 7
    assert arrays.sum_int32(numbers + 1, 2) == 6
    assert arrays.sum_int32(arrays.ffi.cast("void *", numbers), 3) == 7
    assert arrays.sum_int32(None, 0) == 0


def test_writing_in_place(arrays: Any, pointers: Any) -> None:
    """What C writes is in the buffer afterwards."""
    numbers = array.array("d", [1, 2])
    arrays.scale(numbers, 2, 10)
    assert numbers.tolist() == [10, 20]
    data = bytearray(b"abcd")
    pointers.clear(memoryview(data)[1:3], 2)
    assert data == b"a\0\0d"


@pytest.mark.parametrize(
    "buffer",
    [
        b"abcd",
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        array.array("i", [7]),
        (ctypes.c_int * 1)(7),
    ],
    ids=lambda buffer: type(buffer).__name__,
)
def test_bytes_of_everything(arrays: Any, pointers: Any, buffer: Any) -> None:
    """A pointer to bytes takes every buffer: all objects can be read as bytes."""
    data = bytes(buffer)
    assert zlib.adler32(data) == arrays.checksum(buffer, len(data))
    assert pointers.is_null(buffer) == 0


def test_read_only_buffers(arrays: Any) -> None:
    """Where C may write, a buffer that must not change is refused."""
    frozen = memoryview(array.array("d", [1])).toreadonly()
    assert arrays.sum_double(frozen, 1) == 1
    with pytest.raises(TypeError) as caught:
        arrays.scale(frozen, 1, 2)
    assert (
        str(caught.value)
        == "scale() argument 'xs' must be a read-write bytes-like object, not memoryview"
    )


@pytest.mark.parametrize(
    ("name", "buffer"),
    [
        ("sum_int32", array.array("I", [1])),
        ("sum_int32", array.array("h", [1])),
        ("sum_int32", array.array("f", [1])),
        ("sum_int32", bytearray(4)),
        ("sum_int32", memoryview(bytearray(4)).cast("?")),
        ("sum_double", array.array("f", [1])),
        ("sum_double", array.array("q", [1])),
        ("sum_float", array.array("i", [1])),
        ("sum_int32", (ctypes.c_int32.__ctype_be__ * 1)(1)),
    ],
    ids=shown,
)
def test_wrong_elements(arrays: Any, name: str, buffer: Any) -> None:
    """Elements of another size, sign, class or byte order are refused."""
    with pytest.raises(TypeError, match=rf"{name}\(\) argument 'xs' must be a buffer of '"):
        getattr(arrays, name)(buffer, 1)


@pytest.mark.parametrize("wrong", [1, "text", [1], {}, object()], ids=shown)
def test_what_is_no_buffer(arrays: Any, wrong: object) -> None:
    """Numbers, text and lists are no pointers."""
    with pytest.raises(TypeError) as caught:
        arrays.sum_int32(wrong, 1)
    assert (
        "sum_int32() argument 'xs' must be None, a buffer or cdata 'int32_t *', "
        f"not {type(wrong).__name__}" == str(caught.value)
    )


def test_cdata_of_the_wrong_type(arrays: Any) -> None:
    """A pointer to something else is refused each time."""
    for _ in range(2):
        with pytest.raises(TypeError, match="must be cdata 'int32_t \\*', not 'double\\[\\]'"):
            arrays.sum_int32(arrays.ffi.new("double[]", 1), 1)


def test_buffers_with_gaps(arrays: Any) -> None:
    """A slice with a step lies in pieces in memory."""
    numbers = memoryview(array.array("i", [1, 2, 3]))[::2]
    for function in (arrays.sum_int32, arrays.checksum):
        with pytest.raises(TypeError, match="must be a C-contiguous buffer"):
            function(numbers, 2)


def test_released_buffers(arrays: Any) -> None:
    """A memoryview that was released is an error, not a crash."""
    view = memoryview(array.array("i", [1]))
    view.release()
    with pytest.raises(ValueError, match="released memoryview"):
        arrays.sum_int32(view, 1)


def test_buffers_are_let_go(arrays: Any) -> None:
    """A buffer can be resized as soon as the call is over, also while its error is handled."""
    numbers = array.array("i", [1])
    assert arrays.sum_int32(numbers, 1) == 1
    numbers.append(2)
    try:
        arrays.sum_int32(numbers, "wrong")
    except TypeError:
        numbers.append(4)
    assert arrays.sum_int32(numbers, 3) == 7


class Resizes:
    """Changes a buffer's size when it is asked for its value."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __index__(self) -> int:
        """Try it."""
        self.buffer.extend(b"x" * 10_000)
        return 4


class Releases:
    """Releases a memoryview when it is asked for its value."""

    def __init__(self, view: memoryview) -> None:
        self.view = view

    def __index__(self) -> int:
        """Do it."""
        with contextlib.suppress(BufferError):  # the core's way of holding it
            self.view.release()
        return 4


def test_buffers_are_held_meanwhile(arrays: Any) -> None:
    """A buffer that another argument's method wants to resize stays where it is."""
    buffer = bytearray(b"abcd")
    with pytest.raises(BufferError):
        arrays.checksum(buffer, Resizes(buffer))
    assert buffer == b"abcd"
    view = memoryview(buffer)
    assert zlib.adler32(b"abcd") == arrays.checksum(view, Releases(view))


class Pair(ctypes.Structure):
    """The same as the plugin's struct Pair."""

    _fields_ = (("first", ctypes.c_int), ("second", ctypes.c_int))


class Either(ctypes.Union):
    """The same as the plugin's union Either."""

    _fields_ = (("whole", ctypes.c_int), ("real", ctypes.c_float))


class Empty(ctypes.Structure):
    """Has elements of size 0."""

    _fields_ = ()


def test_structs_in_buffers(pointers: Any) -> None:
    """A pointer to a struct takes bytes and structs of its size."""
    assert pointers.pair_sum(Pair(1, 2)) == 3
    assert pointers.pair_sum((Pair * 2)(Pair(3, 4), Pair(5, 6))) == 7
    assert pointers.pair_sum(bytes(Pair(5, 6))) == 11
    assert pointers.pair_sum(bytearray(12)) == 0
    assert pointers.either_whole(Either(whole=9)) == 9
    assert pointers.pair_sum(pointers.ffi.new("struct Pair *", (7, 8))) == 15
    assert pointers.pair_sum(None) == -1


def test_structs_in_wrong_buffers(pointers: Any) -> None:
    """Too few bytes and numbers that only happen to have the size are refused."""
    with pytest.raises(ValueError, match=r"argument 'p' must have at least 8 bytes, not 7"):
        pointers.pair_sum(bytes(7))
    for wrong in (array.array("d", [1]), array.array("i", [1, 2]), (Empty * 3)()):
        with pytest.raises(TypeError, match="must be a buffer of 'struct Pair' or of bytes"):
            pointers.pair_sum(wrong)
    for other in ({"first": 1}, (1, 2)):
        with pytest.raises(TypeError, match=r"must be None, a buffer or cdata 'struct Pair \*'"):
            pointers.pair_sum(other)


@pytest.mark.parametrize(
    ("name", "what"), [("first_of", "char * *"), ("opaque", "struct Opaque *")]
)
def test_pointers_that_no_buffer_fits(pointers: Any, name: str, what: str) -> None:
    """Pointers to pointers and to unknown structs take only cdata and None."""
    with pytest.raises(TypeError) as caught:
        getattr(pointers, name)(bytearray(8))
    assert f"must be cdata {what!r} or None, not bytearray" in str(caught.value)


def test_other_numbers(pointers: Any) -> None:
    """Unsigned numbers, enums, long doubles and complex numbers have their own elements."""
    assert pointers.unsigned_first(array.array("I", [7])) == 7
    assert pointers.color_first(array.array("I", [3])) == 3
    assert float(pointers.long_first((ctypes.c_longdouble * 1)(0.5))) == 0.5
    with pytest.raises(TypeError, match="'long double'"):
        pointers.long_first(array.array("d", [0.5]))
    with pytest.raises(TypeError, match="must be a buffer of"):
        pointers.imaginary(array.array("d", [1, 2]))


class Buffer:
    """A buffer written in Python (PEP 688)."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def __buffer__(self, flags: int) -> memoryview:
        """Return memory, or raise."""
        if self.error is not None:
            raise self.error
        return memoryview(bytearray(b"abc"))


def test_buffers_written_in_python(arrays: Any) -> None:
    """From Python 3.12 on a ``__buffer__`` is called, and what it raises comes out."""
    if not hasattr(bytes, "__buffer__"):
        with pytest.raises(TypeError, match="a bytes-like object is required"):
            arrays.checksum(Buffer(), 3)
        return
    assert zlib.adler32(b"abc") == arrays.checksum(Buffer(), 3)
    error = LookupError("mine")
    with pytest.raises(LookupError) as caught:
        arrays.checksum(Buffer(error), 3)
    assert caught.value is error


def test_failing_buffer_protocol_is_told(arrays: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TypeError of an object that says it is a buffer names the argument and stays the cause."""
    monkeypatch.setattr(Buffer, "__buffer__", lambda *_: None)
    with pytest.raises(TypeError, match=r"checksum\(\) argument 'bytes': ") as caught:
        arrays.checksum(Buffer(), 3)
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    "given", [ctypes.c_char_p(b"text"), ctypes.pointer(ctypes.c_int(7)), ctypes.c_void_p(1)]
)
def test_pointers_of_ctypes_are_no_buffers(
    open_plugin: OpenPlugin, c_plugin: CPlugin, given: object
) -> None:
    """The memory of a ctypes pointer holds an address, which no function wants as its data."""
    strings: Any = open_plugin(c_plugin("strings"))
    with pytest.raises(TypeError, match="must be a buffer of values, not of pointers"):
        strings.length(given)
