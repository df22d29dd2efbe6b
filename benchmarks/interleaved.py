"""Time candidates in turn, round by round, so that a busy machine slows all of them alike."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable, Mapping

Action = Callable[[], object]


def rounds_of(candidates: Mapping[str, Action], rounds: int) -> dict[str, list[float]]:
    """
    Run each candidate once a round.

    Args:
        candidates: What to time, by name; each does its whole work in one call.
        rounds: How many rounds.

    Returns:
        The seconds of each round, by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    gc.disable()
    try:
        for _ in range(rounds):
            for name, action in candidates.items():
                start = time.perf_counter()
                action()
                seconds[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return seconds


def report(
    title: str, seconds: Mapping[str, list[float]], *, unit: str, scale: float, baseline: str
) -> None:
    """
    Print minimum and median of each candidate and the ratio of minima to the baseline's.

    Args:
        title: What was measured.
        seconds: What `rounds_of` returned.
        unit: The unit of the figures.
        scale: What to multiply seconds by to get the unit.
        baseline: The candidate that the others are compared with.
    """
    base = min(seconds[baseline])
    print(f"\n{title}  [{unit}; {platform.machine()}, Python {platform.python_version()}]")
    print(f"{'':34}{'min':>10}{'median':>10}{'ratio':>8}")
    for name, values in seconds.items():
        low = min(values)
        middle = statistics.median(values)
        print(f"{name:34}{low * scale:10.1f}{middle * scale:10.1f}{low / base:8.2f}")
