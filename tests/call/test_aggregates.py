"""Structs as a whole: made of dicts, tuples and cdata."""

from __future__ import annotations

from typing import Any

import pytest

import nativeplug
from support import CPlugin, OpenPlugin, RunPython, shown


@pytest.fixture(scope="module")
def structs(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that takes and gives structs."""
    return open_plugin(c_plugin("structs"))


def test_structs_by_value(structs: Any) -> None:
    """A struct is made of cdata, dicts, tuples and lists; a result is cdata."""
    point = structs.ffi.new("Point *", (1, 2))
    for other in (point[0], {"x": 1, "y": 2}, (1, 2), [1, 2]):
        result = structs.point_add(other, {"x": 10})
        assert (result.x, result.y) == (11, 2)
    middle = structs.segment_middle({"from": (0, 0), "to": {"x": 2, "y": 4}})
    assert (middle.x, middle.y) == (1, 2)
    assert structs.point_add(middle, middle).x == 2


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (None, TypeError, "must be 'Point', not None"),
        (5, TypeError, "initializer for ctype 'Point' must be"),
        ("xy", TypeError, "initializer for ctype 'Point' must be"),
        ({"z": 1}, ValueError, "'Point' has no field 'z'"),
        ((1, 2, 3), ValueError, "too many"),
        ({"x": "1"}, TypeError, "must be real number, not str"),
        ({"x": 10**400}, OverflowError, "int too large"),
    ],
    ids=shown,
)
def test_structs_are_not_made_of(
    structs: Any, wrong: object, error: type[Exception], message: str
) -> None:
    """What is no such struct is an error that names the argument."""
    with pytest.raises(error, match=r"point_add\(\) argument 'b'") as caught:
        structs.point_add((1, 2), wrong)
    assert message in str(caught.value)


def test_cdata_of_another_struct(structs: Any) -> None:
    """A struct of another type, or a pointer to one, is refused."""
    for wrong in (structs.ffi.new("Segment *")[0], structs.ffi.new("Point *")):
        with pytest.raises(
            TypeError, match=r"point_add\(\) argument 'a' must be cdata 'Point', not"
        ):
            structs.point_add(wrong, (1, 2))


def test_structs_by_pointer(structs: Any) -> None:
    """A pointer to a struct shows C's changes."""
    point = structs.ffi.new("Point *", (1, 2))
    structs.point_scale(point, 3)
    assert (point.x, point.y) == (3, 6)
    name = structs.ffi.new("char[]", b"name")
    options = structs.ffi.new("Options *", {"level": 5, "name": name, "weights": [1, 2, 3]})
    assert (structs.options_level(options), structs.options_total(options)) == (5, 6)
    assert structs.options_level(None) == -1
    last = structs.ffi.new("Node *", (2, structs.ffi.NULL))
    first = structs.ffi.new("Node *", (1, last))
    assert structs.list_sum(first) == 3
    with pytest.raises(
        TypeError, match=r"argument 'opts' must be cdata 'Options \*', not 'Point \*'"
    ):
        structs.options_level(point)


def test_unions(structs: Any) -> None:
    """A union is passed by pointer; by value it is refused when it is looked up."""
    assert structs.number_bits(structs.ffi.new("Number *", {"bits": 7})) == 7
    with pytest.raises(nativeplug.DeclarationError) as caught:
        structs.lookup("number_bits_by_value")
    assert "cannot pass 'Number' by value" in str(caught.value)
    assert "a pointer to it" in str(caught.value)


def test_values_that_change_while_they_are_converted(
    run_python: RunPython, c_plugin: CPlugin
) -> None:
    """A list that one of its items empties meanwhile does not crash the process."""
    done = run_python(
        """
        import sys, nativeplug
        plg = nativeplug.open(sys.argv[1])

        class Evil:
            def __float__(self):
                items.clear()
                items.extend(object() for _ in range(10))
                return 1.0

        for outer in (lambda: items, lambda: {"from": items, "to": items}):
            for _ in range(100):
                items = [Evil(), float(str(_) + ".5")]
                made = outer()
                if isinstance(made, dict):
                    plg.segment_middle(made)
                else:
                    assert plg.point_add(made, (0, 0)).y == _ + 0.5
        print("alive")
        """,
        c_plugin("structs"),
    )
    assert ("alive\n", 0) == (done.stdout, done.returncode), done.stderr
