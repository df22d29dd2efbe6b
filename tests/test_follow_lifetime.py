"""Following a file: from the start to the stop, the exit, or a child process."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from following import PATIENCE, Calls, Follow, put, threads
from nativeplug.errors import UpdateError
from nativeplug.update.follow import Follower
from support import RunPython

PRELUDE = """
        import atexit, os, pathlib, queue, signal, sys, threading, time, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() in a process with threads
        ended = []  # what is registered before the module is runs after what the module has
        atexit.register(lambda: ended and print(time.monotonic() - ended[0] < 0.1))
        from nativeplug.update.follow import Follower
        path = pathlib.Path(sys.argv[1])
        changed = queue.Queue()
        follower = Follower(str(path), lambda: changed.put(os.getpid()), settle=0.02)

        def in_child(work):
            sys.stdout.flush()
            child = os.fork()
            if not child:
                signal.alarm(20)
                print(work(), flush=True)
                sys.exit()
            print("child:", os.waitpid(child, 0)[1], flush=True)
"""


class TestStartAndStop:
    """Each may come at any time, and any number of times."""

    def test_running(self, followed: Path, calls: Calls) -> None:
        """A follower runs from its start to its stop."""
        follower = Follower(str(followed), calls)
        assert (False, []) == (follower.running, threads())
        for twice in (follower.stop, follower.start, follower.stop, follower.start):
            twice()
            twice()
            running = twice == follower.start
            assert (running, ["nativeplug-follow plugin.so"] * running) == (
                follower.running,
                threads(),
            )
        follower.stop()

    @pytest.mark.parametrize("state", ["quiet", "settling", "polling"])
    def test_prompt(self, follow: Follow, followed: Path, state: str) -> None:
        """A stop takes a moment, whatever is being waited for."""
        if state == "polling":
            shutil.rmtree(followed.parent)
        follower = follow(followed, settle=PATIENCE, watched=state != "polling")
        if state == "settling":
            put(followed, "2")
            time.sleep(0.05)
        before = time.monotonic()
        follower.stop()
        assert time.monotonic() - before < 0.1

    def test_many_threads(self, follow: Follow, calls: Calls, followed: Path) -> None:
        """Starts and stops in several threads leave one thread, or none."""
        follower = follow(followed)

        def use() -> None:
            for _ in range(25):
                follower.start()
                follower.stop()

        users = [threading.Thread(target=use) for _ in range(4)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        assert [] == threads()
        follower.start()
        put(followed, "2")
        calls.next()

    def test_not_installed(
        self, follow: Follow, followed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without watchfiles the error says what to install."""
        monkeypatch.setitem(sys.modules, "watchfiles._rust_notify", None)
        with pytest.raises(UpdateError) as caught:
            follow(followed)
        assert (
            f"cannot follow plugin '{followed}': watchfiles is not installed: "
            "pip install 'nativeplug[follow]'"
        ) == str(caught.value)
        assert (str(followed), ("watchfiles is not installed",)) == (
            caught.value.path,
            caught.value.reasons,
        )


