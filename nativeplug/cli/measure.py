"""
Time candidates in turn, round by round, so that a busy machine slows all of them alike.

``nativeplug bench`` and the benchmarks of the repository both measure by this module.
"""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Runs once and returns the seconds that one operation took.
Candidate = Callable[[], float]

# Long enough for the clock, short enough to fall between two interruptions.
_ENOUGH_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation costs, in seconds."""

    minimum: float
    median: float


class Loop:
    """
    A candidate that repeats a statement.

    Args:
        statement: Python that does one operation.
        names: What the statement's names stand for.
    """

    def __init__(self, statement: str, /, **names: object) -> None:
        self._statement, self._names = statement, names
        self._timers: list[timeit.Timer] = []
        self._number = 1
        # The least of several: the first time may be long, and so is one that was interrupted.
        while min(self() for _ in range(3)) * self._number < _ENOUGH_SECONDS:
            self._number *= 2

    def __call__(self) -> float:
        """
        Run once.

        The statement is compiled anew, and what was compiled before is kept: where the code
        and its data lie in memory makes an empty loop take 5 ns or 9 ns, so each round has
        them elsewhere.
        """
        timer = timeit.Timer(self._statement, globals=self._names)  # keeps the collector off
        self._timers.append(timer)
        return timer.timeit(self._number) / self._number


class Rounds:
    """Candidates, and what they took so far."""

    def __init__(self, candidates: Mapping[str, Candidate]) -> None:
        self._candidates = candidates
        self._seconds: dict[str, list[float]] = {name: [] for name in candidates}
        self._empty_loop = Loop("pass")
        self._empty_seconds: list[float] = []

    def run(self) -> None:
        """Run each candidate once, in turn."""
        self._empty_seconds.append(self._empty_loop())
        for name, candidate in self._candidates.items():
            self._seconds[name].append(candidate())

    def costs(self) -> dict[str, Cost]:
        """Return the cost of each candidate; that of the empty loop is subtracted from loops."""
        return {name: self._cost(name) for name in self._candidates}

    def _cost(self, name: str) -> Cost:
        seconds = self._seconds[name]
        empty = min(self._empty_seconds) if isinstance(self._candidates[name], Loop) else 0.0
        return Cost(min(seconds) - empty, statistics.median(seconds) - empty)


def once(action: Callable[[], object], operations: int = 1) -> Candidate:
    """Return a candidate that runs *action* once, which does so many operations."""
    timer = timeit.Timer(action)
    return lambda: timer.timeit(1) / operations
