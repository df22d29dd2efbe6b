"""Threads that call a plugin without pause, in every way, and check every result."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from typing_extensions import Self

from gates import PATIENCE, wait_for
from numbered_builds import Way, result, ways

_SECONDS = 0.002  # that one way is gone before the next
_CALLS = 100  # between two looks at the time
_TOLD = 10  # wrong calls of a thread that are told, though all are counted


class Traffic:
    """
    Calls that must never fail, while a plugin is updated.

    A result is wrong if it is of two builds, of an older one than a result that the same thread
    had before, or of none that may serve: older than `oldest`, newer than `newest`.
    """

    def __init__(self, plg: Any, threads: int) -> None:
        """Have so many threads call *plg*, of whose `numbered` build 1 serves."""
        self.oldest = self.newest = result(1)
        self._callers = [_Caller(self, plg, number) for number in range(threads)]
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        """Begin to call."""
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End calling."""
        self.stopping.set()
        for caller in self._callers:
            caller.join(PATIENCE)
            assert not caller.is_alive(), "a call does not return"

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return sum(caller.calls for caller in self._callers)

    @property
    def wrong(self) -> int:
        """How many of them were wrong or failed."""
        return sum(caller.wrong for caller in self._callers)

    @property
    def told(self) -> list[str]:
        """What was wrong, for people to read."""
        return [text for caller in self._callers for text in caller.told]

    def expect(self, number: int) -> None:
        """Let a further build serve from now on; until `require` it need not."""
        self.newest = result(number)

    def require(self, number: int) -> None:
        """Let calls that begin from now on be wrong if an older build serves them."""
        self.oldest = result(number)

    def wait_for(self, calls: int) -> None:
        """Wait until so many calls were made."""
        wait_for(lambda: self.calls >= calls)


class _Caller(threading.Thread):
    def __init__(self, traffic: Traffic, plg: Any, number: int) -> None:
        super().__init__(name=f"caller {number}", daemon=True)
        found = [*ways(plg).items()]
        self._ways = found[number:] + found[:number]  # not all threads go the same way at once
        self._traffic = traffic
        self._last = result(1)
        self.calls = self.wrong = 0
        self.told: list[str] = []

    def run(self) -> None:
        """Call, each way for a moment."""
        for name, way in itertools.cycle(self._ways):
            if self._traffic.stopping.is_set():
                return
            end = time.perf_counter() + _SECONDS
            while time.perf_counter() < end:
                self._call(name, way)

    def _call(self, name: str, way: Way) -> None:
        """Call some times; leave the loop only where something is other than before."""
        traffic, last = self._traffic, self._last
        for _ in range(_CALLS):
            oldest = traffic.oldest
            try:
                found = way()
            except Exception as error:  # noqa: BLE001 - whatever it is, a call has failed
                self._tell(f"{name}: {type(error).__name__}: {error}")
                continue
            if found != last:
                self._check(name, found)
                last = self._last
            if last < oldest:
                self._tell(f"{name}: {_text(last)} after the update to {_text(oldest)}")
        self.calls += _CALLS

    def _check(self, name: str, found: int) -> None:
        if found >> 32 != found & 0xFFFF_FFFF:
            self._tell(f"{name}: mixed of two builds: {found:#x}")
        elif found < self._last:
            self._tell(f"{name}: {_text(found)} after {_text(self._last)}")
        elif found > self._traffic.newest:
            self._tell(f"{name}: {_text(found)}, which may not serve")
        else:
            self._last = found

    def _tell(self, text: str) -> None:
        self.wrong += 1
        if len(self.told) < _TOLD:
            self.told.append(text)


def _text(found: int) -> str:
    return f"build {found >> 32}"
