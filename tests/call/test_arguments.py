"""Arguments by number and by name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import nativeplug
from support import Compile, CPlugin, OpenPlugin, function_of, shown


@pytest.fixture(scope="module")
def greeter(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the first plugin."""
    return open_plugin(c_plugin("greeter"))


def test_arguments_by_position_and_name(greeter: Any) -> None:
    """Arguments can be given by position, by name, and both."""
    assert greeter.Add(2, 3) == greeter.Add(2, b=3) == greeter.Add(b=3, a=2) == 5


@pytest.mark.parametrize(
    ("declaration", "args", "kwargs"),
    [
        ("int f(int a);", (), {}),
        ("int f(int a, int b);", (), {}),
        ("int f(int a, int b, int c);", (), {}),
        ("int f(int a, int b, int c, int d);", (1,), {}),
        ("int f(void);", (1,), {}),
        ("int f(void);", (1, 2), {}),
        ("int f(int a);", (1, 2), {}),
        ("int f(int a, int b);", (1,), {"a": 1}),
        ("int f(int a, int b);", (1,), {"c": 1}),
        ("int f(int a, int b);", (), {"b": 1}),
        ("int f(int a, int b, int c);", (), {"b": 1}),
        ("int f(void);", (), {"x": 1}),
    ],
    ids=shown,
)
def test_wrong_arguments_in_the_words_of_cpython(
    open_plugin: OpenPlugin, compile_c: Compile, declaration: str, args: Any, kwargs: Any
) -> None:
    """Too few, too many, unknown and double arguments are told as for a Python function."""
    names = ", ".join(inspect.signature(function_of(declaration)).parameters)
    scope: dict[str, Any] = {}
    exec(f"def f({names}): pass", scope)  # noqa: S102 - a Python function to compare with
    plg = open_plugin(compile_c(declaration.replace(";", " { return 0; }")), declaration)
    with pytest.raises(TypeError) as wanted:
        scope["f"](*args, **kwargs)
    with pytest.raises(TypeError) as caught:
        plg.f(*args, **kwargs)
    assert str(wanted.value) == str(caught.value)


def test_missing_arguments_without_names(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """An argument without a name is called as in the signature that Python shows."""
    plg = open_plugin(compile_c("int f(int a, int b) { return a + b; }"), "int f(int, int);")
    assert plg.f(1, 2) == 3
    with pytest.raises(TypeError) as caught:
        plg.f(1)
    assert str(caught.value) == "f() missing 1 required positional argument: 'arg2'"
    with pytest.raises(TypeError) as caught:
        plg.f(1, arg2=1)
    assert str(caught.value) == "f() takes no keyword arguments"


def test_a_parameter_may_be_called_self() -> None:
    """No parameter's name collides with one of Python's."""
    assert function_of("int f(int self, int args, int kwargs);")(self=1, args=2, kwargs=3) == (
        1,
        2,
        3,
    )
