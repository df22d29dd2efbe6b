"""What the benchmarks measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.systems import CALLS
from nativeplug.cli.measure import Cost


@dataclass(frozen=True, slots=True)
class Results:
    """The costs that a run of the benchmarks found."""

    #: What the machine is, by the words of pytest-benchmark.
    machine: Mapping[str, str]
    #: By benchmark and candidate.
    costs: Mapping[str, Mapping[str, Cost]]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what `benchmarks.conftest` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            stored["machine"],
            {
                bench: {name: Cost(**cost) for name, cost in costs.items()}
                for bench, costs in stored["costs"].items()
            },
        )

    def ratio(self, bench: str, candidate: str, baseline: str) -> float:
        """Return the minimum of a candidate in units of that of another one of its run."""
        costs = self.costs[bench]
        return costs[candidate].minimum / costs[baseline].minimum

    def call_ratios(self, candidate: str, *baselines: str) -> list[float]:
        """Return the ratios of a system to others, for each call."""
        return [
            self.ratio(bench_of(call.name), candidate, baseline)
            for call in CALLS
            for baseline in baselines
        ]


def bench_of(call: str) -> str:
    """Return the name of the benchmark of a call."""
    return f"bench_call[{call}]"


def mean(ratios: Iterable[float]) -> float:
    """Return the geometric mean, the only one that ratios have."""
    return statistics.geometric_mean(ratios)
