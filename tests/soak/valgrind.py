"""
Make every call under valgrind; ``make test-valgrind``.

Python and cffi leave some things behind, once. So what counts is who called for the memory, or
did what is wrong: nativeplug's compiled modules, and not cffi within a call of theirs. Nor Python
code within one: CPython's own int() looks at what it has not written, to valgrind.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

TIMES = 20  # of each call
SCRIPT = Path(__file__).parents[1] / "fuzz" / "every_call.py"
OPTIONS = ["--xml=yes", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40"]
OURS = ("nativeplug/_core.", "nativeplug/_dl.")
CFFI = "_cffi_backend."
EVALUATES = "_PyEval_EvalFrameDefault"


def ours(report: ET.Element) -> Iterator[str]:
    """Yield the errors and leaks of a report that are ours."""
    for error in report.iter("error"):
        frames = [
            (frame.findtext("fn", "?"), frame.findtext("obj", ""))
            for frame in error.iterfind("stack/frame")
        ]
        # Whoever has called for memory, it may be us who leak it.
        if not error.findtext("kind", "").startswith("Leak_"):
            frames = [*itertools.takewhile(lambda frame: frame[0] != EVALUATES, frames)]
        involved = [file for _, file in frames if any(part in file for part in (*OURS, CFFI))]
        if involved and CFFI not in involved[0]:
            what = error.findtext("what") or error.findtext("xwhat/text")
            stack = "".join(f"\n    {name} ({file})" for name, file in frames)
            yield f"{error.findtext('kind')}: {what}{stack}"


def main() -> int:
    """Run all calls, and print what valgrind says about us."""
    if shutil.which("valgrind") is None:
        sys.stderr.write("error: no valgrind; on Debian and Ubuntu: apt install valgrind\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "valgrind.xml")
        done = subprocess.run(
            ["valgrind", *OPTIONS, f"--xml-file={written}", sys.executable, SCRIPT, str(TIMES)],
            env={**os.environ, "PYTHONMALLOC": "malloc"},
            check=False,
        )
        report = ET.parse(written).getroot()  # noqa: S314 - valgrind wrote it
    if done.returncode != 0:
        return done.returncode
    problems = [*ours(report)]
    summary = f"valgrind: {len(problems)} of {len([*report.iter('error')])} reports are ours\n"
    sys.stdout.write("\n".join([*problems, summary]))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
