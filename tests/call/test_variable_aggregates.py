"""Arrays, structs and pointers as variables."""

from __future__ import annotations

import array
import gc
import weakref
from typing import Any

import pytest

from support import Compile, OpenPlugin


def test_arrays(variables: Any) -> None:
    """An array is read as cdata that shows the variable, and written as a whole."""
    assert list(variables.table) == [1, 2, 3, 4]
    variables.table = [10, 20, 30, 40]
    assert variables.table_sum() == 100
    variables.table[0] = 0
    assert variables.table_sum() == 90
    variables.table = array.array("i", [1, 1, 1, 1])
    variables.table = iter((2, 2, 2, 2))
    variables.table = variables.table
    assert variables.table_sum() == 8
    variables.matrix = [[1, 1, 1], (2, 2, 2)]
    assert variables.matrix_sum() == 9


@pytest.mark.parametrize(
    ("name", "wrong", "error"),
    [
        ("table", [1, 2, 3], ValueError),
        ("table", [1, 2, 3, 4, 5], ValueError),
        ("table", [1, 2, 3, "4"], TypeError),
        ("table", [1, 2, 3, 1 << 40], OverflowError),
        ("matrix", [[1, 2, 3], [4, 5]], ValueError),
        ("matrix", [[1, 2, 3], 4], TypeError),
        ("origin", {"x": 1, "z": 2}, ValueError),
        ("origin", (1, 2, 3), ValueError),
        ("origin", {"x": "1"}, TypeError),
        ("origin", 1, TypeError),
    ],
)
def test_a_value_that_does_not_fit_changes_nothing(
    variables: Any, name: str, wrong: object, error: type[Exception]
) -> None:
    """Arrays and structs are checked as a whole before anything is written."""
    before = bytes(variables.ffi.buffer(variables.ffi.addressof(getattr(variables, name))))
    with pytest.raises(error, match=f"variable '{name}'"):
        setattr(variables, name, wrong)
    after = bytes(variables.ffi.buffer(variables.ffi.addressof(getattr(variables, name))))
    assert before == after


def test_structs(variables: Any) -> None:
    """A struct is read as cdata that shows the variable, and written from dict, tuple, cdata."""
    assert (variables.origin.x, variables.origin.y) == (1, 2)
    variables.origin.x = 5
    assert variables.get_origin().x == 5
    for value in ({"x": 3, "y": 4}, (3, 4), [3, 4], variables.ffi.new("Point *", (3, 4))[0]):
        variables.origin = (0, 0)
        variables.origin = value
        assert (variables.get_origin().x, variables.get_origin().y) == (3, 4)
    variables.origin = {"y": 1}
    assert (variables.get_origin().x, variables.get_origin().y) == (0, 1)
    with pytest.raises(TypeError, match="variable 'origin' must be cdata 'Point', not 'Point \\*'"):
        variables.origin = variables.ffi.new("Point *")


def test_pointers(variables: Any) -> None:
    """A pointer is read as cdata, written from cdata and buffers, and keeps them alive."""
    assert variables.cursor[0] == 1
    variables.cursor = variables.ffi.new("int *", 77)
    gc.collect()
    assert variables.get_cursor() == 77
    variables.cursor = array.array("i", [78])
    gc.collect()
    assert variables.get_cursor() == 78
    variables.cursor = variables.table
    assert variables.get_cursor() == 1
    variables.cursor = None
    assert variables.cursor == variables.ffi.NULL
    with pytest.raises(
        TypeError, match="variable 'cursor' must be cdata 'int \\*', not 'double \\*'"
    ):
        variables.cursor = variables.ffi.new("double *")


def test_what_a_pointer_kept_is_let_go(variables: Any) -> None:
    """What was assigned lives until something else is assigned."""
    value = variables.ffi.new("int *", 5)
    alive = weakref.ref(value)
    variables.cursor = value
    del value
    assert alive() is not None
    variables.cursor = None
    assert alive() is None


def test_function_pointers(variables: Any) -> None:
    """A function pointer is NULL, one of the plugin's, or a callback that is kept."""
    assert variables.hook == variables.ffi.NULL
    assert variables.call_hook(1) == -1
    variables.hook = variables.callback("int (*)(int)", lambda x: x + 1)
    gc.collect()
    assert variables.call_hook(1) == 2
    assert variables.hook(5) == 6
    variables.hook = None
    assert variables.call_hook(1) == -1


