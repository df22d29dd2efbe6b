"""What must be reached, and what was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import (
    bench_attribute,
    bench_declarations,
    bench_first_start,
    bench_go_export,
    bench_lookup,
    bench_map,
    bench_memory,
    bench_open,
    bench_plugins,
)
from benchmarks.results import Results, mean
from benchmarks.systems import (
    CFFI_ABI,
    CFFI_API,
    CTYPES,
    CYTHON,
    HANDWRITTEN_HELD,
    HANDWRITTEN_RELEASED,
    HELD,
    NANOBIND,
    PYBIND11,
    RELEASED,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A row of the table: what is measured, and the most that it may be."""

    row: str
    limit: float
    measure: Callable[[Results], float]


def _mean(candidate: str, baseline: str) -> Callable[[Results], float]:
    return lambda results: mean(results.call_ratios(candidate, baseline))


def _worst(candidate: str, *baselines: str) -> Callable[[Results], float]:
    return lambda results: max(results.call_ratios(candidate, *baselines))


def _ratio(bench: str, candidate: str, baseline: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(bench, candidate, baseline)


TARGETS = (
    Target("call, GIL held / hand-written: geometric mean", 1.10, _mean(HELD, HANDWRITTEN_HELD)),
    Target("call, GIL held / hand-written: worst row", 1.25, _worst(HELD, HANDWRITTEN_HELD)),
    Target("call, GIL held / nanobind: worst row", 1.0, _worst(HELD, NANOBIND)),
    Target("call, GIL held / Cython: worst row", 1.0, _worst(HELD, CYTHON)),
    Target("call, GIL held / pybind11: worst row", 1.0, _worst(HELD, PYBIND11)),
    Target(
        "call, GIL released / hand-written that releases: geometric mean",
        1.10,
        _mean(RELEASED, HANDWRITTEN_RELEASED),
    ),
    Target("call, GIL released / cffi API mode: geometric mean", 0.60, _mean(RELEASED, CFFI_API)),
    Target("call, GIL released / cffi ABI mode: geometric mean", 0.28, _mean(RELEASED, CFFI_ABI)),
    Target("call, GIL released / ctypes: geometric mean", 0.25, _mean(RELEASED, CTYPES)),
    Target(
        "plg.add(2, 3) / module.add(2, 3) of the hand-written module",
        1.25,
        _ratio("bench_attribute", bench_attribute.OURS, bench_attribute.MODULE),
    ),
    Target(
        "call of a Go export / hand-written",
        1.05,
        _ratio("bench_go_export", bench_go_export.OURS, bench_go_export.HANDWRITTEN),
    ),
    Target(
        'plg.lookup("add") of a known name / a dict read in a method',
        1.5,
        _ratio("bench_known", bench_lookup.OURS, bench_lookup.DICT),
    ),
    Target(
        "first lookup of a declared name / ctypes with its types set",
        1.5,
        _ratio("bench_first_lookup", bench_lookup.FIRST, bench_lookup.CTYPES),
    ),
    Target(
        "open of an open plugin / os.stat of its path",
        2.0,
        _ratio("bench_open", bench_open.OURS, bench_open.STAT),
    ),
    Target(
        "open of an open plugin / Go's plugin.Open of one",
        0.8,
        _ratio("bench_open", bench_open.OURS, bench_open.GO),
    ),
    Target(
        "plg.add(2, 3) / Go's lookup, type assertion and call",
        1.3,
        _ratio("bench_attribute", bench_attribute.OURS, bench_attribute.GO),
    ),
    Target(
        "map, one thread / the same loop in C",
        1.15,
        _ratio("bench_map", bench_map.OURS, bench_map.LOOP_IN_C),
    ),
    Target(
        "map / numpy.vectorize of the cffi function",
        0.02,
        _ratio("bench_map", bench_map.OURS, bench_map.VECTORIZE),
    ),
    Target(
        "map, two threads / one, 10,000,000 elements, 20 ns each",
        0.6,
        _ratio("bench_threads", bench_map.TWO_THREADS, bench_map.ONE_THREAD),
    ),
    Target(
        "memory of one more resolved function, KiB",
        1.0,
        lambda results: results.costs["bench_memory"][bench_memory.RESOLVED].minimum / 1024,
    ),
    Target(
        "open, look up and call, second run: 10,000 declared / 10",
        5.0,
        _ratio(
            "bench_declared_again",
            bench_declarations.declared(10_000),
            bench_declarations.declared(10),
        ),
    ),
    Target(
        "open and first call of the last of 1,000 plugins / the first",
        3.0,
        _ratio("bench_plugins", bench_plugins.nth(1_000), bench_plugins.nth(1)),
    ),
    Target(
        "a process that opens and calls, declarations kept / cffi ABI mode (less Python's start)",
        0.5,
        partial(bench_first_start.net, bench_first_start.KEPT, bench_first_start.CFFI),
    ),
    Target(
        "the same, text seen for the first time / cffi ABI mode",
        1.2,
        partial(bench_first_start.net, bench_first_start.ANEW, bench_first_start.CFFI),
    ),
    Target(
        "the same, a soname and three functions / ctypes",
        8.0,
        partial(bench_first_start.net, bench_first_start.SONAME, bench_first_start.CTYPES),
    ),
    Target(
        "nativeplug --version / an empty Python",
        4.0,
        _ratio("bench_first_start", bench_first_start.VERSION, bench_first_start.WITH_SITE),
    ),
    Target(
        "nativeplug call / an empty Python",
        8.0,
        _ratio("bench_first_start", bench_first_start.CALL, bench_first_start.WITH_SITE),
    ),
)
