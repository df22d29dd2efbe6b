"""Arrays whose length is declared as C99 has it."""

from __future__ import annotations

import array
from typing import Any

import pytest

from nativeplug import declare
from support import Compile, CPlugin, OpenPlugin

XS = array.array("d", [1, 2, 3.5])


@pytest.fixture(scope="module")
def plg(open_plugin: OpenPlugin, c_plugin: CPlugin) -> Any:
    """Return the plugin whose functions take arrays of declared lengths."""
    return open_plugin(c_plugin("counted_arrays"))


def test_lengths_are_filled_in(plg: Any) -> None:
    """A length that is left out is that of the array."""
    assert 6.5 == plg.sum(XS) == plg.sum(3, XS) == plg.sum(xs=XS) == plg.sum(n=3, xs=XS)
    assert plg.sum(array.array("d")) == plg.sum(None) == 0
    assert plg.sum(plg.ffi.new("double[]", [1, 2])) == 3
    assert plg.total(b"abc") == sum(b"abc")
    assert plg.two(array.array("i", [1, 2]), array.array("i", [3])) == 21 + 4
    assert plg.many(1, 2, 3, 4, 5, XS) == 3.5 + (1 ^ 2 ^ 3 ^ 4 ^ 5)


def test_shorter_lengths_are_taken(plg: Any) -> None:
    """A call may use the beginning of an array."""
    assert plg.sum(2, XS) == 3
    assert plg.sum(0, XS) == plg.sum(0, None) == 0
    out = array.array("d", [0] * 4)
    plg.add(XS, XS, out, 2)
    assert out.tolist() == [2, 4, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.sum(4, XS), "sum() argument 'xs' must have at least 4 items, not 3"),
        (lambda p: p.sum(n=4, xs=XS), "sum() argument 'xs' must have at least 4 items, not 3"),
        (
            lambda p: p.sum((1 << 64) - 1, XS),
            "sum() argument 'xs' must have at least 18446744073709551615 items, not 3",
        ),
        (lambda p: p.sum(1, None), "sum() argument 'xs' must have at least 1 items, not 0"),
        (lambda p: p.total(-1, b"a"), "total() argument 'bytes' cannot have -1 items"),
        (
            lambda p: p.sum(2, p.ffi.new("double[1]")),
            "sum() argument 'xs' must have at least 2 items, not 1",
        ),
        (
            lambda p: p.add(XS, XS, array.array("d", [0]), 3),
            "add() argument 'out' must have at least 3 items, not 1",
        ),
        (
            lambda p: p.first(array.array("i", [1, 2])),
            "first() argument 'xs' must have at least 3 items, not 2",
        ),
        (
            lambda p: p.many(1, 2, 3, 4, 5, 4, XS),
            "many() argument 'xs' must have at least 4 items, not 3",
        ),
        (
            lambda p: p.add(XS, XS, array.array("d", [0])),
            "add() arguments of one length 'n' have different ones ('a': 3, 'b': 3, 'out': 1)",
        ),
    ],
)
def test_arrays_that_are_too_short(plg: Any, call: Any, message: str) -> None:
    """C is never told of more items than there are."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        call(plg)
    assert message == str(caught.value).removesuffix(": give 'n'")


def test_the_first_wrong_argument_is_named(plg: Any) -> None:
    """Arguments are looked at from left to right, also where a buffer cannot be viewed."""
    released = memoryview(b"abc")
    released.release()
    with pytest.raises(TypeError, match=r"total\(\) argument 'n' must be int, not str"):
        plg.total("3", released)
    with pytest.raises(ValueError, match="released memoryview"):
        plg.total(3, released)


def test_pointers_do_not_tell_their_length(plg: Any) -> None:
    """Of a pointer nothing is known: it is trusted, and its length must be given."""
    pointer = plg.ffi.cast("double *", plg.ffi.new("double[3]", [1, 2, 3]))
    numbers = plg.ffi.new("double[3]", [1, 2, 3])
    pointer = plg.ffi.cast("double *", numbers)
    assert plg.sum(3, pointer) == 6
    with pytest.raises(TypeError, match=r"sum\(\) missing 1 required positional argument: 'xs'"):
        plg.sum(pointer)


def test_constant_lengths(plg: Any) -> None:
    """A constant is a length too, also through a typedef."""
    assert plg.first(array.array("i", [7, 8, 9])) == plg.first(array.array("i", [7] * 5)) == 7


def test_text_counts_its_bytes(plg: Any) -> None:
    """The length of text is that of its UTF-8; C may also be told of the NUL behind it."""
    assert plg.size("\N{SNOWMAN}") == 0
    assert plg.size("ab", 3) == 3
    assert plg.size(b"ab", 3) == 3
    with pytest.raises(ValueError, match="'text' must have at least 4 items, not 2"):
        plg.size("ab", 4)


def test_other_lengths_are_not_checked(plg: Any) -> None:
    """What only C could work out is left to it, and has to be given."""
    assert plg.grid(2, 3, array.array("i", [2])) == 12
    with pytest.raises(TypeError, match=r"grid\(\) missing 1 required positional argument"):
        plg.grid(2, array.array("i", [2]))


@pytest.mark.parametrize("args", [(), (3,), (1, 2, 3)])
def test_wrong_numbers_of_arguments(plg: Any, args: tuple[int, ...]) -> None:
    """Other numbers of arguments are refused in the usual words."""
    with pytest.raises(TypeError, match=r"sum\(\)|argument 'xs'"):
        plg.sum(*args)


def test_other_arguments_have_no_length(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Beside an array with a length, all other parameters take what they always take."""
    text = "int pick(char c, int n, const int *xs) { return c == 'a' ? xs[n - 1] : 0; }"
    plg: Any = open_plugin(compile_c(text), "int pick(char c, int n, const int xs[n]);")
    assert plg.pick(bytearray(b"a"), array.array("i", [4, 5])) == 5


def test_lengths_are_part_of_what_is_shared() -> None:
    """Two prototypes that differ in a declared length only are not one."""
    rows: Any = declare.read("int abs(int x); int labs2(int n, const int a[n]);").symbols
    assert rows["abs"].prototype == rows["abs"].pointer
    assert rows["labs2"].prototype != rows["labs2"].pointer


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.total(4, b"abc"), "'bytes' must have at least 4 items, not 3"),
        (lambda p: p.sum(2**64 - 1, XS), f"'xs' must have at least {2**64 - 1} items, not 3"),
    ],
)
def test_what_is_counted(plg: Any, call: Any, message: str) -> None:
    """Only of text the NUL counts; and a count may be as large as its type."""
    with pytest.raises(ValueError, match=message):
        call(plg)


def test_arrays_of_structs(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Bytes for an array of structs have as many items as structs fit into them."""
    text = """
    struct P { long long x, y; };
    long long f(unsigned long n, const struct P *ps) { return ps[n - 1].y; }
    """
    declarations = "struct P { long long x, y; }; long long f(size_t n, const struct P ps[n]);"
    plg: Any = open_plugin(compile_c(text), declarations)
    assert plg.f(bytes(16)) == plg.f(1, bytes(16)) == 0
    with pytest.raises(ValueError, match="'ps' must have at least 2 items, not 1"):
        plg.f(2, bytes(16))
