"""Batches of random cases in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import batches

Run = Callable[[str], "str | None"]
BATCH = """
import os, sys
import batches

def run(seed, count, note):
    note("an earlier, longer case")
    note("case %d of %d \\ud800" % (seed, count))
    {}

if __name__ == "__main__":
    raise SystemExit(batches.main(run))
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the function that runs a batch which ends in given Python code."""
    monkeypatch.setattr(batches, "FOLDERS", [str(tmp_path)])

    def run_code(code: str) -> str | None:
        (tmp_path / "batch.py").write_text(BATCH.format(code))
        return batches.run_batch("batch", 5, 9)

    return run_code


def test_nothing_is_wrong(run: Run) -> None:
    """A batch that finds nothing reports nothing."""
    assert None is run("return None")


def test_a_problem_is_reported(run: Run) -> None:
    """What a batch finds is the report."""
    assert "found\n" == run("return 'found'")


def test_an_exception_is_reported(run: Run) -> None:
    """An exception in a batch is the report."""
    assert "\nZeroDivisionError: division by zero\n" in str(run("1 / 0"))


def test_a_crash_is_reported(run: Run) -> None:
    """Of a process that is killed, the report has the signal, the case and the stack."""
    report = str(run("os.abort()"))
    assert ["killed by SIGABRT in", "case 5 of 9 \\ud800"] == report.splitlines()[:2]
    assert "Fatal Python error: Aborted" in report
