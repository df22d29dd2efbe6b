"""What stays of calls, when many are made."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from batches import run_batch
from every_call import INVOKERS
from gates import GATES
from leaks import growth, too_much
from support import RunPython

CALLS = 10_000  # a million, by `make fuzz`, take a hundred times as long

KEPT: list[object] = []
OBJECT = object()


@pytest.mark.slow
def test_nothing_stays() -> None:
    """No call of any type, by any invoker, successful or not, leaves a reference or memory."""
    with ThreadPoolExecutor() as pool:
        batches = [pool.submit(run_batch, "leaks", seed, CALLS) for seed, _ in enumerate(INVOKERS)]
        assert [None] * len(INVOKERS) == [batch.result() for batch in batches]


def leak_a_reference() -> None:
    """Take a reference and forget it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(OBJECT))


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (leak_a_reference, f"references to object {OBJECT!r}"),
        (lambda: KEPT.append(object()), "objects"),
    ],
    ids=["a reference", "an object"],
)
def test_what_stays_is_noticed(action: Callable[[], None], what: str) -> None:
    """Objects and references that stay are told apart."""
    grown = growth(action, CALLS, [OBJECT])
    KEPT.clear()
    assert what in too_much(grown, CALLS)


def test_bytes_that_stay_are_noticed(run_python: RunPython) -> None:
    """Memory that is allocated and forgotten is noticed, where no freed memory hides it."""
    code = """
    import ctypes
    from leaks import growth, too_much
    leak = lambda: ctypes.pythonapi.PyMem_RawMalloc(ctypes.c_size_t(16))
    print(*too_much(growth(leak, 10_000, []), 10_000))
    """
    finished = run_python(code, env=GATES)
    assert "bytes\n" == finished.stdout, finished.stderr
