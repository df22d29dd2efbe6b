"""Calls while good updates come in: none is lost, fails, is mixed, or is stale."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from numbered_builds import Builds, result, ways
from soaking import Measured, main, times
from traffic import Traffic

_THREADS = 4
_SWITCH_SECONDS = 0.0005  # more switches between threads than by default, so more can go wrong


def c_updates(scale: float, folder: Path) -> Measured:
    """Update a C plugin 1,000 times, under 10,000,000 calls."""
    return _updates(Builds(folder), times(1_000, scale), times(10_000_000, scale))


def go_updates(scale: float, folder: Path) -> Measured:
    """Update a Go plugin 100 times, under 1,000,000 calls."""
    return _updates(Builds(folder, go=True), times(100, scale), times(1_000_000, scale))


def _updates(builds: Builds, updates: int, calls: int) -> Measured:
    sys.setswitchinterval(_SWITCH_SECONDS)
    plg = builds.open()
    with Traffic(plg, _THREADS) as traffic:
        for number in range(2, updates + 2):
            builds.put(number)
            traffic.expect(number)
            assert "updated" == plg.update()
            assert number == plg.generation
            traffic.require(number)
        traffic.wait_for(calls)
    text = f"{traffic.wrong:,} of {traffic.calls:,} calls, {updates:,} updates"
    return Measured(traffic.wrong, text, traffic.told)


def same_times(scale: float, folder: Path) -> Measured:
    """Rebuild 2,000 times in place: the inode, the size and the time of the file stay."""
    builds, rebuilds = Builds(folder), times(2_000, scale)
    plg = builds.open()
    stat = os.stat(builds.path)
    found, stale = ways(plg), []
    for number in range(2, rebuilds + 2):
        with builds.path.open("r+b", buffering=0) as file:
            file.write(builds.data(number))
        os.utime(builds.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        outcome = plg.update()
        got = {name: way() for name, way in found.items()}
        if {*got.values()} != {result(number)} or outcome != "updated":
            stale.append(f"build {number}: {outcome}, {got}")
    now = os.stat(builds.path)
    assert (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (
        now.st_ino,
        now.st_size,
        now.st_mtime_ns,
    )
    return Measured(len(stale), f"{len(stale):,} of {rebuilds:,} rebuilds", stale[:10])


if __name__ == "__main__":
    main(c_updates, go_updates, same_times)
