"""What debug information tells of types: against libabigail and the clock."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import building
from nativeplug._util import programs
from soak_abigail import libabigail
from soaking import Measured, main, times
from support import PLUGINS_GO


def debug_cost(scale: float, folder: Path) -> Measured:
    """
    Find what debug information adds to opening a Go plugin, the first time and further ones.

    Against a copy without it, each time in a process of its own.
    """
    if programs.go_toolchain() is None:
        return Measured(math.inf, "not measured: no Go")
    made = building.build(PLUGINS_GO / "greeter", folder / "greeter.so")
    plugin, bare = _without(made, "debug"), _without(made, "bare", "--strip-debug")
    os.environ["NATIVEPLUG_CACHE_DIR"] = str(folder / "cache")
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for path in (plugin, bare):
        _open_in_process(path)
    first, further, without = [], [], []
    for _ in range(max(2, times(20, scale))):
        shutil.rmtree(folder / "cache" / "debug")
        first.append(_open_in_process(plugin))
        further.append(_open_in_process(plugin))
        without.append(_open_in_process(bare))
    base = statistics.median(without)
    slow, fast = statistics.median(first) - base, statistics.median(further) - base
    text = f"first {slow:.0f} ms, then {fast:.1f} ms, over {base:.0f} ms without"
    problems = [f"first {slow:.0f} ms, of at most {_FIRST_MS}"] if slow > _FIRST_MS else []
    return Measured(fast, text, problems)


def _without(made: Path, folder: str, *options: str) -> Path:
    """Return a copy of a plugin and its header, without what it tells itself."""
    copy = made.parent / folder / made.name
    copy.parent.mkdir()
    shutil.copy(made.with_suffix(".h"), copy.parent)
    command = ["objcopy", "--remove-section=.nativeplug", *options, str(made), str(copy)]
    subprocess.run(command, check=True)
    return copy


_FIRST_MS = 400
_OPEN = """
import sys, time
import nativeplug
# What reads and compares types is imported once, whatever there is to be read.
import nativeplug.abi, nativeplug.declare.abi_types, nativeplug.loader.debug_info
nativeplug.open
begun = time.perf_counter()
nativeplug.open(sys.argv[1]).lookup("Add")
print(time.perf_counter() - begun)
"""


def _open_in_process(plugin: Path) -> float:
    """Return how long a process opens a plugin and looks a function up, in milliseconds."""
    command = [sys.executable, "-c", _OPEN, str(plugin)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1e3


if __name__ == "__main__":
    main(debug_cost, libabigail)
