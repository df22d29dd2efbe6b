"""What does a call of a function cost that is written in Go?"""

from __future__ import annotations

import nativeplug
from benchmarks import building
from benchmarks.conftest import Interleaved
from nativeplug.cli.measure import Loop

OURS, HANDWRITTEN = "nativeplug, GIL held", "hand-written, GIL held"


def bench_go_export(interleaved: Interleaved) -> None:
    """Both call the very same export, so one Go runtime serves both."""
    plg = nativeplug.open(building.go_export(), hold_gil=True)
    add = plg.lookup("Add")
    module = building.handwritten(release_gil=False)
    module.bind_go_add(add.address)
    assert 5 == plg.Add(2, 3) == module.go_add(2, 3)
    interleaved(
        {
            OURS: Loop("f(2, 3)", f=plg.Add),
            HANDWRITTEN: Loop("f(2, 3)", f=module.go_add),
        }
    )
