"""The cost of opening a plugin with 10,000 declared functions, at first and again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from interleaved import report
from nativeplug import build

FUNCTIONS = 10_000
ROUNDS = 5
OPEN = """
import sys, time
sys.path[:0] = eval(sys.argv[2])
import nativeplug
start = time.perf_counter()
plg = nativeplug.open(sys.argv[1])
assert 9999 == plg.f9999(9999)
assert sys.argv[3] == "first" or "pycparser" not in sys.modules
print(time.perf_counter() - start)
"""


def write_plugin(directory: Path) -> Path:
    """Build a plugin with many functions, and a header beside it."""
    prototypes = [f"long long f{i}(long long a)" for i in range(FUNCTIONS)]
    source = directory / "many.c"
    source.write_text("".join(f"{prototype} {{ return a; }}\n" for prototype in prototypes))
    (directory / "many.h").write_text("".join(f"{prototype};\n" for prototype in prototypes))
    return build.build(source, flags=["-O0", "-g0"])


def open_in_new_process(plugin: Path, which: str, cache: Path) -> float:
    """Return the seconds that the first `open` of a new process takes."""
    finished = subprocess.run(
        [sys.executable, "-c", OPEN, str(plugin), repr(sys.path), which],
        env={**os.environ, "NATIVEPLUG_CACHE_DIR": str(cache)},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(finished.stdout)


def main() -> None:
    """Open in new processes, with an empty and a filled cache in turn."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        plugin = write_plugin(directory)
        seconds: dict[str, list[float]] = {"first (parses)": [], "again (from disk)": []}
        for number in range(ROUNDS):
            cache = directory / f"cache{number}"
            seconds["first (parses)"].append(open_in_new_process(plugin, "first", cache))
            seconds["again (from disk)"].append(open_in_new_process(plugin, "again", cache))
    title = f"open a plugin with {FUNCTIONS:,} declared functions and call one"
    report(title, seconds, unit="ms", scale=1e3, baseline="first (parses)")


if __name__ == "__main__":
    main()
