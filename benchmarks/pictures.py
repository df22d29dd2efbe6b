"""Draw what a run of the benchmarks found."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks import bench_declarations, bench_plugins
from benchmarks.results import Results, bench_of
from benchmarks.systems import CALLS
from nativeplug.cli.plot import bars

# The same results give the same file, and text stays text.
mpl.rcParams.update({"svg.hashsalt": "nativeplug", "svg.fonttype": "none"})


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
        costs = results.costs[bench]
        left.plot(sizes, [costs[declared(size)].minimum * 1e3 for size in sizes], "o-", label=label)
    left.legend()
    left.set(title="open a plugin and call one function", xlabel="declared functions")
    counts, costs = bench_plugins.COUNTS, results.costs["bench_plugins"]
    right.plot(counts, [costs[bench_plugins.nth(count)].minimum * 1e3 for count in counts], "o-")
    right.set(title="open one more plugin and call one function", xlabel="open plugins")
    for axes in (left, right):
        axes.set(ylabel="ms", xscale="log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.grid(alpha=0.4)
    left.set_yscale("log")
    left.yaxis.set_major_formatter("{x:,g}")
    right.set_ylim(bottom=0)
    figure.savefig(path, metadata={"Date": None})
