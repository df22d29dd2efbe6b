"""Draw what calls cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def bars(
    path: Path, title: str, groups: Sequence[str], seconds: Mapping[str, Sequence[float]]
) -> None:
    """
    Write a picture of bars on a logarithmic scale.

    Args:
        path: The file to write; its suffix decides the format.
        title: What was measured.
        groups: What each group of bars is about.
        seconds: For each system, the cost in each group.
    """
    figure = Figure(figsize=(2 + 1.2 * len(groups) + 0.2 * len(seconds), 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(seconds)
    for number, (system, costs) in enumerate(seconds.items()):
        places = [group + (number + 0.5) * width - 0.4 for group in range(len(groups))]
        heights = [cost * 1e9 for cost in costs]
        axes.bar(places, heights, width, label=system)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_yscale("log")
    axes.set_ylabel("ns")
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.4)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path)
