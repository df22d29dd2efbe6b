"""
Measure what needs a process of its own.

``python -m benchmarks.child NAME ARGUMENT...`` prints what the function NAME returns.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
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
    """
    Look functions up, then read the attributes of the same ones.

    Returns:
        The bytes that either takes for one function.
    """
    plg = nativeplug.open(path)
    names = list(plg)
    figures: Figures = {}
    for step, act in (("lookup", plg.lookup), ("attribute", lambda name: getattr(plg, name))):
        act(names[0])  # imports what it needs
        before = _memory_in_use()
        for name in names[1:]:
            act(name)
        figures[step] = (_memory_in_use() - before) / len(names[1:])
    return figures


class _Mallinfo2(ctypes.Structure):
    """What ``malloc`` has given out, mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _memory_in_use() -> int:
    """Return the bytes that are allocated; with ``PYTHONMALLOC=malloc`` these are all."""
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
