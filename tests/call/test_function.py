"""Functions as Python sees them."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from typing import Any

import pytest

import nativeplug
from nativeplug.call import Function
from support import CPlugin, OpenPlugin, function_of


@pytest.fixture(scope="module")
def greeter(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the first plugin."""
    return open_plugin(c_plugin("greeter"))


def test_attributes(greeter: Any) -> None:
    """A function knows name, signature and address, and shows its declaration."""
    add = greeter.lookup("Add")
    assert isinstance(add, Function)
    assert add.name == add.__name__ == add.__qualname__ == "Add"
    assert str(add.signature) == "int64_t Add(int64_t a, int64_t b)"
    assert add.address > 0
    assert repr(add) == "<nativeplug.Function 'int64_t Add(int64_t a, int64_t b)'>"


def test_help_and_signature(greeter: Any) -> None:
    """``inspect.signature`` and ``help`` tell the declaration and where it stands."""
    annotated = "(a: 'int64_t', b: 'int64_t') -> 'int64_t'"
    assert annotated == str(inspect.signature(greeter.lookup("Add")))
    assert "(a, b)" == str(inspect.signature(greeter.Add))
    text = pydoc.plain(pydoc.render_doc(greeter.Add))
    assert "int64_t Add(int64_t a, int64_t b)" in text
    assert "greeter.h:" in text
    assert "exported by" in text


def test_retired_function_raises(greeter: Any) -> None:
    """A retired function raises what it was told to, a new error each time."""
    retired = function_of("int f(int a);")
    assert retired(1) == (1,)
    retired.disable(lambda: nativeplug.ClosedError("closed", path="f.so"))
    errors = []
    for _ in range(2):
        with pytest.raises(nativeplug.ClosedError) as caught:
            retired(1)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert greeter.Add(1, 1) == 2


def test_kept_functions_of_a_closed_plugin(open_plugin: OpenPlugin, c_plugin: CPlugin) -> None:
    """A callable that was kept raises ClosedError, and so does its copy."""
    plg = open_plugin(c_plugin("greeter"))
    add = plg.Add
    copies = (copy.copy(add), copy.deepcopy([add])[0])
    plg.close()
    for kept in (add, *copies):
        with pytest.raises(nativeplug.ClosedError):
            kept(1, 2)


def test_functions_are_not_pickled(greeter: Any) -> None:
    """An address means nothing in another process."""
    with pytest.raises(TypeError, match=r"cannot pickle .*Add.*: look it up in the other process"):
        pickle.dumps(greeter.Add)
