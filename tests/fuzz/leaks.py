"""Make calls of every class of types many times over, and see what stays of them."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from batches import Note, main
from every_call import INVOKERS, Action, actions, open_with

#: What may stay of so many calls: a reference, an object, and a few bytes.
CALLS = 50
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: How many bytes an allocator keeps for itself, of what is allocated and of what is resident.
_NOISE = {"bytes": 1 << 16, "resident bytes": 1 << 20}


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2``, mallinfo(3)."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = tuple((name, ctypes.c_size_t) for name in _names.split())


_LIBC = ctypes.CDLL(None)
_LIBC.mallinfo2.restype = _Mallinfo


def allocated() -> int:
    """Return how much malloc(3) has given out in the main thread, in bytes."""
    found = _LIBC.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def resident() -> int:
    """Return how much memory the process has, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def objects_of(action: Action) -> Iterator[object]:
    """Yield the objects that an action uses, in which references may stay."""
    if not isinstance(action, FunctionType):
        yield action
        return
    yield from (constant for constant in action.__code__.co_consts)
    for cell in action.__closure__ or ():
        content = cell.cell_contents
        yield content
        yield type(content)
        if isinstance(content, FunctionType):
            yield from objects_of(content)


def growth(action: Action, count: int, objects: Sequence[object]) -> dict[str, int]:
    """Return by how much what stays has grown after so many calls."""

    def now() -> list[int]:
        gc.collect()
        return [allocated(), resident(), sys.getallocatedblocks(), *map(sys.getrefcount, objects)]

    for _ in range(10):  # what is made once and kept
        action()
    before = now()
    for _ in range(count):
        action()
    grown = [after - earlier for earlier, after in zip(before, now(), strict=True)]
    names = [
        "bytes",
        "resident bytes",
        "objects",
        *(f"references to {_shown(each)}" for each in objects),
    ]
    return dict(zip(names, grown, strict=True))


def _shown(each: object) -> str:
    return f"{type(each).__name__} {each!r}"[:60]


def too_much(grown: dict[str, int], count: int) -> dict[str, int]:
    """Return what has grown by more than noise."""
    allowed = {what: noise + count for what, noise in _NOISE.items()}
    return {what: by for what, by in grown.items() if by > allowed.get(what, count // CALLS)}


def run(seed: int, count: int, note: Note) -> str | None:
    """Make each call so many times by one of the invokers; return where something stays."""
    with tempfile.TemporaryDirectory() as folder:
        plg: Any = open_with(INVOKERS[seed % len(INVOKERS)], Path(folder))
        gc.freeze()  # what the program is made of need not be looked through for each action
        always = [None, True, TypeError, ValueError, OverflowError, *map(plg.lookup, plg)]
        for name, action in actions(plg).items():
            note(name)
            objects = [*always, *objects_of(action)]
            # Twice: what is made at some point and kept does not come again.
            if too_much(growth(action, count, objects), count) and (
                problems := too_much(growth(action, count, objects), count)
            ):
                return f"{name}: {count} calls leave {problems}"
    return None


if __name__ == "__main__":
    raise SystemExit(main(run))
