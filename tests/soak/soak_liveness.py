"""What it costs a call that its plugin can be updated: as it is now, and as it was before."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import building
from liveness_worker import EMPTY
from soaking import Measured, main, times
from support import PLUGINS_C, PLUGINS_GO, ROOT

#: The last commit without updates.
_BEFORE = "f30dfd7"
_CALLS = 20_000  # in a round
_PAIRS = 5  # of processes, because no two have the same memory layout


def liveness(scale: float, folder: Path) -> Measured:
    """Time the same calls by both, in turns, in 400 short rounds."""
    before = _install_before(folder)
    if before is None:
        return Measured(float("inf"), f"not measured: no commit {_BEFORE} in the history")
    plugins = [building.build(PLUGINS_C / "calls.c", folder / "calls.so")]
    plugins.append(building.build(PLUGINS_GO / "greeter", folder / "greeter.so"))
    (folder / "calls.h").write_text((PLUGINS_C / "calls.h").read_text())
    found: tuple[_Times, _Times] = ({}, {})
    for _ in range(times(_PAIRS, scale)):
        workers = [_Worker(root, plugins) for root in (before, ROOT)]
        for turn in range(max(5, times(80, scale))):
            for index in (0, 1) if turn % 2 else (1, 0):
                workers[index].time(found[index])
        for worker in workers:
            worker.end()
    return _compare(*found)


#: Nanoseconds, of each round, by what was called.
_Times = dict[str, list[float]]


def _compare(before: _Times, now: _Times) -> Measured:
    names = [name for name in now if name != EMPTY]
    least_before, least = _costs(before, min), _costs(now, min)
    usual_before, usual = _costs(before, statistics.median), _costs(now, statistics.median)
    ratios = {name: least[name] / least_before[name] for name in names}
    lines = [
        f"{name}: {least_before[name]:.1f} -> {least[name]:.1f} ns, {ratios[name]:.3f}; "
        f"of medians {usual[name] / usual_before[name]:.3f}"
        for name in names
    ]
    mean, worst = statistics.geometric_mean(ratios.values()), max(names, key=ratios.__getitem__)
    for kind in ("held", "released"):
        some = statistics.geometric_mean(ratios[name] for name in names if name.endswith(kind))
        lines.append(f"mean where the GIL is {kind}: {some:.3f}")
    return Measured(mean, f"{mean:.3f}; worst {ratios[worst]:.3f}, {worst}", details=lines)


def _costs(found: _Times, of: Callable[[list[float]], float]) -> dict[str, float]:
    """Return what a call costs, without the loop around it."""
    return {name: of(rounds) - of(found[EMPTY]) for name, rounds in found.items()}


def _install_before(folder: Path) -> Path | None:
    """Install the package as it was; None where there is no history."""
    source, target = folder / "source", folder / "before"
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", _BEFORE], capture_output=True, check=False
    )
    if archive.returncode != 0:
        return None
    source.mkdir()
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "--target", target, source], check=True, stdout=subprocess.DEVNULL)
    return target


class _Worker:
    """A process that times calls when it is told to."""

    def __init__(self, directory: Path, plugins: list[Path]) -> None:
        script = Path(__file__).with_name("liveness_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, script, directory, str(_CALLS), *plugins],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._names = self._read()

    def time(self, into: _Times) -> None:
        """Add a round."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for name, took in zip(self._names, self._read(), strict=True):
            into.setdefault(name, []).append(took)

    def end(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> list[Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process has ended: {self._process.wait()}"
        answer: list[Any] = json.loads(line)
        return answer


if __name__ == "__main__":
    main(liveness)
