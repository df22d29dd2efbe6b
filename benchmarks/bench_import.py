"""The cost of importing nativeplug, beside that of importing cffi (limit: 15 ms more)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from interleaved import report, rounds_of

ROUNDS = 30


def start_with(statement: str) -> Callable[[], object]:
    """Return an action that starts a Python, without site, that runs *statement*."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; {statement}"
    return lambda: subprocess.run([sys.executable, "-S", "-c", code], check=True)


def main() -> None:
    """Start a Python for each, many times, and print the cost."""
    candidates = {
        "an empty program": start_with("pass"),
        "import cffi": start_with("import cffi"),
        "import nativeplug": start_with("import nativeplug"),
        "with all that open needs": start_with("import nativeplug; nativeplug.open"),
    }
    seconds = rounds_of(candidates, ROUNDS)
    report("start of a Python", seconds, unit="ms", scale=1e3, baseline="import cffi")
    more = min(seconds["import nativeplug"]) - min(seconds["import cffi"])
    print(f"nativeplug costs {more * 1e3:.1f} ms more than cffi")


if __name__ == "__main__":
    main()