class TestWithoutEvents:
    """Where a directory cannot be watched, the file is looked at now and then."""

    def test_no_directory(
        self, follow: Follow, calls: Calls, followed: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A directory that is not there may come; one warning says so."""
        shutil.rmtree(followed.parent)
        follow(followed, watched=False)
        assert 0 == calls.more(1.3)  # it has tried again to watch
        followed.parent.mkdir()
        followed.write_text("1")
        calls.next()
        put(followed, "2")
        calls.next()
        (record,) = caplog.records
        assert ("nativeplug.follow", logging.WARNING) == (record.name, record.levelno)
        assert record.getMessage() == (
            f"cannot watch the directory of plugin '{followed}': No such file or directory "
            f'(os error 2) about ["{followed.parent}"]; looking every 0.1 s instead'
        )

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
        self, follow: Follow, calls: Calls, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A directory may have such a name, too."""
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff/p.so"))
        path.parent.mkdir()
        path.touch()
        follow(path, watched=False)
        end = time.monotonic() + 10
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)
        path.write_text("2")
        calls.next()
        assert 1 == len(caplog.records)

    def test_limit(self, run_python: RunPython, followed: Path) -> None:
        """At the limit of open files it is polled, and watched again when there are some."""
        done = run_python(
            PRELUDE
            + """
        import resource
        def limit(number):
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, 4096))
        follower.start()  # imports what it needs
        follower.stop()
        limit(3)
        follower.start()
        os.utime(path)
        changed.get(timeout=10)
        limit(1024)
        print(threading.active_count(), follower.running)
        def watching():
            return "anon_inode:inotify" in [
                os.readlink(f"/proc/self/fd/{fd}") for fd in range(3, 20)
                if os.path.islink(f"/proc/self/fd/{fd}")]
        end = time.monotonic() + 10
        while not watching() and time.monotonic() < end:
            time.sleep(0.05)
        print(watching())
            """,
            followed,
        )
        assert ["2 True", "True"] == done.stdout.splitlines(), done.stderr
        assert "Too many open files (os error 24); looking every 0.1 s instead" in done.stderr
        assert 1 == done.stderr.count("\n")


class TestExit:
    """The interpreter's exit waits for no follower, and none survives it."""

    CODE = """
        started = [Follower(str(path), lambda: None) for _ in range(3)]
        for follower in started:
            follower.start()
        time.sleep(float(sys.argv[2]))
        atexit.register(lambda: ended.append(time.monotonic()))
    """

    @pytest.mark.parametrize("mode", ["0", "1"], ids=["", "dev"])
    @pytest.mark.parametrize("delay", ["0", "0.05"], ids=["at_once", "watching"])
    def test_watching(self, run_python: RunPython, followed: Path, mode: str, delay: str) -> None:
        """A process that follows ends at once and cleanly."""
        env = {"PYTHONDEVMODE": mode.strip("0")}
        done = run_python(PRELUDE + self.CODE, followed, delay, env=env)
        assert (0, "", "True\n") == (done.returncode, done.stderr, done.stdout)

    def test_changed_runs(self, run_python: RunPython, followed: Path) -> None:
        """A call that is under way, and does not return, holds it up for half a second at most."""
        code = """
        entered = threading.Event()
        follower = Follower(str(path), lambda: (entered.set(), time.sleep(60)), settle=0.02)
        follower.start()
        path.write_text("2")
        print(entered.wait(10))
        """
        done = run_python(PRELUDE + code, followed, timeout=10)
        assert (0, "", "True\n") == (done.returncode, done.stderr, done.stdout)

    def test_start(self, run_python: RunPython, followed: Path) -> None:
        """What is started later than that is not started."""
        code = """
        import atexit, sys
        atexit.register(lambda: (follower.start(), print(follower.running)))
        from nativeplug.update.follow import Follower
        follower = Follower(sys.argv[1], print)
        """
        done = run_python(code, followed)
        assert (0, "", "False\n") == (done.returncode, done.stderr, done.stdout)


class TestFork:
    """A child process follows nothing until it is told to."""

    def test_child(self, run_python: RunPython, followed: Path) -> None:
        """The follower does not run in the child, and may be started there; the parent's does."""
        code = """
        follower.start()
        def use():
            before = follower.running, threading.active_count()
            follower.stop()
            follower.start()
            path.write_text("22")
            return before, changed.get(timeout=10) == os.getpid()
        in_child(use)
        print(changed.get(timeout=10) == os.getpid(), follower.running)
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
                signal.alarm(20)
                print(forking.running, flush=True)
        forking = Follower(str(path), fork, settle=0.02)
        forking.start()
        path.write_text("2")
        print(changed.get(timeout=30), forking.running)
        """
        done = run_python(PRELUDE + code, followed)
        assert (["False", "0 True"], "") == (done.stdout.splitlines(), done.stderr)
