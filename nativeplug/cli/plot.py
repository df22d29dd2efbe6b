"""Draw what calls cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

_INCHES_OF_A_BAR = 0.13


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

    Raises:
        ValueError: The suffix is of no format that matplotlib knows.
    """
    width = 1 / (len(seconds) + 1)  # of a bar; a gap of one between the groups
    inches = 3 + _INCHES_OF_A_BAR * len(groups) / width
    figure = Figure(figsize=(inches, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=mpl.color_sequences["tab20"])
    for number, (system, costs) in enumerate(seconds.items(), 1):
        places = [group + number * width for group in range(len(groups))]
        drawn = axes.bar(places, [cost * 1e9 for cost in costs], 0.9 * width, label=system)
        axes.bar_label(drawn, fmt="%.0f", fontsize="xx-small", rotation=90, padding=2)
    axes.set_xticks([group + 0.5 for group in range(len(groups))], groups)
    axes.set_yscale("log")
    axes.margins(x=0.02, y=0.1)
    axes.set_ylim(bottom=1)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(ylabel="ns", title=title)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
