"""
Measure what needs a process of its own.

``python -m benchmarks.child NAME ARGUMENT...`` prints what the function NAME returns.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nativeplug

DECLARATION = "int64_t add(int64_t a, int64_t b);"

Figures = dict[str, float]


def start(command: list[str | Path], **environment: str | Path) -> str:
    """Run a command to its end, and return what it printed."""
    return subprocess.run(
        command,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def in_new_process(
    measurement: Callable[..., Figures], *arguments: str | Path, **environment: str | Path
) -> Figures:
    """
    Run a measurement of this module in a new process.

    Returns:
        What it measured, by name.
    """
    command = [sys.executable, "-m", "benchmarks.child", measurement.__name__, *arguments]
    figures: Figures = json.loads(start(command, **environment))
    return figures


def open_many_declarations(path: str) -> Figures:
    """Return the seconds that the imports take, and then to open a plugin and call a function."""
    start = time.perf_counter()
    open_plugin = nativeplug.open  # imports what it needs
    imported = time.perf_counter()
    assert 7 == open_plugin(path).f7(7)
    return {"imports": imported - start, "open": time.perf_counter() - imported}


def open_many_plugins(folder: str) -> Figures:
    """
    Open every plugin of a folder, and call a function of each.

    Returns:
        The seconds that it took, by the plugin's number, counted from 1.
    """
    first, *paths = sorted(str(path) for path in Path(folder).iterdir())
    _open_and_call(first)  # imports what `open` needs
    return {str(number): _open_and_call(path) for number, path in enumerate(paths, 1)}


def _open_and_call(path: str) -> float:
    start = time.perf_counter()
    assert 5 == nativeplug.open(path, DECLARATION).add(2, 3)
    return time.perf_counter() - start


def resolve_many(path: str) -> Figures:
    """Return the memory, in bytes, that one more resolved function takes."""
    plg = nativeplug.open(path)
    names = list(plg)
    start = len(names) // 5
    for name in names[:start]:  # fills what the allocators have in reserve
        getattr(plg, name)
    before = _private_memory()
    for name in names[start:]:
        getattr(plg, name)
    return {"bytes": (_private_memory() - before) / (len(names) - start)}


def _private_memory() -> int:
    """Return what the process has allocated by any allocator; no file's pages are in it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^RssAnon:\s*(\d+) kB$", status, re.MULTILINE)
    assert found, "proc(5): since Linux 4.5"
    return 1024 * int(found[1])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
