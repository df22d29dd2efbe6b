"""
Time calls by the nativeplug of a given directory: a line of nanoseconds for each line read.

``python tests/liveness_worker.py DIRECTORY CALLS C_PLUGIN GO_PLUGIN``; the first line has names.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from timeit import Timer
from typing import Any

#: The name of the loop without a call.
EMPTY = ""
#: What is called: the function, its prototype for people, the arguments, and the result.
_CALLS: tuple[tuple[str, str, tuple[float, ...], float | None], ...] = (
    ("nop", "void nop(void)", (), None),
    ("add", "int64 add(int64, int64)", (2, 3), 5),
    ("half", "double half(double)", (1.5,), 0.75),
    ("fma3", "double fma3(double, double, double)", (1.0, 2.0, 3.0), 5.0),
)


def timers(open_plugin: Any, c_plugin: Path, go_plugin: Path) -> Iterator[tuple[str, Timer]]:
    """Give all calls, whose results are right, by name."""
    with tempfile.TemporaryDirectory() as folder:
        for hold_gil in (True, False):  # the same file would be the same plugin
            copy = shutil.copy(c_plugin, Path(folder, f"{hold_gil}.so"))
            plg = open_plugin(copy, c_plugin.with_suffix(".h"), hold_gil=hold_gil)
            for name, prototype, arguments, wanted in _CALLS:
                call = getattr(plg, name)
                assert wanted == call(*arguments)
                yield (
                    f"{prototype}, GIL {'held' if hold_gil else 'released'}",
                    timer(call, arguments),
                )
        plg = open_plugin(go_plugin)
        assert plg.Add(2, 3) == 5
        yield "int Add(int, int) of Go, GIL released", timer(plg.Add, (2, 3))


def timer(call: Any, arguments: tuple[float, ...]) -> Timer:
    """Return a timer of a call with arguments that are local names, as in most programs."""
    names = [f"a{index}" for index, _ in enumerate(arguments)]
    setup = f"f, {', '.join(names)} = call, *arguments" if names else "f = call"
    return Timer(f"f({', '.join(names)})", setup, globals={"call": call, "arguments": arguments})


def main(directory: str, count: str, c_plugin: str, go_plugin: str) -> None:
    """Answer each line."""
    sys.path.insert(0, directory)
    import nativeplug

    assert Path(nativeplug.__file__).is_relative_to(directory)
    found = {EMPTY: Timer(), **dict(timers(nativeplug.open, Path(c_plugin), Path(go_plugin)))}
    number = int(count)
    say([*found])
    for _ in sys.stdin:
        say([each.timeit(number) / number * 1e9 for each in found.values()])


def say(what: object) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
