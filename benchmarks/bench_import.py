"""What does ``import nativeplug`` cost, beside ``import cffi``?"""

from __future__ import annotations

import sys

from benchmarks.child import start
from benchmarks.conftest import Interleaved
from nativeplug.cli.measure import Candidate, once

OURS, CFFI, EMPTY = "import nativeplug", "import cffi", "an empty program"


def bench_import(interleaved: Interleaved) -> None:
    """Start a Python, without ``site``, that runs one statement."""
    interleaved(
        {
            EMPTY: starting("pass"),
            CFFI: starting(CFFI),
            OURS: starting(OURS),
            "with all that open needs": starting("import nativeplug; nativeplug.open"),
        },
        rounds=25,
    )


def starting(statement: str) -> Candidate:
    """Return a candidate that starts a Python."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; {statement}"
    return once(lambda: start([sys.executable, "-S", "-c", code]))
