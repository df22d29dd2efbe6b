"""``Function.map``: a function over whole columns, the loop in C."""

from __future__ import annotations

import array
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nativeplug._core import TYPES, Uses, overlap
from nativeplug.call.arguments import wrong_count
from nativeplug.call.buffers import class_of_format
from nativeplug.call.callback import PENDING, Call
from nativeplug.call.convert import has_method
from nativeplug.call.plan import CallPlan, Kind, PlanValue, is_signed

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


# What ``Function.map`` is given: buffers and scalars -> columns that the core can run over.


if TYPE_CHECKING:
    from nativeplug.call.function import Function

Column = int | tuple[memoryview, str]

_SCALARS = {Kind.BOOL, Kind.CHAR, Kind.INTEGER, Kind.FLOAT}
_SORTS = {Kind.FLOAT: "float", Kind.BOOL: "truth", Kind.CHAR: "unsigned"}
_FORMATS = {"?": "truth", "c": "unsigned"}
_CODES = {"signed": "s", "unsigned": "u", "float": "f", "truth": "o"}
_WIDEST = 8  # bytes


@dataclass(frozen=True, slots=True)
class Elements:
    """What the elements of a column are."""

    #: ``signed``, ``unsigned``, ``float`` or ``truth``.
    sort: str
    #: Bytes.
    size: int

    @classmethod
    def of_buffer(cls, view: memoryview) -> Elements | None:
        """Return what a buffer has; None for anything but numbers in this machine's order."""
        text = view.format or "B"
        sort = _FORMATS.get(text) or class_of_format(text)
        if sort not in _CODES or view.itemsize > _WIDEST:
            return None
        return cls(sort, view.itemsize)

    @classmethod
    def of_value(cls, ffi: Any, value: PlanValue) -> Elements:
        """Return what a parameter takes, or what a result is."""
        sort = _SORTS.get(value.kind) or ("signed" if is_signed(ffi, value.ctype) else "unsigned")
        return cls(sort, ffi.sizeof(value.ctype))

    def widen_to(self, wanted: Elements) -> bool:
        """
        Tell whether all such values are safe where *wanted* is declared.

        The rule is NumPy's ``can_cast(..., "safe")``, by which 64 bits may become a ``double``.
        """
        if self.sort == wanted.sort:
            return self.size <= wanted.size
        if wanted.sort == "truth" or self.sort == "float":
            return False
        if wanted.sort == "float":
            return self.size < wanted.size or wanted.size == _WIDEST
        return self.sort == "truth" or (wanted.sort == "signed" and self.size < wanted.size)

    @property
    def typecode(self) -> str:
        """Their code in the module ``array``, which has no truth values."""
        kind = Kind.FLOAT if self.sort == "float" else Kind.INTEGER
        wanted = (kind.name, self.size, self.sort == "signed")
        return next(row[-1] for row in TYPES.values() if row[:-1] == wanted and row[-1])


@dataclass(frozen=True, slots=True)
class Job:
    """All that is decided before the first call."""

    function: Function
    #: For each parameter a buffer with what the core calls its elements, or a scalar's word.
    columns: tuple[Column, ...]
    #: Where the results go.
    out: memoryview | None
    #: How many calls are to be made.
    total: int
    #: What the caller gets.
    result: Any


def read(function: Function, args: Sequence[Any], out: Any, held: ExitStack) -> Job:
    """
    Check what ``Function.map`` is given.

    Args:
        function: The function.
        args: A buffer or scalar for each parameter.
        out: Where the results go, or None.
        held: Gets the views, which are released when it is closed: an error's traceback might
            hold them for long.

    Raises:
        TypeError: The function or an argument is not of the right kind.
        ValueError: Lengths do not fit.
        OverflowError: A scalar does not fit.
    """
    plan, ffi = function.call_plan, function.scope.ffi
    _check_mappable(function, plan)
    if len(args) != len(plan.parameters):
        raise wrong_count(plan.signature, len(args))
    views = [
        _view_of(ffi, value, given, held)
        for value, given in zip(plan.parameters, args, strict=True)
    ]
    given_out = None if out is None else held.enter_context(_output_view(function, out))
    total = _common_length(plan, views, given_out)
    result = _new_output(function, args, total) if out is None else out
    target = given_out
    if out is None and result is not None:
        target = held.enter_context(memoryview(result))
    _check_output(function, target, total)
    columns: list[Column] = []
    for index, (view, given) in enumerate(zip(views, args, strict=True)):
        if view is None:
            columns.append(function._word(index, given))  # noqa: SLF001 - the core's, for this
            continue
        elements = Elements.of_buffer(view)
        assert elements is not None  # noqa: S101 - _view_of has checked it
        if target is not None and overlap(view, target):
            copy = array.array(elements.typecode, view.tobytes())
            view = held.enter_context(memoryview(copy))  # noqa: PLW2901
        columns.append((view, _CODES[elements.sort]))
    return Job(function, tuple(columns), target, total, result)


