"""What does it cost to open a plugin that is open?"""

from __future__ import annotations

import os

import nativeplug
from benchmarks.conftest import Interleaved
from benchmarks.systems import Plugins, go
from nativeplug.cli.measure import Loop

OURS, STAT, GO = "nativeplug.open", "os.stat", "Go: plugin.Open"


def bench_open(plugins: Plugins, interleaved: Interleaved) -> None:
    """All of them are given the same absolute path, Go that of its own plugin."""
    path = plugins.held.path
    assert plugins.held is nativeplug.open(path)
    interleaved(
        {
            OURS: Loop("open(path)", open=nativeplug.open, path=path),
            "nativeplug.open with declarations": Loop(
                "open(path, text)",
                open=nativeplug.open,
                path=path,
                text="int64_t add(int64_t a, int64_t b);",
            ),
            STAT: Loop("stat(path)", stat=os.stat, path=path),
            GO: go("open"),
        }
    )
