"""
The open-handle cache: key -> the one value that was loaded for it.

The first to ask for a key loads; the others wait for that load and get the same value, or
the same error. No lock is held while loading, so a slow constructor in one plugin stops
nobody who opens another, and failures are not kept: the next to ask tries afresh.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from nativeplug._util import forksafe
from nativeplug.errors import PluginError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ReentrantLoadError(Exception):
    """A load asked, in its own thread, for what it was loading: it would wait for itself."""


class _Entry(Generic[V]):
    """One key's load: under way until *done* is set, then a value or an error."""

    __slots__ = ("done", "error", "owner", "value")

    def __init__(self) -> None:
        self.owner = threading.get_ident()
        self.done = threading.Event()
        self.value: V | None = None
        self.error: PluginError | None = None

    def wait(self) -> None:
        """
        Wait until the load is done.

        Raises:
            ReentrantLoadError: This thread is the one that loads.
        """
        # Waiting takes a lock that fork() may have left locked: not for what is done already.
        if self.done.is_set():
            return
        if self.owner == threading.get_ident():
            raise ReentrantLoadError
        self.done.wait()


class SingleFlight(Generic[K, V]):
    """A map of loaded values. Safe to use from several threads, and after fork()."""

    def __init__(self) -> None:
        self._lock = forksafe.lock()
        self._entries: dict[K, _Entry[V]] = {}

    def get(self, key: K, load: Callable[[], V]) -> V:
        """
        Return the value of *key*, loading it when there is none.

        Raises:
            PluginError: What *load* raised, here or in the thread that was waited for.
            ReentrantLoadError: This thread is loading *key* already.
        """
        while True:
            entry = self._entries.get(key) or self._enter(key, load)
            entry.wait()
            if entry.error is not None:  # each thread its own copy: raising writes to it
                raise copy.copy(entry.error)
            if entry.value is not None:
                return entry.value

    def _enter(self, key: K, load: Callable[[], V]) -> _Entry[V]:
        """Return the entry of *key*; make it, and load its value, when there is none."""
        mine: _Entry[V] = _Entry()
        try:
            with self._lock:
                entry = self._entries.setdefault(key, mine)
            if entry is mine:
                mine.value = load()
        except BaseException as error:
            # An interrupt is this thread's alone: those who wait then try themselves.
            mine.error = error if isinstance(error, PluginError) else None
            self._forget(key, mine)
            raise
        finally:
            mine.done.set()
        return entry

    def peek(self, key: K | None) -> V | None:
        """Return the value of *key* if it is loaded; never load or wait."""
        entry = self._entries.get(key)  # type: ignore[arg-type]
        return None if entry is None else entry.value

    def _forget(self, key: K, entry: _Entry[V]) -> None:
        with self._lock:
            found = self._entries.pop(key, None)
            # Taken out and put back, not looked at and deleted: a signal handler may come between.
            if found is not None and found is not entry:
                self._entries.setdefault(key, found)

    def discard(self, value: V) -> None:
        """Forget *value*; the next to ask for its key loads afresh."""
        for key, entry in list(self._entries.items()):
            if entry.value is value:
                self._forget(key, entry)

    def rekey(self, value: V, key: K) -> None:
        """Let *key* stand for *value* from now on, and no other key."""
        mine: _Entry[V] = _Entry()
        mine.value = value
        mine.done.set()
        with self._lock:
            entry = self._entries.setdefault(key, mine)
            if entry.value is None:  # somebody is loading it, and will find the same
                entry.value = value
        for other, entry in list(self._entries.items()):
            if entry.value is value and other != key:
                self._forget(other, entry)

    def values(self) -> list[V]:
        """Return what is loaded now."""
        entries = list(self._entries.values())
        return [entry.value for entry in entries if entry.value is not None]

    def after_fork(self) -> None:
        """Forget, in a child process, the loads of threads that it has not."""
        for key, entry in list(self._entries.items()):
            if entry.done.is_set():
                continue
            if entry.value is not None:  # by `rekey`
                entry.done = threading.Event()
                entry.done.set()
            elif entry.owner == threading.get_ident():  # fork() came from within the load
                entry.done = threading.Event()
            else:
                del self._entries[key]
