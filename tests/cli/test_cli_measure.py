"""How candidates are timed: what is run and counted, not how long it takes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from nativeplug.cli import measure
from nativeplug.cli.measure import Cost, Loop, Rounds, once


def told(*seconds: float) -> Callable[[], float]:
    """Return a candidate that takes these seconds, one after the other."""
    left = iter(seconds)
    return lambda: next(left)


def test_in_turn() -> None:
    """Each round runs every candidate once."""
    ran = []

    def noting(name: str) -> Callable[[], float]:
        def run() -> float:
            ran.append(name)
            return 1.0

        return run

    rounds = Rounds({name: noting(name) for name in "abc"})
    rounds.run()
    rounds.run()
    assert [*"abcabc"] == ran


def test_costs() -> None:
    """The least and the middle of all rounds are what counts."""
    rounds = Rounds({"a": told(3.0, 1.0, 9.0), "b": told(2.0, 2.0, 2.0)})
    for _ in range(3):
        rounds.run()
    assert {"a": Cost(1.0, 3.0), "b": Cost(2.0, 2.0)} == rounds.costs()


def test_empty_loop() -> None:
    """An empty loop is subtracted from loops, and from nothing else."""

    class Known(Loop):
        """A loop that takes as long as the test says."""

        def __call__(self) -> float:
            return 5.0

    rounds = Rounds({"loop": Known("pass"), "other": told(5.0)})
    rounds.run()
    costs = rounds.costs()
    assert 5.0 == costs["other"].minimum
    assert 0.0 < 5.0 - costs["loop"].minimum < 1.0


def test_loop_runs_its_statement() -> None:
    """The statement is run often, with the names that were given, also at its first time."""
    seen: list[tuple[int, bool]] = []
    loop = Loop("note((value, enabled()))", note=seen.append, value=3, enabled=gc.isenabled)
    before = len(seen)
    assert 0.0 < loop()
    assert before < len(seen)
    assert {(3, False)} == set(seen), "the collector is off"


def test_loop_of_a_slow_statement() -> None:
    """A statement that takes long enough by itself is run once a round."""
    seen: list[None] = []
    seconds = 2 * measure._ENOUGH_SECONDS
    loop = Loop("sleep(seconds); note(None)", sleep=time.sleep, seconds=seconds, note=seen.append)
    before = len(seen)
    loop()
    assert 1 == len(seen) - before


def test_once() -> None:
    """An action is run once a round; its time is that of one of its operations."""
    ran: list[None] = []
    candidate = once(lambda: ran.append(None), operations=1000)
    assert 0.0 < candidate() < 1.0
    assert 1 == len(ran)