def test_a_callable_is_no_function_pointer(variables: Any) -> None:
    """Who assigns a callable is told how to make a callback, which has an owner."""
    with pytest.raises(TypeError, match=r"make one with plg.callback\('int \(\*\)\(int"):
        variables.hook = abs
    with pytest.raises(TypeError, match="variable 'hook' must be cdata"):
        variables.hook = variables.callback("void (*)(void)", abs)


def test_opaque_and_open_ended(more: Any) -> None:
    """What has no declared size is read as a pointer to it, and not written."""
    assert "struct Opaque *" in repr(more.hidden)
    assert [more.open_ended[index] for index in range(3)] == [1, 2, 3]
    for name in ("hidden", "open_ended"):
        with pytest.raises(TypeError, match=f"variable '{name}' cannot be written: its size"):
            setattr(more, name, [1])


def test_const_structs_are_copies(more: Any) -> None:
    """Whoever writes into what was read of a const variable does not crash."""
    fixed, pair = more.fixed, more.pair
    fixed[0] = pair.first = 100
    gc.collect()
    assert (list(fixed), pair.first) == ([100, 2], 100)
    assert (list(more.fixed), more.pair.first, more.pair.second) == ([1, 2], 3, 4)
    with pytest.raises(AttributeError, match="is const: const struct Pair pair"):
        more.pair = (1, 2)


def test_further_kinds(more: Any) -> None:
    """Unions, wide characters, long doubles, enums and rows of text are as cffi has them."""
    more.either = {"whole": 6}
    more.wide, more.wide_text, more.wide_pointer = "\N{SNOWMAN}", "short", "other"
    more.precise, more.color, more.key = 0.25, more.RED, b"abcd"
    more.grid = [b"x", b"yz"]
    assert more.either.whole == 6
    assert (more.wide, more.ffi.string(more.wide_text)) == ("\N{SNOWMAN}", "short")
    assert more.ffi.string(more.wide_pointer) == "other"
    assert (float(more.precise), more.color, bytes(more.key)) == (0.25, 0, b"abcd")
    assert [more.ffi.string(row) for row in more.grid] == [b"x", b"yz"]
    with pytest.raises(ValueError, match="variable 'grid': initializer bytes is too long"):
        more.grid = [b"x", b"too long"]
    with pytest.raises(ValueError, match="variable 'key' must be 4 items, not 3"):
        more.key = b"abc"


def test_what_a_struct_points_to_is_kept(more: Any) -> None:
    """What is in a list that is assigned lives as long as the value."""
    more.pairs = [more.ffi.new("struct Pair *", (1, 2)), more.ffi.new("struct Pair *", (3, 4))]
    gc.collect()
    assert more.pairs_sum() == 5


class OwnValueError(ValueError):
    """An error of the program's."""


def raise_(error: Exception) -> None:
    """Raise."""
    raise error


class Iterates:
    """Fails when it is iterated over."""

    def __iter__(self) -> Any:
        """Raise."""
        raise TypeError("mine")


def test_errors_of_the_value_itself(variables: Any) -> None:
    """What a value's own methods raise comes out."""
    with pytest.raises(TypeError, match="variable 'table': mine"):
        variables.table = Iterates()
    failing = type("Failing", (), {"__float__": lambda _: 1 / 0})()
    with pytest.raises(ZeroDivisionError):
        variables.origin = (failing, 1)

    own = OwnValueError(1, 2)
    failing = type("Failing", (), {"__float__": lambda _: raise_(own)})()
    with pytest.raises(OwnValueError) as caught:
        variables.origin = (failing, 1)
    assert caught.value is own


def test_text_outlives_the_plugin(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """What was assigned to a ``char *`` stays allocated: C's code stays, and may have kept it."""
    plg: Any = open_plugin(compile_c('char *Name = "x";'), "extern char *Name;")
    ffi, where = plg.ffi, plg.lookup("Name").address
    plg.Name = "y" * 300
    plg.close()
    del plg
    gc.collect()
    others = [ffi.new("char[]", b"z" * 300) for _ in range(1000)]
    assert b"y" * 300 == ffi.string(ffi.cast("char **", where)[0])
    assert 1000 == len(others)
