"""Batches of random cases, each in a process of its own, which may crash."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gates import FOLDERS, GATES

Note = Callable[[str], None]
#: Runs the cases of a seed, so many, tells each before it runs it, and returns what went wrong.
Run = Callable[[int, int, Note], "str | None"]

_SECONDS = 300  # before a case is said to hang


def run_batch(script: str, seed: int, count: int) -> str | None:
    """
    Run a batch.

    Args:
        script: The name of a module in `FOLDERS` that ends in `main`.
        seed: What its random numbers start from.
        count: How many cases.

    Returns:
        What went wrong, for people to read; None if nothing did.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as journal:
        output, ended = run_script(script, str(seed), str(count), journal.name)
        if ended is None:
            return None
        if output:
            return output
        reason, _, stderr = ended.partition("\n")
        return f"{reason} in\n{journal.read()}\n{stderr}"


def run_script(script: str, *arguments: str) -> tuple[str, str | None]:
    """
    Run a module of `FOLDERS` in a process of its own.

    Returns:
        What it has printed; and, unless it ended well, how it ended, and what it said of that.
    """
    # Measuring coverage makes many calls take many times as long, and holds on to things.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    paths = (Path(folder, f"{script}.py") for folder in FOLDERS)
    path = next(path for path in paths if path.exists())
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(path), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=environment | GATES,
    )
    if done.returncode == 0:
        return done.stdout, None
    ended = done.returncode
    reason = f"killed by {signal.Signals(-ended).name}" if ended < 0 else f"exit status {ended}"
    return done.stdout, f"{reason}\n{done.stderr}"


def main(run: Run) -> int:
    """Be the process of a batch: run the cases that the command line asks for."""
    seed, count, journal = sys.argv[1:]
    descriptor = os.open(journal, os.O_WRONLY)

    def note(case: str) -> None:
        faulthandler.dump_traceback_later(_SECONDS, exit=True)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, case.encode(errors="backslashreplace"), 0)

    problem = run(int(seed), int(count), note)
    if problem is None:
        return 0
    sys.stdout.write(f"{problem}\n")
    return 1
