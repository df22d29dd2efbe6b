"""What does ``Function.map`` cost for each element?"""

from __future__ import annotations

import nativeplug
from benchmarks import building
from benchmarks.conftest import Interleaved
from benchmarks.systems import CFFI_ABI, Plugins, System
from nativeplug.cli.measure import once

OURS, LOOP_IN_C, VECTORIZE = "map", "the same loop in C", "numpy.vectorize of the cffi function"
ONE_THREAD, TWO_THREADS = "one thread", "two threads"
ELEMENTS, FEW, MANY = 1_000_000, 100_000, 10_000_000


def function(plugins: Plugins, name: str) -> nativeplug.Function:
    """Look a function up."""
    found = plugins.released.lookup(name)
    assert isinstance(found, nativeplug.Function)
    return found


def bench_map(plugins: Plugins, all_systems: dict[str, System], interleaved: Interleaved) -> None:
    """Map a function that costs next to nothing, so that the loop is what is measured."""
    # Not before: it starts threads, and a mutex costs more in a process with several of them.
    import numpy as np

    half, module = function(plugins, "half"), building.handwritten(release_gil=True)
    vectorized = np.vectorize(all_systems[CFFI_ABI].functions.half, otypes=[float])
    xs = np.linspace(0, 1, ELEMENTS)
    ours, theirs = np.zeros_like(xs), np.zeros_like(xs)
    few = xs[:FEW]
    candidates = {
        OURS: once(lambda: half.map(xs, out=ours), ELEMENTS),
        LOOP_IN_C: once(lambda: module.map_double(half.address, xs, theirs), ELEMENTS),
        VECTORIZE: once(lambda: vectorized(few), FEW),
    }
    for candidate in candidates.values():
        candidate()
    assert (xs / 2 == ours).all()
    assert (xs / 2 == theirs).all()
    assert (few / 2 == vectorized(few)).all()
    interleaved(candidates)


def bench_threads(plugins: Plugins, interleaved: Interleaved) -> None:
    """Map a function that takes some 20 ns."""
    import numpy as np

    slow = function(plugins, "slow")
    xs = np.linspace(1, 2, MANY)
    one, two = np.zeros_like(xs), np.zeros_like(xs)
    candidates = {
        ONE_THREAD: once(lambda: slow.map(xs, out=one), MANY),
        TWO_THREADS: once(lambda: slow.map(xs, out=two, threads=2), MANY),
    }
    for candidate in candidates.values():
        candidate()
    assert np.allclose(one, np.sqrt(xs))
    assert (one == two).all()
    interleaved(candidates, rounds=15)
