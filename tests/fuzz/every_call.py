"""
A call of every class of types by every way in, and of every way to fail.

``python tests/every_call.py TIMES`` makes all of them, for a tool that watches the process.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import building
import nativeplug
from support import PLUGINS_C

Action = Callable[[], object]
INVOKERS = ("core", "cffi")


class Index:
    """An integer."""

    def __init__(self) -> None:
        self._number = 1

    def __index__(self) -> int:
        """Return a new one each time, beyond the small ones that Python shares."""
        return self._number << 40


class Real:
    """A real number."""

    def __float__(self) -> float:
        """Return it."""
        return 0.1


class Failing:
    """Fails to be a number."""

    def __index__(self) -> int:
        """Fail."""
        raise ZeroDivisionError("mine")

    __float__ = __index__


def open_with(invoker: str, folder: Path, **options: Any) -> Any:
    """Build and open the plugin, with all its functions looked up for *invoker*."""
    shutil.copy(PLUGINS_C / "calls.h", folder)
    plugin = building.build(PLUGINS_C / "calls.c", folder / "calls.so")
    plg: Any = nativeplug.open(plugin, free={"copy": "free"}, save_errno=["fail"], **options)
    with mock.patch.dict(os.environ, NATIVEPLUG_INVOKER=invoker):
        for name in plg:
            plg.lookup(name)
    assert invoker == plg.lookup("add").invoker
    return plg


def calls(plg: Any) -> dict[str, Action]:
    """Return calls that succeed."""
    text, snowmen, data, large = "a text", "\N{SNOWMAN}" * 20, b"data" * 20, 1 << 62
    xs, numbers, index, real = array("d", [1, 2, 3]), plg.ffi.new("double[3]"), Index(), Real()
    pointer, points = plg.ffi.new("int *"), plg.ffi.new("struct point *")
    add, half = plg.lookup("add"), plg.lookup("half")
    return {
        "no arguments": plg.nop,
        "integers": lambda: plg.add(large, large),
        "small integers": lambda: plg.add(1, 2),
        "integers from objects": lambda: plg.add(index, index),
        "unsigned integers": lambda: plg.same((1 << 64) - 1),
        "enums": lambda: plg.paint(7),
        "truth values": lambda: plg.negate(True),  # noqa: FBT003 - C has no keywords
        "characters": lambda: plg.next(b"a"),
        "characters from bytearrays": lambda: plg.next(bytearray(b"a")),
        "float": lambda: plg.halff(1e300),
        "double": lambda: plg.half(0.1),
        "double from integers": lambda: plg.half(large),
        "double from objects": lambda: plg.half(real),
        "three arguments": lambda: plg.fma3(0.1, 0.2, 0.3),
        "six arguments": lambda: plg.mix(1, 0.1, 2, 0.2, 3, 0.3),
        "seven integers": lambda: plg.sum7(1, 2, 3, 4, 5, 6, 7),
        "text": lambda: plg.echo(text),
        "text that is not ASCII": lambda: plg.echo(snowmen),
        "text from bytes": lambda: plg.echo(data),
        "text from buffers": lambda: plg.echo(bytearray(b"text\0")),
        "text that is NULL": lambda: plg.echo(None),
        "text that C writes into": lambda: (plg.upper(text), plg.upper(b"bytes")),
        "text that is released": lambda: plg.copy(snowmen),
        "pointers": lambda: plg.hand_back(pointer),
        "pointers that are NULL": lambda: plg.hand_back(None),
        "buffers": lambda: plg.first(xs),
        "arrays": lambda: (plg.sum(2, xs), plg.sum(xs), plg.sum(numbers)),
        "errno": lambda: (plg.fail(7), nativeplug.get_errno()),
        "structs": lambda: plg.mirror(points[0]),
        "varargs": lambda: plg.varied(1, 2, "text"),
        "callbacks": lambda: plg.apply(abs, -large % 1000),
        "arguments by name": lambda: plg.add(a=large, b=index),
        "calls of a Function": lambda: (add(1, large), add(1, b=2)),
        "lookups": lambda: plg.lookup("half") is half and plg.half,
        "variables": lambda: plg.__setattr__("counter", plg.counter),
    }


def failures(plg: Any) -> dict[str, Action]:
    """Return calls that fail."""
    failing, xs = Failing(), array("d", [1, 2, 3])
    return {
        "a wrong type": lambda: plg.add("1", 2),
        "an integer out of range": lambda: plg.add(1 << 63, 2),
        "a huge integer": lambda: plg.same(1 << 100_000),
        "an __index__ that fails": lambda: plg.add(1, failing),
        "a __float__ that fails": lambda: plg.half(failing),
        "an integer that is no float": lambda: plg.half(10**400),
        "no truth value": lambda: plg.negate(1),
        "several characters": lambda: plg.next(b"ab"),
        "too few arguments": lambda: plg.add(1),
        "too many arguments": lambda: plg.half(1, 2),
        "an unknown name": lambda: plg.add(1, c=2),
        "a name given twice": lambda: plg.add(1, a=2),
        "an embedded NUL": lambda: plg.echo("a\0b"),
        "half a surrogate pair": lambda: plg.echo("\ud800"),
        "a result that is no UTF-8": plg.broken,
        "a buffer of another type": lambda: plg.first(array("i", [1])),
        "a read-only buffer": lambda: plg.hand_back(b"data"),
        "another pointer": lambda: plg.first(plg.ffi.new("int *")),
        "an array that is too short": lambda: plg.sum(4, xs),
        "a second argument after a buffer": lambda: plg.sum(xs, xs),
        "a callback that fails": lambda: plg.apply(lambda _: failing.__index__(), 1),
        "a wrong struct": lambda: plg.mirror("no"),
        "an unknown symbol": lambda: plg.nothing_of_the_sort,
    }


def maps(plg: Any) -> dict[str, Action]:
    """Return calls over columns that succeed."""
    xs, ns, out = array("d", range(300)), array("i", range(300)), array("d", bytes(8 * 300))
    half, mix = plg.lookup("half"), plg.lookup("mix")
    return {
        "a map": lambda: half.map(xs),
        "a map into a buffer": lambda: half.map(ns, out=out),
        "a map of many columns": lambda: mix.map(ns, xs, ns, 1.5, 2, memoryview(xs)[::-1]),
        "a map of nothing": lambda: half.map(array("d")),
    }


def map_failures(plg: Any) -> dict[str, Action]:
    """Return calls over columns that fail."""
    xs, ns = array("d", range(300)), array("i", range(300))
    half, nop, echo = plg.lookup("half"), plg.lookup("nop"), plg.lookup("echo")

    def stop(_done: int, _total: int) -> None:
        raise ZeroDivisionError("mine")

    return {
        "a map that is stopped": lambda: half.map(xs, progress=stop),
        "a map of other results": lambda: half.map(ns, out=ns),
        "a map of text": lambda: echo.map(xs),
        "a map of different lengths": lambda: plg.lookup("add").map(ns, ns[:2]),
        "a map without a length": nop.map,
    }


def _failing(action: Action) -> Action:
    def call() -> None:
        try:
            action()
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            return
        raise AssertionError("it does not fail")

    return call


def actions(plg: Any) -> dict[str, Action]:
    """Return all of them by name; what shall fail does so silently."""
    succeeding, failing = calls(plg), failures(plg)
    if plg.lookup("add").invoker == "core":
        succeeding |= maps(plg)
        failing |= map_failures(plg)
    return succeeding | {name: _failing(action) for name, action in failing.items()}


def main(times: str) -> None:
    """Make all calls by both invokers, with the GIL released and held."""
    for invoker in INVOKERS:
        for hold_gil in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                plg = open_with(invoker, Path(folder), hold_gil=hold_gil)
                for action in actions(plg).values():
                    for _ in range(int(times)):
                        action()
                plg.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
