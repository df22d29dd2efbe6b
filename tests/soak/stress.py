"""
Run the whole suite in random order on a machine that is busy, then slowed: ``make test-stress``.

``make test-stress SEED=5`` takes the orders of seed 5, 6 and so on; ``WHAT=tests/runtime``
takes a part of the suite. A test that fails here depends on time, on order, or on another test.
"""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from nativeplug.cli.console import console, table
from support import ROOT

CPUS = sorted(os.sched_getaffinity(0))
#: Keeps a processor busy for as long as the process that started it lives.
_BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What makes the machine slow."""

    name: str
    #: How many processes keep busy beside the suite.
    processes: int = 0
    #: What the suite is run by.
    command: Sequence[str] = ()


BUSY = Load(f"{3 * len(CPUS)} busy processes", processes=3 * len(CPUS))
SLOWED = Load("one processor, nice 19", command=("taskset", "-c", f"{CPUS[0]}", "nice", "-n", "19"))


@dataclass(frozen=True, slots=True)
class Run:
    """What came of running the suite once."""

    load: str
    seed: int
    passed: int
    failed: int
    seconds: float


def main(seed: str, *what: str) -> int:
    """Run *what* of the suite, or all, under each load; print the table; return the exit status."""
    first = int(seed) if seed else random.SystemRandom().randrange(1_000_000_000)
    loads = enumerate((BUSY, BUSY, BUSY, SLOWED))
    runs = [run(load, first + index, what) for index, load in loads]
    rows = [
        (each.load, str(each.seed), str(each.passed), str(each.failed), f"{each.seconds:.0f}")
        for each in runs
    ]
    console().print(table("stress", ("load", "seed", "passed", "failed", "seconds"), rows))
    return 1 if any(each.failed or not each.passed for each in runs) else 0


def run(load: Load, seed: int, what: Sequence[str]) -> Run:
    """Run *what* of the suite, in the order of *seed*."""
    begun = time.monotonic()
    order = ["--random-order", f"--random-order-seed={seed}"]
    command = [
        *load.command,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "auto",
        "--dist",
        "worksteal",
        *order,
        *what,
    ]
    sys.stdout.write(f"{load.name}: {shlex.join(command)}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder, busy(load.processes):
        report = Path(folder, "report.xml")
        done = subprocess.run([*command, f"--junit-xml={report}"], cwd=ROOT, check=False)
        passed, failed = counts(report)
    # A run that breaks off, and so reports no failed test, has failed nevertheless.
    failed = failed or int(done.returncode != 0)
    return Run(load.name, seed, passed, failed, time.monotonic() - begun)


def counts(report: Path) -> tuple[int, int]:
    """Count what has passed, and what has failed, was skipped or was in error."""
    if not report.exists():
        return 0, 0
    passed = failed = 0
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        is_bad = any(case.find(name) is not None for name in ("failure", "error", "skipped"))
        passed, failed = passed + (not is_bad), failed + is_bad
    return passed, failed


@contextlib.contextmanager
def busy(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep so many processes busy; they end with the ``with`` statement, or with this process."""
    command = [sys.executable, "-c", _BUSY, str(os.getpid())]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            started.append(subprocess.Popen(command))  # noqa: PERF401 - each has to be ended
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
