"""How long it takes to stop to follow a file, and how much time following takes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from following import SETTLE, Calls, Follow, wait_until_nothing_follows
from gates import PATIENCE
from nativeplug.runtime.follow import Follower, Observer
from support import RunPython

pytestmark = pytest.mark.timing


@pytest.mark.parametrize("state", ["quiet", "settling", "polling"])
def test_stop(followed: Path, calls: Calls, state: str) -> None:
    """A stop takes a moment, whatever is being waited for."""
    if state == "polling":
        shutil.rmtree(followed.parent)
    settle = PATIENCE if state == "settling" else SETTLE
    follower = Follower(Observer(str(followed), calls, settle=settle))
    follower.start()
    time.sleep(0.3)
    before = time.monotonic()
    follower.stop()
    assert time.monotonic() - before < 0.15
    wait_until_nothing_follows()


def test_idle(follow: Follow, followed: Path) -> None:
    """Waiting takes next to no time of the processor."""
    follow(followed)
    before = time.process_time()
    time.sleep(1)
    assert time.process_time() - before < 0.03  # here 0.004


def test_exit(run_python: RunPython, followed: Path) -> None:
    """The interpreter's exit waits for followers no longer than for a stop."""
    code = """
        import atexit, sys, time
        ended = []  # what is registered before the module is runs after what the module has
        atexit.register(lambda: print(time.monotonic() - ended[0]))
        from nativeplug.runtime.follow import Follower, Observer
        for _ in range(3):
            Follower(Observer(sys.argv[1], lambda: True)).start()
        time.sleep(0.3)
        atexit.register(lambda: ended.append(time.monotonic()))
    """
    done = run_python(code, followed)
    assert float(done.stdout) < 0.2, done.stderr
