"""The benchmarks as a product: their targets, and their recorded figures as the page shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from benchmarks import report
from benchmarks.results import Results
from benchmarks.targets import TARGETS

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Give a function that makes the last run one that differs from the recorded one."""

    def make(change: Change) -> None:
        results = json.loads(program.RECORDED.read_text(encoding="utf-8"))
        change(results["costs"])
        path = tmp_path / "results.json"
        path.write_text(json.dumps(results), encoding="utf-8")
        monkeypatch.setattr(program, "RUN", path)

    return make


def test_every_target_is_measured() -> None:
    """The recorded results have what each target needs."""
    recorded = Results.read(program.RECORDED)
    assert all(0.0 < target.measure(recorded) for target in TARGETS)


def test_page_shows_what_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures of ``docs/performance.md`` are those that ``make bench-record`` writes."""
    before = report.PAGE.read_text(encoding="utf-8")
    page = tmp_path / "performance.md"
    page.write_text(before, encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    report.write_page(Results.read(program.RECORDED))
    assert before == page.read_text(encoding="utf-8")


def test_check_passes(run: Callable[[Change], None], capsys: pytest.CaptureFixture[str]) -> None:
    """The same ratios pass, however much slower the machine is."""

    def slow_down(costs: dict[str, Any]) -> None:
        for bench in costs.keys() - {"bench_memory"}:
            for cost in costs[bench].values():
                cost["minimum"] *= 3

    run(slow_down)
    program.check()
    assert f"{len(TARGETS)} ratios are at most 25% worse" in capsys.readouterr().out


def test_check_fails(run: Callable[[Change], None]) -> None:
    """A ratio that is a third worse fails, and is named with both figures."""

    def slow_down(costs: dict[str, Any]) -> None:
        costs["bench_open"]["nativeplug.open"]["minimum"] *= 1.33

    run(slow_down)
    with pytest.raises(SystemExit, match="33% more than the recorded") as caught:
        program.check()
    assert 3 == str(caught.value).count("\n") + 1
    assert "os.stat" in str(caught.value)
