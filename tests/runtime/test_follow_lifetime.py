"""The thread that follows a file: from the start to the stop, the exit, or a child process."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from following import (
    SETTLE,
    Calls,
    Follow,
    is_watched,
    put,
    threads,
    wait_until_nothing_follows,
)
from gates import PATIENCE, background, wait_for
from nativeplug.errors import UpdateError
from nativeplug.runtime import follow as module
from nativeplug.runtime.follow import Follower, Observer
from support import RunPython

PRELUDE = f"""
        import atexit, os, pathlib, queue, signal, sys, threading, time, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() in a process with threads
        from nativeplug.runtime.follow import Follower, Observer
        path = pathlib.Path(sys.argv[1])
        PATIENCE = {PATIENCE:.0f}
        changed = queue.Queue()
        def make(function):
            return Follower(Observer(str(path), function, settle={SETTLE}))
        follower = make(lambda: changed.put(os.getpid()) or True)

        def in_child(work):
            sys.stdout.flush()
            child = os.fork()
            if not child:
                signal.alarm(PATIENCE)
                print(work(), flush=True)
                sys.exit()
            print("child:", os.waitpid(child, 0)[1], flush=True)
"""


Make = Callable[..., Follower]


@pytest.fixture
def make() -> Iterator[Make]:
    """Give a function that makes a follower; it is stopped after the test."""
    made: list[Follower] = []

    def make(path: Path, changed: Callable[[], bool], settle: float = SETTLE) -> Follower:
        made.append(Follower(Observer(str(path), changed, settle=settle)))
        return made[-1]

    yield make
    for follower in made:
        follower.stop()
    wait_until_nothing_follows()


class TestThread:
    """A thread of the follower's own looks at the file and calls."""

    def test_name(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """Its name tells what is followed."""
        follow(followed)
        put(followed, "2")
        assert "nativeplug-follow plugin.so" == calls.next()

    def test_after_start(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """What changes right after the start is noticed, and what has while it was stopped."""
        follower = follow(followed)
        follower.stop()
        put(followed, "2")
        follower.start()
        calls.next()
        follower.stop()
        follower.start()
        put(followed, "3")
        calls.next()

    def test_stops(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """The function that is called may stop the follower, which waits for nothing then."""

        def changed() -> None:
            follower.stop()
            calls()

        follower = follow(followed, changed)
        put(followed, "2")
        calls.next()
        assert not follower.running
        wait_until_nothing_follows()

    def test_not_twice_at_once(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """A follower that was started anew waits for the call that is under way."""
        go_on, steps = threading.Event(), list[str]()

        def changed() -> None:
            steps.append("begins")
            calls()
            assert go_on.wait(PATIENCE)
            steps.append("ends")

        follower = follow(followed, changed)
        put(followed, "2")
        calls.next()
        follower.stop(timeout=0)
        assert not follower.running
        put(followed, "3")
        follower.start()
        others = Calls()  # of one that is started later, and has had its turn
        other = follow(followed, others)
        put(followed, "4")
        others.next()
        assert ["begins"] == steps
        go_on.set()
        calls.next()
        other.stop()
        follower.stop()
        assert ["begins", "ends", "begins", "ends"] == steps


class TestStartAndStop:
    """Each may come at any time, and any number of times."""

    def test_running(self, make: Make, followed: Path, calls: Calls) -> None:
        """A follower runs from its start to its stop."""
        follower = make(followed, calls)
        assert (False, []) == (follower.running, threads())
        for twice in (follower.stop, follower.start, follower.stop, follower.start):
            twice()
            twice()
            running = twice == follower.start
            assert running == follower.running
            if running:
                assert ["nativeplug-follow plugin.so"] == threads()
            else:
                wait_until_nothing_follows()
        follower.stop()
        wait_until_nothing_follows()

    @pytest.mark.parametrize("state", ["quiet", "settling", "polling"])
    def test_stop_returns(self, make: Make, followed: Path, calls: Calls, state: str) -> None:
        """A stop ends it, whatever is being waited for."""
        if state == "polling":
            shutil.rmtree(followed.parent)
        settle = 0 if state == "quiet" else PATIENCE
        follower = make(followed, calls, settle=settle)
        follower.start()
        if state == "quiet":
            calls.next()
            wait_for(is_watched)
        follower.stop()
        assert not follower.running
        wait_until_nothing_follows()

    def test_many_threads(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """Starts and stops in several threads leave one thread, or none."""
        follower = follow(followed)

        def use() -> None:
            for _ in range(25):
                follower.start()
                follower.stop()

        with background(*[use] * 4):
            pass
        wait_until_nothing_follows()
        follower.start()
        put(followed, "2")
        calls.next()

    def test_nobody_joins(
        self, follow: Follow, calls: Calls, followed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Two threads may wait for the end, and the next follower, too: none of them by `join`.

        Up to CPython 3.12 two that join a thread, or ask whether it is alive, can meet an
        assertion of `threading`.
        """
        go_on = threading.Event()

        def changed() -> None:
            calls()
            assert go_on.wait(PATIENCE)

        follower = follow(followed, changed)
        for name in ("join", "is_alive"):
            monkeypatch.delattr(threading.Thread, name)
        put(followed, "2")
        calls.next()
        with background(follower.stop, follower.stop) as stops:
            wait_for(lambda: not follower.running)
            follower.start()
            assert not any(each.done() for each in stops)
            go_on.set()
        assert follower.running
        put(followed, "3")
        calls.next()
        follower.stop()
        wait_until_nothing_follows()

    def test_no_thread(self, make: Make, followed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no thread can be started nothing is followed, and it may be tried again."""

        def fail(_thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        follower = make(followed, lambda: True)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError):
                follower.start()
        assert not module._watches  # or the interpreter's exit would wait for it
        states = [follower.running]
        for use in (follower.stop, follower.start, follower.stop):
            use()
            states.append(follower.running)
        assert [False, False, True, False] == states
        wait_until_nothing_follows()

    def test_not_installed(
        self, make: Make, followed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without watchfiles the error says what to install."""
        monkeypatch.setitem(sys.modules, "watchfiles", None)
        with pytest.raises(UpdateError) as caught:
            make(followed, lambda: True).start()
        assert (
            f"cannot follow plugin '{followed}': watchfiles is not installed: "
            "pip install 'nativeplug[follow]'"
        ) == str(caught.value)
        assert (str(followed), ("watchfiles is not installed",)) == (
            caught.value.path,
            caught.value.reasons,
        )


class TestEvents:
    """Events make it sooner; where there are none the file is looked at all the same."""

    def test_no_directory(
        self, make: Make, calls: Calls, followed: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A directory that is not there may come; one warning says so."""
        shutil.rmtree(followed.parent)
        follower = make(followed, calls, settle=SETTLE)
        follower.start()
        wait_for(lambda: caplog.records)
        followed.parent.mkdir()
        followed.write_text("1")
        calls.next()
        put(followed, "2")
        calls.next()
        follower.stop()
        wait_until_nothing_follows()
        (record,) = caplog.records
        assert ("nativeplug.follow", logging.WARNING) == (record.name, record.levelno)
        assert record.getMessage() == (
            f"cannot watch the directory of plugin '{followed}': No such file or directory "
            f'(os error 2) about ["{followed.parent}"]; looking every 0.1 s instead'
        )

    def test_try_again(
        self,
        make: Make,
        calls: Calls,
        followed: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """After some looks without events it is tried again to get some."""
        monkeypatch.setattr(module, "_POLL", 0.001)
        followed.parent.rename(followed.parent.with_name("hidden"))
        follower = make(followed, calls)
        follower.start()
        wait_for(lambda: caplog.records)
        assert not is_watched()
        followed.parent.mkdir()  # but there is still no file
        wait_for(is_watched)
        follower.stop()
        wait_until_nothing_follows()

    def test_other_files(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """Any number of events of other files do not keep the file's own from being noticed."""
        follow(followed)
        for number in range(1000):
            (followed.parent / str(number)).touch()
        put(followed, "2")
        calls.next()

    def test_odd_neighbour(
        self, follow: Follow, calls: Calls, followed: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A name that watchfiles cannot read ends the events, not the following."""
        follow(followed)
        Path(os.fsdecode(os.fsencode(followed.parent) + b"/\xff")).touch()
        put(followed, "2")
        calls.next()
        put(followed, "3")
        calls.next()
        assert len(caplog.records) <= 1  # none, if the change was seen before the name was

    def test_odd_directory(
        self, make: Make, calls: Calls, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A directory may have such a name, too."""
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff/p.so"))
        path.parent.mkdir()
        path.touch()
        follower = make(path, calls, settle=SETTLE)
        follower.start()
        calls.next()
        wait_for(lambda: caplog.records)
        path.write_text("2")
        calls.next()
        follower.stop()
        wait_until_nothing_follows()
        assert 1 == len(caplog.records)

    def test_limit(self, run_python: RunPython, followed: Path) -> None:
        """At the limit of open files it is looked at without events."""
        code = """
        import logging, resource
        follower.start()  # imports what it needs
        changed.get(timeout=PATIENCE)
        follower.stop()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        warned = threading.Event()
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: warned.set() or True)
        logging.getLogger("nativeplug.follow").addHandler(handler)
        follower.start()
        assert warned.wait(PATIENCE)
        os.utime(path)
        changed.get(timeout=PATIENCE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        print(threading.active_count(), follower.running)
        """
        done = run_python(PRELUDE + code, followed)
        assert ["2 True"] == done.stdout.splitlines(), done.stderr
        assert "Too many open files (os error 24); looking every 0.1 s instead" in done.stderr
        assert 1 == done.stderr.count("\n")


class TestExit:
    """The interpreter's exit waits for no follower, and none survives it."""

    @pytest.mark.parametrize("mode", ["0", "1"], ids=["", "dev"])
    @pytest.mark.parametrize("called", [False, True], ids=["at_once", "watching"])
    def test_watching(
        self, run_python: RunPython, followed: Path, mode: str, *, called: bool
    ) -> None:
        """A process that follows ends cleanly."""
        code = """
        started = [make(lambda: changed.put(0) or True) for _ in range(3)]
        for each in started:
            each.start()
        for _ in range(3 * int(sys.argv[2])):
            changed.get(timeout=PATIENCE)
        """
        env = {"PYTHONDEVMODE": mode.strip("0")}
        done = run_python(PRELUDE + code, followed, str(int(called)), env=env)
        assert (0, "", "") == (done.returncode, done.stderr, done.stdout)

    def test_changed_runs(self, run_python: RunPython, followed: Path) -> None:
        """A call that is under way, and never returns, does not keep a process from ending."""
        code = """
        entered = threading.Event()
        follower = make(lambda: (entered.set(), threading.Event().wait()))
        follower.start()
        print(entered.wait(PATIENCE))
        """
        done = run_python(PRELUDE + code, followed)
        assert (0, "", "True\n") == (done.returncode, done.stderr, done.stdout)

    def test_start(self, run_python: RunPython, followed: Path) -> None:
        """What is started later than that is not started."""
        code = """
        import atexit, sys
        atexit.register(lambda: (follower.start(), print(follower.running)))
        from nativeplug.runtime.follow import Follower, Observer
        follower = Follower(Observer(sys.argv[1], print))
        """
        done = run_python(code, followed)
        assert (0, "", "False\n") == (done.returncode, done.stderr, done.stdout)


class TestFork:
    """A child process follows nothing until it is told to."""

    def test_child(self, run_python: RunPython, followed: Path) -> None:
        """The follower does not run in the child, and may be started there; the parent's does."""
        code = """
        follower.start()
        changed.get(timeout=PATIENCE)
        def use():
            before = follower.running, threading.active_count()
            follower.stop()
            follower.start()
            path.write_text("22")
            return before, changed.get(timeout=PATIENCE) == os.getpid()
        in_child(use)
        print(changed.get(timeout=PATIENCE) == os.getpid(), follower.running)
        """
        done = run_python(PRELUDE + code, followed)
        expected = ["((False, 1), True)", "child: 0", "True True"]
        assert (expected, "") == (done.stdout.splitlines(), done.stderr)

    def test_held_lock(self, run_python: RunPython, followed: Path) -> None:
        """It may be forked while another thread starts and stops followers."""
        code = """
        follower.start()  # a child of a process that imports in another thread may not do so
        def use():
            while True:
                follower.start()
                follower.stop()
        threading.Thread(target=use, daemon=True).start()
        def start():
            follower.start()
            return follower.running
        for _ in range(5):
            in_child(start)
        """
        done = run_python(PRELUDE + code, followed)
        assert (["True", "child: 0"] * 5, "") == (done.stdout.splitlines(), done.stderr)

    def test_within_changed(self, run_python: RunPython, followed: Path) -> None:
        """A child that is made in the function that is called does not go on with following."""
        code = """
        def fork():
            child = os.fork()
            if child:
                changed.put(os.waitpid(child, 0)[1])
            else:
                signal.alarm(PATIENCE)
                print(forking.running, flush=True)
            return True
        forking = make(fork)
        forking.start()
        print(changed.get(timeout=PATIENCE), forking.running)
        """
        done = run_python(PRELUDE + code, followed)
        assert (["False", "0 True"], "") == (done.stdout.splitlines(), done.stderr)