def _check_mappable(function: Function, plan: CallPlan) -> None:
    for value in (*plan.parameters, plan.result):
        if value.kind not in _SCALARS and value.kind is not Kind.VOID:
            raise TypeError(
                f"{function.name}() cannot be mapped: {value.label} is no number ({plan.signature})"
            )
    if function.invoker != "core":
        raise TypeError(
            f"{function.name}() cannot be mapped: the core invoker does not serve it "
            f"({plan.signature})"
        )


def _view_of(ffi: Any, value: PlanValue, given: Any, held: ExitStack) -> memoryview | None:
    """Return a column's buffer; None for a scalar."""
    try:
        view = held.enter_context(memoryview(given))
    except TypeError:
        if not (has_method(given, "__index__") or has_method(given, "__float__")):
            raise value.wrong_type("a number or a buffer of numbers", given) from None
        return None
    if view.ndim == 0:  # a scalar of NumPy's
        return None
    if view.ndim != 1:
        raise TypeError(f"{value.label} must have one dimension, not {view.ndim}")
    found, wanted = Elements.of_buffer(view), Elements.of_value(ffi, value)
    if found is None or not found.widen_to(wanted):
        raise TypeError(
            f"{value.label} must be a buffer of {value.ctype.cname!r}, "
            f"not of format {view.format!r}"
        )
    return view


def _common_length(
    plan: CallPlan, views: Sequence[memoryview | None], out: memoryview | None
) -> int:
    """Return the length that all columns have; one element counts for all, as in NumPy."""
    lengths = {
        plan.signature.names[index]: len(view)
        for index, view in enumerate(views)
        if view is not None
    }
    longer = {length for length in lengths.values() if length != 1}
    if len(longer) > 1:
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise ValueError(f"{plan.signature.name}() arguments have different lengths ({listed})")
    if longer:
        return longer.pop()
    if out is not None:
        return len(out)
    if not lengths:
        raise TypeError(f"{plan.signature.name}() mapped over scalars only: give a buffer, or out=")
    return 1


def _output_view(function: Function, out: Any) -> memoryview:
    if function.call_plan.result.kind is Kind.VOID:
        raise TypeError(f"{function.name}() has no result, so out= cannot take any")
    try:
        view = memoryview(out)
    except TypeError:
        raise TypeError(
            f"{function.name}() out= must be a writable buffer, not {type(out).__name__}"
        ) from None
    if view.ndim != 1:
        view.release()
        raise TypeError(f"{function.name}() out= must have one dimension")
    return view


def _check_output(function: Function, view: memoryview | None, total: int) -> None:
    if view is None:
        return
    if view.readonly:
        raise TypeError(f"{function.name}() out= must be writable")
    value = function.call_plan.result
    wanted = Elements.of_value(function.scope.ffi, value)
    # Truth values are bytes where there is no type for them.
    allowed = {wanted, Elements("unsigned", 1)} if wanted.sort == "truth" else {wanted}
    if Elements.of_buffer(view) not in allowed:
        raise TypeError(
            f"{function.name}() out= must be a buffer of {value.ctype.cname!r}, "
            f"not of format {view.format!r}"
        )
    if len(view) != total:
        raise ValueError(f"{function.name}() out= must have {total} items, not {len(view)}")


def _new_output(function: Function, args: Sequence[Any], total: int) -> Any:
    value = function.call_plan.result
    if value.kind is Kind.VOID:
        return None
    elements = Elements.of_value(function.scope.ffi, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and any(isinstance(given, numpy.ndarray) for given in args):
        return numpy.empty(total, "?" if elements.sort == "truth" else elements.typecode)
    return array.array(elements.typecode, bytes(elements.size * total))
