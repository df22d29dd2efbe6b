"""
Following a file: a thread that says when another one stands in its place, and has settled.

What counts is what stat(2) says, which is asked ten times a second. Events of the directory
only make that sooner: inotify(7) sees neither what other machines do to a network file system
nor that a symbolic link on the way to the directory leads elsewhere.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from nativeplug._util import forksafe
from nativeplug._util.directories import absolute
from nativeplug._util.log import logger
from nativeplug.elf import defects
from nativeplug.errors import ClosedError, OpenError, UpdateError
from nativeplug.loader.files import (
    SUFFIX,
    FileChangedError,
    UnfinishedError,
    never_updated,
    read_file,
    real_path,
)
from nativeplug.runtime.symbols import PluginSymbols
from nativeplug.runtime.updater import Outcome, Updater

#: How often to look, in seconds: while a file settles, or for events; and otherwise.
_STEP, _POLL = 0.01, 0.1
#: After how many looks without events to try for some again.
_RETRY = 10
#: For how long a file must not have changed, in seconds. With what the probe of the new version
#: takes, some 15 ms, its first call is to come within 150 ms, also on a busy machine.
_SETTLE = 0.05
#: How long the interpreter's exit waits for `changed` to return, in seconds.
_AT_EXIT = 0.5

_LOG: Final = "nativeplug.follow"

_lock = forksafe.lock()
_exiting = threading.Event()
#: What runs in this process.
_watches: set[_Watch] = set()

_Mark = tuple[int, ...]


class Observer:
    """
    Calls functions when a file is seen to be another, and once it has settled.

    Has no thread and no clock. The file may be replaced in any way, and may be missing meanwhile.
    """

    def __init__(
        self,
        path: str,
        changed: Callable[[], bool],
        *,
        seen: Callable[[], None] | None = None,
        beside: str | None = None,
        settle: float = _SETTLE,
    ) -> None:
        """
        Observe a file; relative to the working directory of now.

        Args:
            path: The file.
            changed: What to call, also for the file that is found first; returns whether nothing
                remains to be done until the file changes again. Otherwise it is called again.
                An error that it raises is logged, and nothing remains to be done.
            seen: What to call before, after each change but the first, while the file settles: it
                may be half written. An error that it raises is logged.
            beside: What the name of a second file begins with the name of this one and ends in,
                and whose changes are changes of this one.
            settle: For how many seconds the file must not have changed before.
        """
        self.path = path
        self._changed = changed
        self._seen = seen
        self._settle = settle
        self._file = absolute(path)
        self._beside = beside
        self._found: _Mark | None = None
        self._done: _Mark | None = None
        self._since = 0.0

    @property
    def files(self) -> set[str]:
        """The paths at which events matter: the file's own, and where links from there lead to."""
        files = {self._file, real_path(self._file)}
        return files if self._beside is None else files | {self._file + self._beside}

    def look(self, now: float) -> bool:
        """
        Look at the file once.

        Args:
            now: The time, in seconds since whenever.

        Returns:
            Whether the file is settling, so that it should be looked at again soon.
        """
        found = self._mark()
        is_new = found != self._found
        if is_new:
            self._found, self._since = found, now
        if found is None or found == self._done:
            return False
        if is_new and self._seen is not None and self._done is not None:
            self._call(self._seen)
        if now - self._since < self._settle:
            return True
        if self._call(self._changed):
            self._done = found
        return False

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except Exception:  # noqa: BLE001 - the next change may fare better
            logger(_LOG).exception("cannot take up the change of plugin %r", self.path)
            return True

    def _mark(self) -> _Mark | None:
        """Return what tells the file from others, and from itself before; None if it is missing."""
        mark = _mark_of(self._file)
        if mark is None or self._beside is None:
            return mark
        return *mark, *(_mark_of(self._file + self._beside) or ())


