"""
The open-handle cache: key -> the one value that was loaded for it.

The first to ask for a key loads; the others wait for that load and get the same value, or
the same error. No lock is held while loading, so a slow constructor in one plugin stops
nobody who opens another, and failures are not kept: the next to ask tries afresh.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

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


class Cache(Generic[K, V]):
    """A map of loaded values. Safe to use from several threads, and after fork()."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[K, _Entry[V]] = {}

    def get(self, key: K, load: Callable[[], V]) -> V:
        """
        Return the value of *key*, loading it when there is none.

        Raises:
            PluginError: What *load* raised, here or in the thread that was waited for.
            ReentrantLoadError: This thread is loading *key* already.
        """
        while True:
            with self._lock:
                entry = self._entries.get(key)
                if entry is None:
                    entry = self._entries[key] = _Entry()
                    break
            if entry.owner == threading.get_ident() and not entry.done.is_set():
                raise ReentrantLoadError
            entry.done.wait()
            if entry.error is not None:  # each thread its own copy: raising writes to it
                raise copy.copy(entry.error)
            if entry.value is not None:
                return entry.value
        return self._load(key, entry, load)

    def peek(self, key: K) -> V | None:
        """Return the value of *key* if it is loaded; never load or wait."""
        with self._lock:
            entry = self._entries.get(key)
        return None if entry is None else entry.value

    def _load(self, key: K, entry: _Entry[V], load: Callable[[], V]) -> V:
        try:
            entry.value = load()
        except BaseException as error:
            # An interrupt is this thread's alone: those who wait then try themselves.
            entry.error = error if isinstance(error, PluginError) else None
            self._forget(key, entry)
            raise
        finally:
            entry.done.set()
        return entry.value

    def _forget(self, key: K, entry: _Entry[V]) -> None:
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]

    def discard(self, value: V) -> None:
        """Forget *value*; the next to ask for its key loads afresh."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.value is value:
                    del self._entries[key]

    def values(self) -> Iterator[V]:
        """Iterate over what is loaded now."""
        with self._lock:
            entries = list(self._entries.values())
        return (entry.value for entry in entries if entry.value is not None)

    def after_fork(self) -> None:
        """Forget, in a child process, the loads and the lock of threads that it has not."""
        self._lock = threading.Lock()
        self._entries = {
            key: entry for key, entry in self._entries.items() if entry.done.is_set()
        }
