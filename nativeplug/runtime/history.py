"""The generations of one plugin: which serves, which served, and what becomes of those."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nativeplug._util import forksafe
from nativeplug._util.log import logger
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime.loaded import Loaded

if TYPE_CHECKING:
    from datetime import datetime

_CURRENT, _RETIRED, _REJECTED = "current", "retired", "rejected"
_UNLOADING, _UNLOADED = "unloading", "unloaded"
#: How many of the unloaded ones are remembered.
_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """What can be said of a plugin's generation."""

    #: It is the *number*-th that was loaded for the plugin, counted from 1.
    number: int
    #: Of the file's content, in hexadecimal digits; None for a system library.
    sha256: str | None
    #: ``current``: it serves new calls. ``retired``: it served, and stays mapped.
    #: ``rejected``: an update loaded it, and then failed. ``unloading``, and then ``unloaded``:
    #: its memory is free.
    #: ``resident (REASON)``: it was to be unloaded, and cannot be.
    state: str
    #: When it was loaded.
    loaded_at: datetime
    #: The length of the address range that it was mapped to.
    mapped_bytes: int
    #: How many calls are under way in it; those that hold the GIL count with
    #: ``unload="when_idle"`` only.
    calls: int


@dataclass(slots=True, eq=False)
class _Record:
    loaded: Loaded
    state: str
    #: Why it cannot be unloaded at all.
    resident: str | None = None

    def info(self) -> GenerationInfo:
        generation = self.loaded.generation
        return GenerationInfo(
            number=self.loaded.number,
            sha256=generation.sha256,
            state=self.shown_state(),
            loaded_at=generation.loaded_at,
            mapped_bytes=generation.mapped_bytes,
            calls=self.loaded.uses.calls,
        )

    def shown_state(self) -> str:
        is_to_go = self.resident and self.state is not _CURRENT
        return f"resident ({self.resident})" if is_to_go else self.state


