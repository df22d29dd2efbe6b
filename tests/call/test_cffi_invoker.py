"""Calls: structs, results, ownership, threads, and what must not crash."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any

import pytest

import nativeplug
from gates import GATE_C, Gate, at_once, background
from support import Compile, CPlugin, OpenPlugin


@pytest.fixture(scope="module")
def structs(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that takes and gives structs."""
    return open_plugin(c_plugin("structs"))


@pytest.fixture(scope="module")
def owned(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin whose texts the caller owns; they go back to its own function."""
    free = {"owned": "strings_free", "echo": "strings_free", "long_text": "free"}
    return open_plugin(c_plugin("owned_strings"), free=free)


@pytest.fixture(scope="module")
def results(open_plugin: OpenPlugin, go_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the Go plugin whose functions have several results."""
    return open_plugin(go_plugin("results"), free={"Split": "free"})


@pytest.fixture(scope="module")
def gostrings(open_plugin: OpenPlugin, go_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the Go plugin that takes strings and slices."""
    return open_plugin(go_plugin("strings"), free={"Upper": "free"}, allow_go_results=["Constant"])


@pytest.mark.parametrize(
    ("definition", "declaration", "what"),
    [
        ("union U { int i; }; union U f(void) { union U u = {0}; return u; }",
         "union U { int i; }; union U f(void);", "union U"),
        ("double _Complex f(double _Complex z) { return z; }",
         "double _Complex f(double _Complex z);", "double _Complex"),
        ("union U { int i; }; int f(int n, union U u, ...) { return n + u.i; }",
         "union U { int i; }; int f(int n, union U u, ...);", "union U"),
    ],
)  # fmt: skip
def test_what_cffi_cannot_pass(
    open_plugin: OpenPlugin, compile_c: Compile, definition: str, declaration: str, what: str
) -> None:
    """A type that cannot be passed by value is refused at lookup, not at the first call."""
    plg = open_plugin(compile_c(definition), declaration)
    with pytest.raises(nativeplug.DeclarationError, match=f"cannot pass '{what}' by value"):
        plg.lookup("f")


def test_the_gil_is_released(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Other threads run while a function waits for what one of them does."""
    text = GATE_C + "int gated(int arrived, int opened) { return pass_gate(arrived, opened); }"
    plg = open_plugin(compile_c(text), "int gated(int arrived, int opened);")
    with Gate() as gate, background(gate.let_pass):
        assert 1 == plg.gated(gate.arrived, gate.opened)


def test_many_threads_call_one_function(structs: Any, gostrings: Any) -> None:
    """Arguments and results of calls in different threads are not mixed up."""
    wrong: list[object] = []

    def work(number: int) -> None:
        for index in range(300):
            result = structs.point_add((number, index), {"x": index})
            if (result.x, result.y) != (number + index, index):
                wrong.append(result)
            if gostrings.Upper(f"text {number}") != f"TEXT {number}":
                wrong.append(number)

    at_once(*[partial(work, number) for number in range(8)])
    assert wrong == []


def test_chars_are_widened(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """A function that relies on its caller to widen a char, as Rust's and Clang's do, may."""
    text = """
    #ifdef __x86_64__
    int is_80(int c)
    #else
    int is_80(char c)
    #endif
    { return c == (char)0x80; }
    """
    plg = open_plugin(compile_c(text), "int is_80(char c);")
    assert [1, 0] == [plg.is_80(b"\x80"), plg.is_80(b"\x7f")]


class Watched(bytearray):
    """A buffer that can be watched."""


def test_arguments_are_let_go(gostrings: Any, owned: Any) -> None:
    """No argument is held after the call, also when the call failed."""
    gc.disable()
    try:
        for call in (gostrings.Length, gostrings.Checksum, owned.echo, owned.parse_number):
            argument = Watched(b"abc\0")
            alive = weakref.ref(argument)
            try:
                call(argument)
            except TypeError as error:
                assert "missing" in str(error)  # noqa: PT017 - the except clause is the point
            del argument
            assert alive() is None, call
    finally:
        gc.enable()


def test_functions_live_without_their_plugin(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """A function works on when the plugin object, its ffi and its lookups are dropped."""
    half = open_plugin(
        compile_c("double half(double x) { return x / 2; }"), "double half(double x);"
    ).half
    gc.collect()
    assert half(3) == 1.5
