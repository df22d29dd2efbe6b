"""What the tests about following a file share."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from gates import PATIENCE, wait_for
from nativeplug.runtime.follow import Follower, Observer

SETTLE = 0.03

Follow = Callable[..., Follower]


class Calls:
    """What a follower calls."""

    def __init__(self) -> None:
        self._threads: queue.Queue[str] = queue.Queue()

    def __call__(self) -> bool:
        """Take note; nothing remains to be done."""
        self._threads.put(threading.current_thread().name)
        return True

    def next(self) -> str:
        """Wait for a call; return the name of its thread."""
        return self._threads.get(timeout=PATIENCE)


class Looks:
    """An observer whose clock the test has: nothing passes by itself."""

    def __init__(
        self, path: Path | str, changed: Callable[[], bool] = lambda: True, **options: object
    ) -> None:
        """Observe a file, and be done with the one that is found first."""
        self.calls = 0
        self.now = 0.0
        self._changed: Callable[[], bool] = lambda: True
        self._observer = Observer(str(path), self._call, settle=SETTLE, **options)  # type: ignore[arg-type]
        assert 1 == self.settle()
        self._changed = changed

    def _call(self) -> bool:
        self.calls += 1
        return self._changed()

    def look(self, later: float = 0.0) -> bool:
        """Look, so many seconds later; tell whether the file is settling."""
        self.now += later
        return self._observer.look(self.now)

    def settle(self) -> int:
        """Look now, and once the file has settled; return how many calls came of that."""
        before = self.calls
        if self.look():
            assert not self.look(SETTLE)
        return self.calls - before


class Log(logging.Handler):
    """What is logged of following: also that there was nothing to be done."""

    def __init__(self) -> None:
        """Begin to listen."""
        super().__init__(logging.DEBUG)
        self._records: queue.Queue[logging.LogRecord] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note."""
        self._records.put(record)

    def next(self, level: str) -> str:
        """Wait for a record of that level; return its text without the plugin's name."""
        while (record := self._records.get(timeout=PATIENCE)).levelname != level:
            pass
        return record.getMessage().rpartition("': ")[2]


def threads() -> list[str]:
    """Name the threads that follow."""
    return [thread.name for thread in threading.enumerate() if "follow" in thread.name]


def is_watched() -> bool:
    """Tell whether this process watches something by inotify(7)."""
    for name in os.listdir("/proc/self/fdinfo"):
        # It may have been closed meanwhile.
        with contextlib.suppress(FileNotFoundError), open(f"/proc/self/fdinfo/{name}") as file:
            if "inotify wd:" in file.read():
                return True
    return False


def wait_until_nothing_follows() -> None:
    """Wait for the last steps of threads that were stopped."""
    wait_for(lambda: not threads() and not is_watched())


def put(path: Path, text: str) -> None:
    """Put a file in place at once: write beside, rename over."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)


def link(place: Path, target: Path) -> None:
    """Let a symbolic link lead somewhere, whether there is one or not."""
    beside = place.with_suffix(".link")
    beside.symlink_to(target)
    beside.rename(place)


def let_clock_tick(path: Path) -> None:
    """Wait until a further change of a file shows in its times, whose clock goes in steps."""
    beside, last = path.with_suffix(".tick"), path.stat().st_ctime_ns

    def is_later() -> bool:
        beside.write_text("")
        return beside.stat().st_ctime_ns > last

    wait_for(is_later)
    beside.unlink()