def _mark_of(file: str) -> _Mark | None:
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    identity = status.st_dev, status.st_ino
    return *identity, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Follower:
    """
    Observes a file in a thread of its own, from each start to the next stop.

    Safe to use from several threads, and after fork(): in the child nothing is followed until
    it is started there.
    """

    def __init__(self, observer: Observer) -> None:
        """
        Make a follower that is not running.

        Args:
            observer: What looks at the file; nobody else may use it.
        """
        self._observer = observer
        self._watch: _Watch | None = None

    @property
    def running(self) -> bool:
        """Whether the file is followed, in this process."""
        watch = self._watch
        return watch is not None and not (watch.stopping.is_set() or watch.ended.is_set())

    def start(self) -> None:
        """
        Follow the file from now on; do nothing if it is followed, or the interpreter exits.

        Raises:
            UpdateError: What watches directories is not installed.
        """
        watch = _import_watch(self._observer.path)
        with _lock:
            if not self.running and not _exiting.is_set():
                started = _Watch(self._observer, watch, self._watch)
                started.start()
                self._watch = started

    def stop(self, timeout: float | None = None) -> None:
        """
        Follow the file no longer; do nothing if it is not followed.

        Args:
            timeout: For how many seconds to wait until `changed` has returned; None has no
                limit. From within `changed` nothing is waited for.
        """
        with _lock:
            watch = self._watch
            if watch is None or watch.ended.is_set():
                return
            watch.stopping.set()
        if watch is not threading.current_thread():
            watch.ended.wait(timeout)


class _Watch(threading.Thread):
    """
    What a follower does from a start to a stop.

    Any number of threads wait for its end by `ended`. Nobody joins it or asks whether it is alive:
    up to CPython 3.12 one that does may fail an assertion while another one does, too.
    """

    def __init__(
        self, observer: Observer, watch: Callable[..., Iterator[object]], before: _Watch | None
    ) -> None:
        name = f"nativeplug-follow {os.path.basename(observer.path)}"
        # A daemon: `changed` may wait for what never comes, and the process shall end.
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self._observer = observer
        self._watch = watch
        self._before = before
        self._trouble = ""

    def start(self) -> None:
        """Start it; it is among `_watches` until it ends."""
        _watches.add(self)
        try:
            super().start()
        except BaseException:  # RuntimeError: can't start new thread
            self._end()
            raise

    def run(self) -> None:
        """Observe the file until the follower is stopped."""
        try:
            if self._before is not None:
                self._before.ended.wait()  # it may be in `changed` yet
                self._before = None
            self._observe()
        finally:
            self._end()

    def _end(self) -> None:
        _watches.discard(self)
        self.ended.set()

    def _observe(self) -> None:
        while not self.stopping.is_set():
            while self._look():
                self.stopping.wait(_STEP)
            for _ in self._ticks():
                if self._look():  # and the directories may be others
                    break

    def _look(self) -> bool:
        return not self.stopping.is_set() and self._observer.look(time.monotonic())

    def _ticks(self) -> Iterator[object]:
        """Give something when the file may be another, and every *_POLL* seconds."""
        files = self._observer.files
        names = {os.path.basename(file) for file in files}
        try:
            yield from self._watch(
                *sorted({os.path.dirname(file) for file in files}),
                watch_filter=lambda _change, path: os.path.basename(path) in names,
                debounce=int(_STEP * 1000),
                step=int(_STEP * 1000),
                stop_event=self.stopping,
                rust_timeout=int(_POLL * 1000),
                yield_on_timeout=True,
                force_polling=False,
                recursive=False,
            )
        # RuntimeError: inotify's limits, or a file beside ours has a name that is not UTF-8;
        # ValueError: a directory has one.
        except (OSError, RuntimeError, ValueError) as error:
            self._warn(str(error))
            for _ in range(_RETRY):
                if self.stopping.wait(_POLL):
                    return
                yield None

    def _warn(self, trouble: str) -> None:
        """Say, but not again and again, why there are no events."""
        if trouble != self._trouble:
            self._trouble = trouble
            words = "cannot watch the directory of plugin %r: %s; looking every %s s instead"
            logger(_LOG).warning(words, self._observer.path, trouble, _POLL)


def _import_watch(path: str) -> Callable[..., Iterator[object]]:
    try:
        from watchfiles import watch
    except ImportError:
        raise UpdateError(
            f"cannot follow plugin {path!r}: watchfiles is not installed: "
            "pip install 'nativeplug[follow]'",
            path=path,
            reasons=("watchfiles is not installed",),
        ) from None
    return watch


