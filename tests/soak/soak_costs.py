"""What updates cost: time that calls stand still, time until new code runs, and memory."""

from __future__ import annotations

import gc
import itertools
import os
import re
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from numbered_builds import Builds, result, ways
from soaking import Measured, main, times
from traffic import Traffic

_LARGE, _SMALL = 2 << 20, 75 << 10  # bytes of a file
_THREADS = 4
_PAUSE = 0.05  # until a file's times are no longer those of now
_PATIENCE = 10  # seconds, for what is to happen by itself
_PAGE = os.sysconf("SC_PAGE_SIZE")


def gap(scale: float, folder: Path) -> Measured:
    """
    Find the longest time between two calls, in each of 200 updates of a plugin of 2 MB.

    By a function around which the GIL is released, as is usual, and by one that holds it. What
    a thread loses to the machine alone, in as long a time, is told beside it.
    """
    builds, updates = _sized(folder, _LARGE), times(200, scale)
    plg = builds.open()
    numbers, lines, medians = itertools.count(2), [], []
    for kind, call in (("released", plg.number), ("held", plg.held)):
        gaps, idle = [], []
        with _Watch(call) as watch:
            for number in itertools.islice(numbers, updates):
                builds.put(number)
                gaps.append(watch.longest_in(plg.update))
                idle.append(watch.longest_in(time.sleep, _PAUSE))
        medians.append(statistics.median(gaps))
        lines.append(
            f"GIL {kind}: median {medians[-1]:.2f} ms, worst {max(gaps):.1f}; "
            f"without an update {statistics.median(idle):.2f} ms, worst {max(idle):.1f}"
        )
    assert next(numbers) - 1 == plg.generation
    return Measured(max(medians), f"{max(medians):.2f} ms", details=lines)


def _sized(folder: Path, size: int) -> Builds:
    """Return builds with files of a size, and a page of pointers that loading writes to."""
    rest = size - len(Builds(folder, _POINTERS.format(1)).data(1))
    return Builds(folder, _POINTERS.format(1 + rest))


_POINTERS = "char padding[{}] = {{1}}; void *pointers[512] = {{[0 ... 511] = padding}};"


class _Watch(threading.Thread):
    """Calls without pause, while in use, and measures the pauses all the same."""

    def __init__(self, call: Callable[[], int]) -> None:
        super().__init__(name="caller", daemon=True)
        self._call = call
        self._stopping = False
        # In nanoseconds: when the last call ended, and the longest time between two.
        self._last = self._longest = 0

    def run(self) -> None:
        """Call."""
        call, clock = self._call, time.perf_counter_ns
        last = clock()
        while not self._stopping:
            call()
            now = clock()
            if now - last > self._longest:  # noqa: PLR1730 - written seldom: another thread resets it
                self._longest = now - last
            last = self._last = now

    def longest_in(self, action: Callable[..., object], *arguments: object) -> float:
        """Return the longest pause while something is done, in milliseconds."""
        self._longest = 0
        action(*arguments)
        end = time.perf_counter_ns()
        while self._last < end:  # a pause may last yet
            time.sleep(0)
        return self._longest / 1e6

    def __enter__(self) -> Self:
        self.start()
        self.longest_in(time.sleep, _PAUSE)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping = True
        self.join()


def follow(scale: float, folder: Path) -> Measured:
    """Find the time from a new file in place to the first call that runs it, 50 times."""
    builds, replaced = Builds(folder), times(50, scale)
    plg: Any = builds.open(follow=True)
    call, took = plg.number, []
    beside = folder / "beside"
    for number in range(2, replaced + 2):
        beside.write_bytes(builds.data(number))
        time.sleep(_PAUSE + number % 10 / 100)  # at another moment of whatever goes in steps
        wanted, begun = result(number), time.perf_counter()
        os.replace(beside, builds.path)
        while call() != wanted:
            assert time.perf_counter() - begun < _PATIENCE, plg.generations
        took.append((time.perf_counter() - begun) * 1e3)
    plg.unfollow()
    text = f"median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms"
    return Measured(max(took), text)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the process has in memory."""

    #: Bytes of its own: what it has written to, the copies of plugins, and its page tables.
    used: int
    #: Lines in /proc/PID/maps.
    mappings: int
    #: How many copies of plugins are among them.
    copies: int

    @classmethod
    def now(cls, size: int) -> _Memory:
        """
        Look.

        Args:
            size: Of each copy. All of it is in memory for as long as a page of it is mapped,
                though the kernel tells of those pages only that the process has touched.
        """
        gc.collect()
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        # The numbers of a mapping's file: unlike its name, they are its own.
        copies = {line.split()[4] for line in lines if "memfd:" in line or "/copies/" in line}
        tables = _kilobytes("/proc/self/status", "VmPTE")
        own = _kilobytes("/proc/self/smaps_rollup", "Anonymous")
        whole = -(-size // _PAGE) * _PAGE
        return cls(own + tables + len(copies) * whole, len(lines), len(copies))


def _kilobytes(file: str, name: str) -> int:
    text = Path(file).read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, f"{file} has no {name}"
    return int(found[1]) * 1024


def retired(scale: float, folder: Path) -> Measured:
    """Find what each of 100 retired generations of a plugin of 75 KB has in memory."""
    builds, updates = _sized(folder, _SMALL), max(10, times(100, scale))
    plg = builds.open()
    found, size, warm = ways(plg), len(builds.data(1)), 10
    before = _Memory.now(size)
    for number in range(2, warm + updates + 2):
        builds.put(number)
        assert "updated" == plg.update()
        assert {result(number)} == {way() for way in found.values()}
        if number == warm + 1:
            before = _Memory.now(size)
    after = _Memory.now(size)
    assert updates == after.copies - before.copies
    memory = (after.used - before.used) / updates / 1024
    mappings = (after.mappings - before.mappings) / updates
    text = f"{memory:.0f} KiB and {mappings:.1f} mappings, of a file of {size / 1024:.0f} KiB"
    problems = [f"{mappings} mappings, of at most {_MAPPINGS}"] if mappings > _MAPPINGS else []
    return Measured(memory, text, problems)


_MAPPINGS = 8


def unloading(scale: float, folder: Path) -> Measured:
    """Compare what is mapped, and RSS, after 1,000 updates with what it was after 10."""
    builds, first, last = Builds(folder), 10, max(20, times(1_000, scale))
    plg, seen = builds.open(unload="when_idle"), {}
    with Traffic(plg, _THREADS) as traffic:
        for number in range(2, last + 2):
            builds.put(number)
            traffic.expect(number)
            assert "updated" == plg.update()
            traffic.require(number)
            if number - 1 in {first, last}:
                seen[number - 1] = _rest(plg, len(builds.data(1)))
    (copies, used), (copies_now, used_now) = seen[first], seen[last]
    grown = 100 * max(abs(copies_now / copies - 1), abs(used_now / used - 1))
    words = f"{copies} -> {copies_now} mapped, {used / 2**20:.1f} -> {used_now / 2**20:.1f} MB"
    return Measured(grown, f"{grown:.1f} %: {words}", traffic.told)


def _rest(plg: Any, size: int) -> tuple[int, int]:
    """Wait until nothing more is unloaded; return how much is mapped, and RSS."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        states = [info.state for info in plg.generations if info.state != "unloaded"]
        if states == ["current"]:
            break
        time.sleep(_PAUSE)
    return _Memory.now(size).copies, _kilobytes("/proc/self/status", "VmRSS")


if __name__ == "__main__":
    main(gap, follow, retired, unloading)
