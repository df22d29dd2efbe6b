"""Say what a run of the benchmarks found: on the terminal, and in ``docs/performance.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Results, bench_of
from benchmarks.systems import CALLS, HANDWRITTEN_HELD, HANDWRITTEN_RELEASED, HOLDING
from benchmarks.targets import TARGETS
from nativeplug.cli.console import console, table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Table:
    """A table, wherever it is shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self) -> None:
        """Print it on the terminal."""
        console().print(table(self.title, self.columns, self.rows))

    def markdown(self) -> str:
        """Return it as Markdown has it."""
        lines = (self.columns, ["---"] * len(self.columns), *self.rows)
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tables(results: Results) -> dict[str, Table]:
    """Return the tables by the name that they have in the page."""
    return {
        "calls": Table(
            "ns per call (ratio to hand-written code that treats the GIL alike)",
            ("system", *(call.name for call in CALLS)),
            [*_call_rows(results)],
        ),
        "targets": Table(
            f"what must be reached ({describe_machine(results)})",
            ("ratio", "measured", "at most", ""),
            [*_target_rows(results)],
        ),
    }


def _call_rows(results: Results) -> Iterator[tuple[str, ...]]:
    for system in results.costs[bench_of(CALLS[0].name)]:
        baseline = HANDWRITTEN_HELD if system in HOLDING else HANDWRITTEN_RELEASED
        yield (system, *(_call_cell(results, bench_of(c.name), system, baseline) for c in CALLS))


def _call_cell(results: Results, bench: str, system: str, baseline: str) -> str:
    nanoseconds = results.costs[bench][system].minimum * 1e9
    return f"{nanoseconds:.1f} ({results.ratio(bench, system, baseline):.2f})"


def _target_rows(results: Results) -> Iterator[tuple[str, ...]]:
    for target in TARGETS:
        measured = target.measure(results)
        verdict = "ok" if measured <= target.limit else "missed"
        yield target.row, f"{measured:.3f}", f"{target.limit:g}", verdict


def describe_machine(results: Results) -> str:
    """Return one line on what the figures were measured with."""
    return ", ".join(results.machine.values())


def write_page(results: Results) -> None:
    """Replace what stands between the marks of ``docs/performance.md``."""
    text = PAGE.read_text(encoding="utf-8")
    parts = {name: made.markdown() for name, made in tables(results).items()}
    for name, part in {**parts, "machine": describe_machine(results) + "\n"}.items():
        mark = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->\n)", re.DOTALL)
        text, count = mark.subn(part.replace("\\", r"\\"), text)
        assert 1 == count, name
    PAGE.write_text(text, encoding="utf-8")
