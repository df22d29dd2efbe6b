"""How much memory does one more resolved function take?"""

from __future__ import annotations

from benchmarks import building
from benchmarks.child import Figures, in_new_process, resolve_many
from benchmarks.conftest import Interleaved

RESOLVED = "one more resolved function"


def bench_memory(interleaved: Interleaved) -> None:
    """Count bytes, where the other benchmarks count seconds."""
    path, figures = building.functions(10_000), Figures()

    def start() -> float:
        figures.update(in_new_process(resolve_many, path, PYTHONMALLOC="malloc"))
        return figures["lookup"]

    interleaved(
        {RESOLVED: start, "its attribute, once read": lambda: figures["attribute"]}, rounds=5
    )
