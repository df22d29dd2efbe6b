"""`make test-stress`: what it counts, and that nothing stays busy after it."""

from __future__ import annotations

from pathlib import Path

import pytest

import stress
from gates import GATES, wait_for
from support import RunPython

TESTS = """
import pytest
def test_passes(): pass
def test_fails(): assert 0
def test_is_skipped(): pytest.skip("no reason")
@pytest.fixture
def broken(): raise ValueError
def test_is_in_error(broken): pass
"""
LOAD = stress.Load("a load", processes=1, command=("nice", "-n", "1"))


@pytest.mark.slow
def test_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is skipped has not passed; the command that is printed gives the same order again."""
    path = tmp_path / "test_some.py"
    path.write_text(TESTS)
    run = stress.run(LOAD, 5, ["-n", "0", str(path)])
    assert ("a load", 5, 1, 3) == (run.load, run.seed, run.passed, run.failed)
    printed = capfd.readouterr().out
    assert printed.startswith("a load: nice -n 1 ")
    assert f"--random-order-seed=5 -n 0 {path}\n" in printed


@pytest.mark.slow
def test_break_off(tmp_path: Path) -> None:
    """A run that ends without a report has failed."""
    path = tmp_path / "test_some.py"
    path.write_text("import os\nos._exit(1)")
    run = stress.run(LOAD, 5, ["-p", "no:xdist", str(path)])
    assert (0, 1) == (run.passed, run.failed)


@pytest.mark.parametrize(
    ("passed", "failed", "status"), [(3, 0, 0), (3, 1, 1), (0, 0, 1)], ids=["good", "bad", "void"]
)
def test_status(
    passed: int,
    failed: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One failure of one run is a failure, and so is a run of nothing."""
    runs = iter([(3, 0), (passed, failed), (3, 0), (3, 0)])

    def run(load: stress.Load, seed: int, _what: object) -> stress.Run:
        return stress.Run(load.name, seed, *next(runs), 7.2)

    monkeypatch.setattr(stress, "run", run)
    assert status == stress.main("5")
    printed = capsys.readouterr().out
    assert all(str(seed) in printed for seed in (5, 6, 7, 8))


def test_end_of_a_load() -> None:
    """What is busy ends with the load, whatever happens under it."""
    with pytest.raises(ZeroDivisionError), stress.busy(2) as processes:
        1 / 0  # noqa: B018 - it raises
    assert [-9, -9] == [process.returncode for process in processes]


def test_end_of_the_process(run_python: RunPython) -> None:
    """What is busy ends by itself when the process that started it was killed."""
    code = """
        import os, signal
        import stress
        with stress.busy(1) as (process,):
            print(process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    pid = int(run_python(code, env=GATES).stdout)
    wait_for(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """Tell whether there is a process that is no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
