"""How much memory does one more resolved function take?"""

from __future__ import annotations

from benchmarks import building
from benchmarks.child import in_new_process, resolve_many
from benchmarks.conftest import Interleaved

RESOLVED = "one more resolved function"


def bench_memory(interleaved: Interleaved) -> None:
    """Bytes, where other benchmarks have seconds."""
    path = building.functions(10_000)
    interleaved({RESOLVED: lambda: in_new_process(resolve_many, path)["bytes"]}, rounds=5)
