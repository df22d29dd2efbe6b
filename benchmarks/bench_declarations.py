"""What does it cost to open a plugin and call one function, when many are declared?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat
from pathlib import Path

from benchmarks import building
from benchmarks.child import in_new_process, open_many_declarations
from benchmarks.conftest import Interleaved
from nativeplug.cli.measure import Candidate

SIZES = (10, 100, 1_000, 10_000)


def declared(size: int, *, imports: bool = False) -> str:
    """Name the candidate with so many declarations."""
    return f"{size:,} declared{', with the imports' if imports else ''}"


def bench_declared_again(interleaved: Interleaved, tmp_path: Path) -> None:
    """Each time a new process, whose declarations an earlier one has parsed."""
    candidates = opening(repeat(tmp_path))
    for candidate in candidates.values():
        candidate()  # fills the cache
    interleaved(candidates, rounds=15)


def bench_declared_first(interleaved: Interleaved, tmp_path: Path) -> None:
    """Each time a new process, which has to parse the declarations."""
    interleaved(opening(tmp_path / str(number) for number in count()), rounds=3)


def opening(caches: Iterator[Path]) -> dict[str, Candidate]:
    """Return candidates that open plugins in new processes, which keep declarations in *caches*."""
    candidates: dict[str, Candidate] = {}
    for size in SIZES:
        path, figures = building.functions(size), dict[str, float]()

        def start(path: Path = path, figures: dict[str, float] = figures) -> float:
            cache = next(caches)
            figures.update(in_new_process(open_many_declarations, path, NATIVEPLUG_CACHE_DIR=cache))
            return figures["open"]

        def whole(figures: dict[str, float] = figures) -> float:
            return figures["imports"] + figures["open"]

        candidates |= {declared(size): start, declared(size, imports=True): whole}
    return candidates
