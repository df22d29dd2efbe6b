"""What does it cost to open a plugin and call a function, when many plugins are open?"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import building
from benchmarks.child import Figures, in_new_process, open_many_plugins
from benchmarks.conftest import Interleaved
from nativeplug.cli.measure import Candidate

COUNTS = (1, 10, 100, 1_000)


def nth(count: int) -> str:
    """Name the candidate that opens the last of so many plugins."""
    return f"plugin {count:,}"


def bench_plugins(interleaved: Interleaved, tmp_path: Path) -> None:
    """Open copies of one plugin one after the other, in a new process for each round."""
    for number in range(max(COUNTS) + 1):
        shutil.copy(building.native(), tmp_path / f"{number:05}.so")
    figures: Figures = {}

    def start() -> float:
        figures.update(in_new_process(open_many_plugins, tmp_path))
        return figures["1"]

    def figure(count: int) -> Candidate:
        return lambda: figures[str(count)]

    interleaved({nth(1): start, **{nth(count): figure(count) for count in COUNTS[1:]}}, rounds=15)
