"""Draw what a run of the benchmarks found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks import bench_declarations, bench_plugins
from benchmarks.results import Results, bench_of
from benchmarks.systems import CALLS
from nativeplug.cli.plot import bars

# The same results give the same file.
mpl.rcParams["svg.hashsalt"] = "nativeplug"


def draw(results: Results, folder: Path) -> None:
    """Write ``calls.svg`` and ``scale.svg``."""
    folder.mkdir(exist_ok=True)
    groups = [call.name for call in CALLS]
    benches = [results.costs[bench_of(name)] for name in groups]
    systems = {system: [costs[system].minimum for costs in benches] for system in benches[0]}
    bars(folder / "calls.svg", "one call", groups, systems)
    _draw_scale(results, folder / "scale.svg")


def _draw_scale(results: Results, path: Path) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes, declared = bench_declarations.SIZES, bench_declarations.declared
    for bench, label in (
        ("bench_declared_first", "declarations parsed"),
        ("bench_declared_again", "declarations found on disk"),
    ):
        _draw_line(left, results, bench, sizes, declared, label)
    _label(left, "open a plugin and call one function", "declared functions")
    counts = bench_plugins.COUNTS
    _draw_line(right, results, "bench_plugins", counts, bench_plugins.nth, "this plugin alone")
    _label(right, "open one more plugin and call a function", "open plugins")
    figure.savefig(path, metadata={"Date": None})


def _draw_line(
    axes: Any,
    results: Results,
    bench: str,
    counts: Iterable[int],
    name: Callable[[int], str],
    label: str,
) -> None:
    costs = results.costs[bench]
    axes.plot(
        [*counts], [costs[name(count)].minimum * 1e3 for count in counts], marker="o", label=label
    )


def _label(axes: Any, title: str, counted: str) -> None:
    axes.set(title=title, xlabel=counted, ylabel="ms", xscale="log", yscale="log")
    axes.grid(alpha=0.4)
    axes.legend()
