"""
Say what the last run found: ``python -m benchmarks report``, ``check`` or ``record``.

``report`` prints and draws it, ``check`` compares it with what is recorded, and ``record``
makes it what is recorded, and what ``docs/performance.md`` shows.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks import report as reporting
from benchmarks.results import Results
from benchmarks.targets import TARGETS

ROOT = Path(__file__).parent.parent
RUN = ROOT / ".benchmarks" / "results.json"
RECORDED = Path(__file__).parent / "recorded.json"
PICTURES = ROOT / "docs" / "img"
# More than the ratios of two runs differ by chance.
TOLERANCE = 1.25


def report() -> None:
    """Print the tables and draw the pictures, beside the results."""
    from benchmarks.pictures import draw

    results = Results.read(RUN)
    for made in reporting.tables(results).values():
        made.show()
    draw(results, RUN.parent)
    print(f"results and pictures: {RUN.parent.relative_to(ROOT)}/{RUN.name}, calls.svg, scale.svg")


def check() -> None:
    """Fail if a ratio is worse than the recorded one."""
    run, recorded = Results.read(RUN), Results.read(RECORDED)
    worse = []
    for target in TARGETS:
        now, before = target.measure(run), target.measure(recorded)
        if now > before * TOLERANCE:
            more = f"{now / before - 1:.0%}"
            worse.append(f"{target.row}: {now:.3f}, {more} more than the recorded {before:.3f}")
    if worse:
        sys.exit("\n".join(("error: slower than recorded:", *worse)))
    print(f"{len(TARGETS)} ratios are at most {TOLERANCE - 1:.0%} worse than recorded")


def record() -> None:
    """Keep the results for `check`, and show them in the documentation."""
    from benchmarks.pictures import draw

    shutil.copy(RUN, RECORDED)
    results = Results.read(RECORDED)
    reporting.write_page(results)
    draw(results, PICTURES)


if __name__ == "__main__":
    commands = {command.__name__: command for command in (report, check, record)}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit((__doc__ or "").strip())
    commands[sys.argv[1]]()