class History:
    """The generations of one plugin. Safe to use from several threads."""

    def __init__(self, first: Loaded) -> None:
        """*first* serves."""
        #: What was retired is to be unloaded, too.
        self.unloads_retired = False
        self._is_closed = False
        self._lock = forksafe.lock()
        self._records = [_Record(first, _CURRENT)]  # of those that are mapped
        self._served = [first]  # what a rollback goes back through; the last one serves
        self._unloaded: deque[GenerationInfo] = deque(maxlen=_REMEMBERED)
        #: What another plugin has taken over; an update that was under way may come back to it.
        self._released: weakref.WeakSet[Loaded] = weakref.WeakSet()
        self._numbers = itertools.count(first.number + 1)

    def next_number(self) -> int:
        """Return the number of the generation that is loaded next."""
        return next(self._numbers)

    def infos(self) -> tuple[GenerationInfo, ...]:
        """Tell of all generations, by number; of the unloaded ones of the last hundred."""
        with self._lock:
            found = [*self._unloaded, *(record.info() for record in self._records)]
        return tuple(sorted(found, key=lambda info: info.number))

    def count_mapped(self) -> int:
        """Return how many generations are mapped."""
        return len(self._records)

    def serve(self, loaded: Loaded) -> None:
        """Note that a generation serves now, and no other; none does of a closed plugin."""
        with self._lock:
            self._retire()
            if loaded in self._released:
                return
            self._set(loaded, _RETIRED if self._is_closed else _CURRENT)
            if self._is_closed:
                loaded.serves = False
            if loaded in self._served:  # all that has served since is undone
                del self._served[self._served.index(loaded) :]
            self._served.append(loaded)
            self._forget_files()

    def close(self) -> None:
        """Note that no generation serves any more, but what another plugin has taken over."""
        with self._lock:
            self._is_closed = True
            for record in self._records:
                record.loaded.serves = False
            self._retire()
            self._forget_files()

    def set_unloading(self, *, retired: bool) -> None:
        """Say whether what was retired is to be unloaded, too."""
        with self._lock:
            self.unloads_retired = retired
            for record in self._records:
                record.loaded.watch(on=retired)

    def _retire(self) -> None:
        for record in self._records:
            if record.state is _CURRENT:
                record.state = _RETIRED

    def _forget_files(self) -> None:
        """Let go of the files of all that does not serve: each may take megabytes."""
        for record in self._records:
            if record.state is not _CURRENT:
                record.loaded.known.forget()

    def release(self, sha256: str, options: LoadOptions) -> Loaded | None:
        """
        Let go of the latest retired generation of a content, for another plugin to use.

        Args:
            sha256: The content's SHA-256.
            options: How it must have been loaded.
        """
        with self._lock:
            for record in reversed(self._records):
                loaded = record.loaded
                if (
                    record.state is _RETIRED
                    and loaded.generation.sha256 == sha256
                    and options.find_contradiction(loaded.generation.options) is None
                ):
                    self._records.remove(record)
                    if loaded in self._served:
                        self._served.remove(loaded)
                    self._released.add(loaded)
                    return loaded
        return None

    def reject(self, loaded: Loaded) -> None:
        """Note a generation that was loaded in vain; it goes only if a probe has tried that."""
        with self._lock:
            record = self._set(loaded, _REJECTED)
            if not loaded.generation.is_probed:
                unknown = "refused, and no probe has run its destructors"
                record.resident = loaded.resident or unknown
            self._forget_files()

    def find_retired(self, number: int | None) -> Loaded | None:
        """
        Find a retired generation that is still mapped.

        Args:
            number: Its number; None for the latest one that the current one has come after.
        """
        with self._lock:
            if number is None:
                return next(filter(self.is_retired, reversed(self._served)), None)
            found = (record.loaded for record in self._records if record.state is _RETIRED)
            return next((loaded for loaded in found if loaded.number == number), None)

    def is_retired(self, loaded: Loaded) -> bool:
        """Tell whether a generation is retired and mapped."""
        with self._lock:
            return any(
                record.loaded is loaded and record.state is _RETIRED for record in self._records
            )

    def _set(self, loaded: Loaded, state: str) -> _Record:
        for record in self._records:
            if record.loaded is loaded:
                if record.state is not _UNLOADING:  # or the plugin was closed meanwhile
                    record.state = state
                return record
        self._records.append(_Record(loaded, state))
        return self._records[-1]

    def unload_idle(self) -> bool:
        """
        Unload what was rejected, and what was retired if that is asked for, unless it is in use.

        Returns:
            Whether something remains that may be unloaded later.
        """
        while (record := self._take_idle()) is not None:
            self._unload(record)
        with self._lock:
            return any(map(self._may_go, self._records))

    def _unload(self, record: _Record) -> None:
        info, loaded = record.info(), record.loaded
        try:
            reason = loaded.generation.unload()
        except BaseException:  # Ctrl-C, say: another time, then
            record.state = _RETIRED
            raise
        # A signal handler that came between may have done it.
        with self._lock, contextlib.suppress(ValueError):
            record.resident = reason
            if reason is None:
                self._records.remove(record)
                self._unloaded.append(replace(info, state=_UNLOADED))
                loaded.forget()
                self._served.remove(loaded)

    def _take_idle(self) -> _Record | None:
        """Find one that can be unloaded now, and note that this thread does it."""
        with self._lock:
            for record in filter(self._may_go, self._records):
                record.resident = record.loaded.resident
                if record.resident is None:
                    # Before it is asked: a signal handler that comes now passes it over.
                    state, record.state = record.state, _UNLOADING
                    if record.loaded.is_idle:
                        return record
                    record.state = state
        return None

    def _may_go(self, record: _Record) -> bool:
        """Tell whether a generation is to be unloaded, and nothing is known to keep it."""
        is_to_go = record.state is _REJECTED or (record.state is _RETIRED and self.unloads_retired)
        return is_to_go and record.resident is None


# Unloading what serves no more, as soon as nobody needs it: at once, or by a thread that looks.


#: How often to look, in seconds: often after something was replaced, and then less and less.
_FIRST, _LAST, _GROWTH = 0.02, 1.0, 1.5

_lock = forksafe.lock()
_waiting: set[History] = set()
_more = threading.Event()
_thread: threading.Thread | None = None


def unload_idle(history: History) -> None:
    """Unload what is to go and is needed by nobody, now or later; destructors run meanwhile."""
    if history.unload_idle():
        with _lock:
            _waiting.add(history)
            _more.set()
            _start()


def _start() -> None:
    """Start the thread, unless it runs."""
    global _thread  # noqa: PLW0603 - one for all plugins, while there is something to wait for
    if _thread is not None and _thread.is_alive():
        return
    thread = threading.Thread(target=_run, name="nativeplug-unload", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # no more threads, or the interpreter exits
        text = "nothing is unloaded before the next update: %s"
        logger("nativeplug.unload").warning(text, error)
    else:
        _thread = thread


def _run() -> None:
    global _thread  # noqa: PLW0603 - see above
    pause = _FIRST
    while True:
        pause = _FIRST if _more.wait(pause) else min(_LAST, pause * _GROWTH)
        with _lock:
            _more.clear()
            histories = [*_waiting]
        idle = {history for history in histories if not history.unload_idle()}
        with _lock:
            if not _more.is_set():  # else one of them may have got something to wait for
                _waiting.difference_update(idle)
            if not _waiting:
                _thread = None
                return


@forksafe.in_child
def _begin_anew() -> None:
    """Start the thread again in a child process, which has none."""
    global _more, _thread
    _more, _thread = threading.Event(), None
    if _waiting:
        _start()
