"""Any number of builds of one plugin, each of whose results says which build it is of."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import building
import nativeplug
from support import PLUGINS_C, PLUGINS_GO

#: Gives a result of a plugin: `result` of the build that serves.
Way = Callable[[], int]

_MARK = struct.pack("=q", 0x6E756D6265726564)
_MIXED = -1
_ITEMS = 200  # of a map: enough for three slices, between which other threads run


def result(number: int) -> int:
    """Return what every function of a build returns."""
    return number << 32 | number


class Builds:
    """
    The builds of `numbered`, of which one at a time stands at a path.

    The compiler runs once: another number in the file makes another build.
    """

    def __init__(self, folder: Path, more: str = "", *, go: bool = False) -> None:
        """
        Build the plugin.

        Args:
            folder: Where the plugin shall stand.
            more: C text to put before it.
            go: Take the one that is written in Go.
        """
        self.path = folder / "numbered.so"
        self.header = folder / "numbered.h"
        made = folder / "made.so"
        if go:
            building.build(PLUGINS_GO / "numbered", made)
            made.with_suffix(".h").replace(self.header)
        else:
            (folder / "more.h").write_text(f"{more}\n")
            building.build(PLUGINS_C / "numbered.c", made, flags=["-include", f"{folder}/more.h"])
            shutil.copy(PLUGINS_C / "numbered.h", self.header)
        self._data = made.read_bytes()
        assert 2 <= self._data.count(_MARK), "the compiler has hidden the mark"

    def data(self, number: int) -> bytes:
        """Return a build."""
        return self._data.replace(_MARK, struct.pack("=q", result(number)))

    def put(self, number: int) -> None:
        """Put a build in place, whole."""
        put(self.path, self.data(number))

    def open(self, **options: Any) -> Any:
        """Put build 1 in place, and open it with room for any number of further ones."""
        self.put(1)
        return nativeplug.open(
            self.path,
            hold_gil=["held"],
            free={"written": "drop"},
            **{"max_generations": 10_000, **options},
        )


def put(path: Path, data: bytes) -> None:
    """Put data in place as one should: written beside, and renamed."""
    beside = path.with_name(".beside")
    beside.write_bytes(data)
    os.replace(beside, path)


def ways(plg: Any) -> Mapping[str, Way]:
    """Return every way to have a result from an open plugin."""
    number_of, build_of = plg.lookup("number_of"), plg.lookup("build")
    column = memoryview(bytes(8 * _ITEMS)).cast("q")

    def struct_by_cffi() -> int:
        found = plg.numbers()
        return _one(found.first, found.second, found.third)

    def pinned() -> int:
        with plg.pin() as pin:
            return _one(pin.number(), pin.build, pin.held())

    return {
        "a function": plg.number,
        "a Function": plg.lookup("number"),
        "a function that holds the GIL": plg.held,
        "an attribute": lambda: plg.number(),  # noqa: PLW0108 - it is read for each call
        "a struct, by cffi": struct_by_cffi,
        "a text that is released": lambda: int(plg.written()),
        "a variable": lambda: build_of.value,
        "a map": lambda: _one(*number_of.map(column)),
        "a pin": pinned,
    }


def _one(*results: int) -> int:
    """Return what all results are."""
    return results[0] if len({*results}) == 1 else _MIXED