def _stop_all() -> None:
    """
    Stop every follower before the interpreter is taken down.

    A thread that wants the GIL after that is ended within the call that it makes, and where
    this is one into Rust the process aborts. `changed` makes none: it need not be waited for.
    """
    with _lock:
        _exiting.set()
        watches = [*_watches]
    for watch in watches:
        watch.stopping.set()
    end = time.monotonic() + _AT_EXIT
    for watch in watches:
        watch.ended.wait(max(0, end - time.monotonic()))


@forksafe.in_child
def _follow_nothing() -> None:
    """Follow nothing in a child process, which has none of the threads."""
    for watch in _watches:
        # New ones: a thread that is not here may have held the old ones' locks.
        watch.stopping, watch.ended = threading.Event(), threading.Event()
        watch.stopping.set()  # where fork() came from within `changed` the thread goes on
        watch.ended.set()
    _watches.clear()


atexit.register(_stop_all)


# Updating a plugin by itself, and telling what came of it.


#: What is told of an update: the plugin, and what went wrong.
OnUpdate = Callable[[Any, UpdateError | None], object]


class Following:
    """Updates one plugin whenever its file has changed. Safe to use from several threads."""

    def __init__(
        self,
        plugin: object,
        symbols: PluginSymbols,
        updates: Updater,
        update: Callable[[], Outcome],
    ) -> None:
        """
        Follow nothing yet.

        Args:
            plugin: What the program's functions are given.
            symbols: The plugin's.
            updates: The plugin's.
            update: Takes up a file that has changed.
        """
        self._plugin = plugin
        self._symbols = symbols
        self._updates = updates
        self._update = update
        self._follower = None
        if updates.file is not None:
            seen = partial(self._prepare, updates.file)
            observer = Observer(updates.file, self._take_up, seen=seen, beside=SUFFIX)
            self._follower = Follower(observer)
        self._on_update: OnUpdate | None = None
        self._said = ""

    @property
    def _path(self) -> str:
        return self._symbols.generation.path

    @property
    def is_running(self) -> bool:
        """Whether the file is followed, in this process."""
        return self._follower is not None and self._follower.running

    def start(self, on_update: OnUpdate | None) -> None:
        """
        Follow the plugin's file.

        Raises:
            UpdateError: The package ``watchfiles`` is not installed, or the plugin has no file.
        """
        if on_update is not None:
            self._on_update = on_update
        if self._follower is None:
            raise self._refusal(str(never_updated(self._updates.key)))
        resident = self._symbols.generation.options.resident
        if resident is not None:
            raise self._refusal(f"{resident}, so it is never updated")
        self._follower.start()

    def _refusal(self, reason: str) -> UpdateError:
        path = self._path
        return UpdateError(f"cannot follow plugin {path!r}: {reason}", path=path, reasons=(reason,))

    def stop(self, *, wait: bool = True) -> None:
        """Follow the file no longer."""
        if self._follower is not None:
            self._follower.stop(None if wait else 0)

    def _prepare(self, file: str) -> None:
        """Use the time until the file has settled, unless it is cut anyway."""
        with contextlib.suppress(OpenError, FileChangedError):
            content = read_file(file)
            if defects.find_unwritten(content.data) is None:
                self._updates.prepare(content)

    def _take_up(self) -> bool:
        """Update the plugin; tell whether nothing remains to be done until its file changes."""
        try:
            outcome = self._update()
        except UnfinishedError as error:
            self._say(error)
            return not error.passes
        except ClosedError:
            return True
        except UpdateError as error:
            logger(_LOG).warning("%s", error)
            self._tell(error)
        else:
            if outcome == "updated":
                number = self._symbols.loaded.number
                logger(_LOG).info("plugin %r: generation %d serves", self._path, number)
                self._tell(None)
            else:
                logger(_LOG).debug("plugin %r: its file has what serves", self._path)
        self._said = ""
        return True

    def _say(self, error: UnfinishedError) -> None:
        """Log, but not again and again, why the file is not taken up."""
        if error.reason != self._said:
            self._said = error.reason
            say = logger(_LOG).info if error.passes else logger(_LOG).warning
            say("plugin %r: waiting for its file: %s", self._path, error.reason)

    def _tell(self, error: UpdateError | None) -> None:
        if self._on_update is None:
            return
        try:
            self._on_update(self._plugin, error)
        except Exception:  # noqa: BLE001 - the program's own
            logger(_LOG).exception("on_update of plugin %r failed", self._path)
