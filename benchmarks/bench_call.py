"""What does a call cost, by each system?"""

from __future__ import annotations

import pytest

from benchmarks.conftest import Interleaved
from benchmarks.systems import CALLS, Call, System


@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def bench_call(call: Call, all_systems: dict[str, System], interleaved: Interleaved) -> None:
    """Call the same function of the same shared object by all."""
    candidates = {name: system.candidate(call) for name, system in all_systems.items()}
    interleaved(candidates)
