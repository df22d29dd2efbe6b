"""
Try plugins until something is wrong, and measure what it costs: ``make soak``.

``make soak SCALE=0.01`` does a hundredth of it, ``make soak ROW="follow gap"`` some rows alone.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

from nativeplug.cli.console import console, table
from soaking import Measured, measure


@dataclass(frozen=True, slots=True)
class Row:
    """Something that must be reached."""

    #: The module and the function in it that measure it.
    script: str
    scenario: str
    what: str
    #: The most that its figure may be, and the same in words.
    at_most: float
    limit: str

    def is_met(self, measured: Measured) -> bool:
        """Tell whether it is reached."""
        return measured.figure <= self.at_most and not measured.problems


ROWS = (
    Row("soak_liveness", "liveness", "a call, against one before there were updates", 1.03, "1.03"),
    Row("soak_calls", "c_updates", "wrong calls of 4 threads while C is updated", 0, "0"),
    Row("soak_calls", "go_updates", "wrong calls of 4 threads while Go is updated", 0, "0"),
    Row("soak_bad", "bad_updates", "wrong calls of 2 threads under bad updates", 0, "0"),
    Row("soak_bad", "damaged_files", "wrong calls and crashes under damaged files", 0, "0"),
    Row("soak_calls", "same_times", "stale code after rebuilds of the same size and time", 0, "0"),
    Row("soak_costs", "gap", "longest gap between calls in an update", 2, "2 ms (median)"),
    Row("soak_costs", "follow", "from a new file to its first call", 150, "150 ms (worst)"),
    Row("soak_costs", "retired", "memory of a retired generation", 160, "160 KiB, 8 mappings"),
    Row("soak_origin", "bit_flips", "bit flips in what is signed that are accepted", 0, "0"),
    Row("soak_attacker", "attacker", "runs of unverified code while files are swapped", 0, "0"),
    Row("soak_mounts", "mounts", "ways in which what others have mounted is believed", 0, "0"),
    Row("soak_origin", "interop", "signatures that minisign and we see differently", 0, "0"),
    Row("soak_costs", "unloading", "growth while what is retired is unloaded", 5, "5 %"),
    Row("soak_files", "truncations", "processes killed by truncated files", 0, "0"),
    Row("soak_mutants", "mutants", "processes killed by damaged tables, without a probe", 1, "1 %"),
    Row("soak_mutants", "mutants_probed", "hosts killed by damaged tables, with a probe", 0, "0"),
    Row("soak_refusals", "refusals", "refusals that let a constructor run", 0, "0"),
    Row("soak_files", "false_refusals", "files that load, and are refused", 0, "0"),
    Row("soak_files", "check_cost", "check of a Go plugin of 2 MB", 2, "2 ms (median)"),
    Row("soak_metadata", "told_builds", "compilers, linkers: plugins that tell it wrong", 0, "0"),
    Row("soak_raised", "raised_builds", "C++, Rust: errors of calls that are lost", 0, "0"),
    Row("soak_prototypes", "prototypes", "wrong verdicts of macros, of debug information", 0, "0"),
    Row("soak_types", "libabigail", "symbols that libabigail sees otherwise", 0, "0"),
    Row("soak_types", "debug_cost", "debug information of a Go plugin", 3, "400 ms, then 3 ms"),
)


def main(scale: str, *names: str) -> int:
    """Run the rows that are named, or all; print the table; return the exit status."""
    chosen = [row for row in ROWS if not names or row.scenario in names]
    unknown = {*names} - {row.scenario for row in chosen}
    if unknown:
        sys.stderr.write(f"no row {', '.join(unknown)}; there are {_names()}\n")
        return 2
    found = [(row, _run(row, float(scale))) for row in chosen]
    lines = [
        (row.what, measured.text, row.limit, _verdict(row, measured)) for row, measured in found
    ]
    title = "what must be reached" if float(scale) == 1 else f"at {scale} of the full size"
    console().print(table(title, ("what", "measured", "at most", ""), lines))
    return 1 if any(_verdict(row, measured) == "missed" for row, measured in found) else 0


def _verdict(row: Row, measured: Measured) -> str:
    if math.isnan(measured.figure) and not measured.problems:
        return "not measured"
    return "met" if row.is_met(measured) else "missed"


def _names() -> str:
    return ", ".join(row.scenario for row in ROWS)


def _run(row: Row, scale: float) -> Measured:
    begun = time.monotonic()
    measured = measure(row.script, row.scenario, scale)
    seconds = time.monotonic() - begun
    _say(
        f"{row.scenario}: {measured.text} ({seconds:.0f} s)", *measured.details, *measured.problems
    )
    return measured


def _say(first: str, *more: str) -> None:
    """Print at once, also into a file or a pipe."""
    text = "\n".join([first, *more]).replace("\n", "\n    ")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
