"""
Following a file: a thread that says when another one stands in its place, and is complete.

What counts is what stat(2) says. Events of the directory only say when to ask, and it is
asked once a second without any: inotify(7) sees neither what other machines do to a network
file system nor that a symbolic link on the way to the directory leads elsewhere.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from nativeplug.directories import absolute
from nativeplug.errors import UpdateError
from nativeplug.load.key import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

#: How often to look, in seconds: for events or while a file settles; where nothing can be
#: watched; and where all is quiet.
_STEP, _POLL, _QUIET = 0.01, 0.1, 1.0
#: For how long a file must not have changed, in seconds. With what the probe of the new version
#: takes, some 15 ms, its first call is to come within 150 ms, also on a busy machine.
_SETTLE = 0.05
#: How long the interpreter's exit waits for `changed` to return, in seconds.
_AT_EXIT = 0.5

_log = logging.getLogger("nativeplug.follow")
# Reentrant: a signal handler may start and stop, too.
_lock = threading.RLock()
_exiting = threading.Event()

_Mark = tuple[int, ...]


class Follower:
    """
    Calls functions when a file is seen to be another, and once it has settled.

    Safe to use from several threads, and after fork(): in the child nothing is followed until
    it is started there. The file may be replaced in any way, and may be missing meanwhile.
    """

    def __init__(
        self,
        path: str,
        changed: Callable[[], None],
        *,
        seen: Callable[[], None] | None = None,
        settle: float = _SETTLE,
    ) -> None:
        """
        Make a follower that is not running.

        Args:
            path: The file; relative to the working directory of now.
            changed: What to call, never twice at once. What it raises is logged.
            seen: What to call before, after each change, while the file settles: it may be
                half written. The same holds for what it raises.
            settle: For how many seconds the file must not have changed before.
        """
        self.path = path
        self.changed = changed
        self.seen = seen
        self.settle = settle
        self._file = absolute(path)
        self._watch: _Watch | None = None

    @property
    def running(self) -> bool:
        """Whether the file is followed, in this process."""
        watch = self._watch
        return watch is not None and watch.is_alive() and not watch.stopping.is_set()

    def start(self) -> None:
        """
        Follow the file from now on; do nothing if it is followed, or the interpreter exits.

        Raises:
            UpdateError: What watches directories is not installed.
        """
        notify = _import_notify(self.path)
        with _lock:
            if not self.running and not _exiting.is_set():
                watch = _Watch(self, self._file, notify, self._watch)
                watch.start()
                self._watch = watch

    def stop(self, timeout: float | None = None) -> None:
        """
        Follow the file no longer; do nothing if it is not followed.

        Args:
            timeout: For how many seconds to wait until `changed` has returned; None has no
                limit. From within `changed` nothing is waited for.
        """
        with _lock:
            watch = self._watch
            # Not that of a parent process: its event's lock may be held by nobody who lives.
            if watch is None or not watch.is_alive():
                return
            watch.stopping.set()
        if watch is not threading.current_thread():
            watch.join(timeout)


class _Watch(threading.Thread):
    """What a follower does from a start to a stop."""

    def __init__(
        self, follower: Follower, file: str, notify: type[RustNotify], before: _Watch | None
    ) -> None:
        name = f"nativeplug-follow {os.path.basename(file)}"
        # A daemon: `changed` may wait for what never comes, and the process shall end.
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self._follower = follower
        self._file = file
        self._notify = notify
        self._before = before
        self._known = self._look()
        self._trouble = ""

    def run(self) -> None:
        """Call `changed` after each change, until the follower is stopped."""
        if self._before is not None:
            self._before.join()  # it may be in `changed` yet
            self._before = None
        seen = self._known
        while not self.stopping.is_set():
            seen = self._settled(self._other_than(seen))
            if seen is not None and seen != self._known and not self.stopping.is_set():
                self._known = seen
                self._call(self._follower.changed)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception:  # noqa: BLE001 - the next change may fare better
            _log.exception("cannot take up the change of plugin %r", self._follower.path)

    def _look(self) -> _Mark | None:
        """Return what tells the file from others, and from itself before; None if it is missing."""
        try:
            status = os.stat(self._file)
        except (OSError, ValueError):
            return None
        identity = status.st_dev, status.st_ino
        return *identity, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _other_than(self, seen: _Mark | None) -> _Mark | None:
        """Wait until the file is another than *seen*, or the follower is stopped."""
        while (found := self._look()) == seen and not self.stopping.is_set():
            self._wait(seen)
        return found

    def _wait(self, seen: _Mark | None) -> None:
        """Wait until the file is another than *seen*; for a while only, if there are no events."""
        try:
            self._wait_for_events(seen)
        # RuntimeError: inotify's limits, or a file beside ours has a name that is not UTF-8;
        # ValueError: a directory has one.
        except (OSError, RuntimeError, ValueError) as error:
            self._warn(str(error))
            self._poll(seen)

    def _wait_for_events(self, seen: _Mark | None) -> None:
        """
        Wait until the file is another than *seen*, as events suggest.

        The directories are watched only so long: after a change they may be others. What the
        events are about is not looked at: to ask for the file costs less.
        """
        folders = {os.path.dirname(file) for file in (self._file, real_path(self._file))}
        step, quiet = int(_STEP * 1000), int(_QUIET * 1000)
        with self._notify(
            sorted(folders),
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=False,
            ignore_permission_denied=False,
        ) as events:
            while self._look() == seen and not self.stopping.is_set():
                events.watch(step, step, quiet, self.stopping)

    def _poll(self, seen: _Mark | None) -> None:
        """Look for a while without events."""
        end = time.monotonic() + _QUIET
        while self._look() == seen and time.monotonic() < end:
            if self.stopping.wait(_POLL):
                return

    def _warn(self, trouble: str) -> None:
        """Say, but not again and again, why there are no events."""
        if trouble != self._trouble:
            self._trouble = trouble
            words = "cannot watch the directory of plugin %r: %s; looking every %s s instead"
            _log.warning(words, self._follower.path, trouble, _POLL)

    def _settled(self, seen: _Mark | None) -> _Mark | None:
        """Wait until the file has not changed for a while, and return what it is then."""
        since, called = time.monotonic(), self._known
        while (rest := since + self._follower.settle - time.monotonic()) > 0:
            if seen not in {called, None} and self._follower.seen is not None:
                called = seen
                self._call(self._follower.seen)  # which takes part of the time, or more
            if self.stopping.wait(min(rest, _STEP)):
                break
            found = self._look()
            if found != seen:
                seen, since = found, time.monotonic()
        return seen


def _import_notify(path: str) -> type[RustNotify]:
    try:
        from watchfiles._rust_notify import RustNotify
    except ImportError:
        raise UpdateError(
            f"cannot follow plugin {path!r}: watchfiles is not installed: "
            "pip install 'nativeplug[follow]'",
            path=path,
            reasons=("watchfiles is not installed",),
        ) from None
    return RustNotify


def _stop_all() -> None:
    """
    Stop every follower before the interpreter is taken down.

    A thread that wants the GIL after that is ended within the call that it makes, and where
    this is one into Rust the process aborts. `changed` makes none: it need not be waited for.
    """
    with _lock:
        _exiting.set()
        watches = [thread for thread in threading.enumerate() if isinstance(thread, _Watch)]
    for watch in watches:
        watch.stopping.set()
    end = time.monotonic() + _AT_EXIT
    for watch in watches:
        watch.join(max(0, end - time.monotonic()))


def _after_fork() -> None:
    """Forget, in a child process, the lock of a thread that it has not, and follow nothing."""
    global _lock  # noqa: PLW0603 - there is no other way to unlock it
    _lock = threading.RLock()
    watch = threading.current_thread()
    if isinstance(watch, _Watch):  # fork() came from within `changed`
        watch.stopping = threading.Event()  # the old one's lock may be held by another thread
        watch.stopping.set()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_after_fork)
