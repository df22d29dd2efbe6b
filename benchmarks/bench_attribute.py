"""What does ``plg.add(2, 3)`` cost, with the attribute read, beside a module and Go?"""

from __future__ import annotations

from benchmarks import building
from benchmarks.conftest import Interleaved
from benchmarks.systems import Plugins, go
from nativeplug.cli.measure import Loop

OURS, MODULE, GO = "plg.add(2, 3)", "module.add(2, 3)", "Go: lookup, type assertion, call"


def bench_attribute(plugins: Plugins, interleaved: Interleaved) -> None:
    """Hold the GIL; Go has none."""
    interleaved(
        {
            OURS: Loop(OURS, plg=plugins.held),
            MODULE: Loop(MODULE, module=building.handwritten(release_gil=False)),
            GO: go("lookup, assert, call"),
            "Go: call alone": go("call"),
        }
    )
