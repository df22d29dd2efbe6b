"""Results: converted, and released when the caller owns them."""

from __future__ import annotations

import array
from typing import Any

import pytest

import nativeplug
from support import Compile, CPlugin, OpenPlugin


@pytest.fixture(scope="module")
def owned(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin whose texts the caller owns; they go back to its own function."""
    free = {"owned": "strings_free", "echo": "strings_free", "long_text": "free"}
    return open_plugin(c_plugin("owned_strings"), free=free)


def test_out_parameters(owned: Any) -> None:
    """What C writes through a pointer is in the cdata that was passed."""
    ffi = owned.ffi
    value, error = ffi.new("int64_t *"), ffi.new("char **")
    assert owned.parse_number("42", value, error) == 0
    assert (value[0], error[0]) == (42, ffi.NULL)
    assert owned.parse_number("x", value, error) == -1
    assert ffi.string(error[0]) == b"not a number"
    owned.strings_free(error[0])


def test_owned_results_are_released(owned: Any) -> None:
    """Each result goes back to the plugin's function once; NULL does not."""
    owned.freed = 0
    assert owned.owned() == "yours now"
    assert owned.echo("text") == "text"
    assert owned.freed == 2
    assert owned.echo(None) is None
    assert owned.freed == 2


def test_owned_results_that_are_not_utf8(owned: Any) -> None:
    """A result that cannot be converted is released all the same."""
    owned.freed = 0
    with pytest.raises(UnicodeDecodeError) as caught:
        owned.echo(b"\xff")
    assert caught.value.object == b"\xff"
    assert owned.freed == 1


@pytest.fixture(scope="module")
def results(open_plugin: OpenPlugin, go_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the Go plugin whose functions have several results."""
    return open_plugin(go_plugin("results"), free={"Split": "free"})


def resident() -> int:
    """Return how much of this process is in memory, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_libc_releases_without_a_leak(owned: Any) -> None:
    """A gigabyte of results passes through, and the process stays small."""
    assert owned.long_text(10_000_000) == "x" * 10_000_000
    before = resident()
    for _ in range(100):
        owned.long_text(10_000_000)
    assert resident() - before < 50_000_000


def test_free_of_no_text_is_refused(open_plugin: OpenPlugin, c_plugin: CPlugin) -> None:
    """free= for a function that returns no text is an error of the caller of open."""
    plg = open_plugin(c_plugin("owned_strings"), free={"parse_number": "free"})
    with pytest.raises(nativeplug.DeclarationError, match="cannot release the result of"):
        plg.lookup("parse_number")


def test_results_of_a_failed_call_are_released(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """When a callback fails, what the function returned does not leak."""
    text = """
    #include <string.h>
    int freed;
    void release(char *t) { freed++; (void)t; }
    char *f(int (*g)(void)) { return g() ? "" : "text"; }
    """
    declarations = "extern int freed; void release(char *t); char *f(int (*g)(void));"
    plg = open_plugin(compile_c(text), declarations, free={"f": "release"})
    with pytest.raises(ZeroDivisionError):
        plg.f(lambda: 1 // 0)
    assert plg.freed == 1


def test_several_results(results: Any) -> None:
    """Several results of Go are a tuple with the names that cgo gives them."""
    both = results.DivMod(7, 2)
    assert both == (3, 1)
    assert (both.r0, both.r1) == (3, 1)
    low, high, found = results.MinMax(array.array("d", [2, 1, 3]))
    assert (low, high, bool(found)) == (1, 3, True)
    assert isinstance(both, tuple)


def test_text_among_several_results(results: Any) -> None:
    """Each text of several results is converted and released."""
    assert results.Split("key=value") == ("key", "value", 3)
    assert results.Split("none") == ("none", None, -1)
    with pytest.raises(UnicodeDecodeError, match="result 'r0'"):
        results.Split(b"\xff=\xfe")
    before = resident()
    for _ in range(20):
        results.Split("k" * 1_000_000 + "=" + "v" * 1_000_000)
    assert resident() - before < 30_000_000


def test_all_of_several_results_are_released(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """The texts after one that is not UTF-8 do not leak."""
    text = """
    struct f_return { char *r0; char *r1; };
    int freed;
    void release(char *t) { freed++; (void)t; }
    struct f_return f(void) { struct f_return both = {"\\xff", "b"}; return both; }
    """
    declarations = """
    struct f_return { char *r0; char *r1; };
    extern int freed;
    void release(char *t);
    struct f_return f(void);
    """
    plg = open_plugin(compile_c(text), declarations, free={"f": "release"})
    with pytest.raises(UnicodeDecodeError, match=r"f\(\) result 'r0'"):
        plg.f()
    assert plg.freed == 2


def test_results_that_point_into_arguments(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Text that the function was given lives until the result was copied."""
    plg = open_plugin(compile_c("char *f(char *t) { return t + 1; }"), "char *f(char *t);")
    assert plg.f("x" + "y" * 100_000) == "y" * 100_000


def test_a_bool_that_is_none(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """A result that cffi cannot convert is an error, and what callbacks raised comes first."""
    text = "int f(int (*g)(void)) { if (g) g(); return 2; }"
    plg = open_plugin(compile_c(text), "_Bool f(int (*g)(void));")
    with pytest.raises(ValueError, match="_Bool"):
        plg.f(None)
    with pytest.raises(ZeroDivisionError):
        plg.f(lambda: 1 // 0)
    kept = plg.callback("int (*)(void)", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        plg.f(kept)
