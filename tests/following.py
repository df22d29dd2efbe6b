"""What the tests about following a file share."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from nativeplug.update.follow import Follower

SETTLE = 0.03
PATIENCE = 10.0

Follow = Callable[..., Follower]


class Calls:
    """What a follower calls; it notes when."""

    def __init__(self) -> None:
        self._times: queue.Queue[float] = queue.Queue()

    def __call__(self) -> None:
        """Take note."""
        self._times.put(time.monotonic())

    def next(self) -> float:
        """Wait for a call; return when it was."""
        return self._times.get(timeout=PATIENCE)

    def more(self, within: float = 3 * SETTLE) -> int:
        """Return how many calls there are that were not waited for, or come soon."""
        time.sleep(within)
        return self._times.qsize()


def threads() -> list[str]:
    """Name the threads that follow."""
    return [thread.name for thread in threading.enumerate() if "follow" in thread.name]


def is_watched() -> bool:
    """Tell whether this process has an inotify(7) descriptor."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            if os.readlink(f"/proc/self/fd/{name}") == "anon_inode:inotify":
                return True
    return False


def wait_until_watched(*, expected: bool = True) -> None:
    """Wait until something is watched, or nothing."""
    end = time.monotonic() + PATIENCE
    while is_watched() != expected:
        assert time.monotonic() < end
        time.sleep(0.001)


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
