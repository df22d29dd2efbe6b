"""What does it cost to look up a function, known or for the first time?"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import nativeplug
from benchmarks import building
from benchmarks.conftest import Interleaved
from benchmarks.systems import Plugins, go
from nativeplug.cli.measure import Candidate, Loop, once

OURS, DICT = 'plg.lookup("add")', "a dict read in a method"
FIRST, CTYPES = "the first lookup", "ctypes: lib[name], argtypes, restype"
FUNCTIONS, ROUNDS = 10_000, 25
EACH = FUNCTIONS // ROUNDS


class Table:
    """The least that a lookup can be."""

    def __init__(self, known: dict[str, object]) -> None:
        self._known = known

    def lookup(self, name: str) -> object:
        """Return what is known by a name."""
        return self._known[name]


def bench_known(plugins: Plugins, interleaved: Interleaved) -> None:
    """Look up a name that was looked up before."""
    plg = plugins.held
    interleaved(
        {
            OURS: Loop(OURS, plg=plg),
            DICT: Loop(
                'table.lookup("add")', table=Table({name: plg.lookup(name) for name in plg})
            ),
            "Go: lookup": go("lookup"),
        }
    )


def bench_first_lookup(interleaved: Interleaved) -> None:
    """Look up declared names that nobody has looked up: each round takes other ones."""
    path = building.functions(FUNCTIONS)
    plg, lib, int64 = nativeplug.open(path), ctypes.CDLL(str(path)), ctypes.c_int64

    def ours(names: list[str]) -> None:
        for name in names:
            plg.lookup(name)

    def theirs(names: list[str]) -> None:
        for name in names:
            function = lib[name]
            function.argtypes, function.restype = [int64], int64

    interleaved({FIRST: fresh_names(ours), CTYPES: fresh_names(theirs)}, ROUNDS)
    assert 7 == plg.f7(7)


def fresh_names(look_up: Callable[[list[str]], None]) -> Candidate:
    """Return a candidate that looks up names that it has not looked up in earlier rounds."""
    starts = iter(range(0, FUNCTIONS, EACH))

    def run() -> float:
        start = next(starts)
        names = [f"f{number}" for number in range(start, start + EACH)]
        return once(lambda: look_up(names), EACH)()

    return run
