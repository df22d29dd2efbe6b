"""``Function.map``: a function over whole columns, the loop in C."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

from nativeplug._core import Uses
from nativeplug.call.callback import PENDING, Call
from nativeplug.call.columns import Job

Progress = Callable[[int, int], object]

_SLICE_SECONDS = 0.02  # how long a signal may go unseen, and the GIL be away
_FIRST_SLICE = 8
_GROWTH = 8
_TICK_SECONDS = 0.05  # how often progress is told while threads work


def run(job: Job, threads: int, progress: Progress | None) -> None:
    """
    Make the calls.

    Args:
        job: What was read of the arguments.
        threads: How many threads share the work.
        progress: Called with the number of calls made and of all, in this thread.
    """
    # One call, so all of it goes to one generation.
    target, uses = job.function._begin()  # noqa: SLF001 - the core's
    try:
        if threads == 1:
            done = 0
            for count in _slices(job, target, uses, 0, job.total):
                done += count
                if progress is not None:
                    progress(done, job.total)
        else:
            _run_threads(job, target, uses, threads, progress)
    finally:
        uses.end()


def _slices(job: Job, target: int, uses: Uses, start: int, stop: int) -> Iterator[int]:
    """Make the calls from *start* to *stop*, and tell after each slice how many it had."""
    size = _FIRST_SLICE
    while start < stop:
        count = min(size, stop - start)
        begun = time.perf_counter()
        try:
            job.function._run(target, uses, job.columns, job.out, start, count)  # noqa: SLF001
        finally:
            if PENDING.by_call:  # a callback that outlives calls has failed, perhaps in this one
                Call().finish(PENDING.take(sys._getframe()))  # noqa: SLF001
        took = time.perf_counter() - begun
        size = max(1, int(size * min(_GROWTH, _SLICE_SECONDS / max(took, 1e-9))))
        start += count
        yield count


PENDING.serve(_slices.__code__)


def _run_threads(
    job: Job, target: int, uses: Uses, threads: int, progress: Progress | None
) -> None:
    stopped, done = threading.Event(), [0] * threads

    def work(number: int) -> None:
        start, stop = (job.total * part // threads for part in (number, number + 1))
        for count in _slices(job, target, uses, start, stop):
            done[number] += count
            if stopped.is_set():
                return

    with ThreadPoolExecutor(threads, "nativeplug-map") as pool:
        try:
            working = {pool.submit(work, number) for number in range(threads)}
            while working:
                finished, working = wait(working, _TICK_SECONDS)
                for future in finished:
                    future.result()
                if progress is not None:
                    progress(sum(done), job.total)
        finally:
            stopped.set()
