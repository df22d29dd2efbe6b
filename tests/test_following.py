"""Plugins that update by themselves."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import nativeplug
from following import PATIENCE, threads
from nativeplug import ClosedError, Plugin, UpdateError
from nativeplug.load import child, debug
from nativeplug.load.content import Content
from nativeplug.load.dwarf import Debug
from support import RunPython
from versions import DECLARED, Versions


@pytest.fixture
def plg(versions: Versions) -> Iterator[Plugin]:
    """Give an open plugin whose version is 1; nothing is followed after the test."""
    versions.put(1)
    with versions.open() as plugin:
        yield plugin
        plugin.unfollow()
    assert [] == threads()


class Told:
    """What is told of updates."""

    def __init__(self) -> None:
        self._told: queue.Queue[tuple[Plugin, UpdateError | None]] = queue.Queue()

    def __call__(self, plg: Plugin, error: UpdateError | None) -> None:
        """Take note."""
        self._told.put((plg, error))

    def next(self) -> UpdateError | None:
        """Wait for what is told."""
        return self._told.get(timeout=PATIENCE)[1]

    def is_quiet(self) -> bool:
        """Tell whether nothing is told for a while."""
        time.sleep(0.3)
        return self._told.empty()


@pytest.fixture
def told() -> Told:
    """Give a function that notes what is told."""
    return Told()


class TestUpdates:
    """A change is taken up."""

    def test_taken_up(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """What the program keeps is the new version's, and the program is told."""
        version = plg.version
        plg.follow(told)
        assert plg.following
        for number in (2, 3):
            versions.put(number)
            assert told.next() is None
            assert number == version() == plg.generation

    def test_by_opening(self, versions: Versions) -> None:
        """The same, said when the plugin is opened."""
        versions.put(1)
        with versions.open(follow=True) as plg:
            assert plg.following
            versions.put(2)
            end = time.monotonic() + PATIENCE
            while plg.version() == 1:
                assert time.monotonic() < end

    def test_what_was_changed_before(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """A change from before it was followed is taken up at once."""
        versions.put(2)
        plg.follow(told)

        assert told.next() is None
        assert 2 == plg.version()

    def test_prepared(
        self, versions: Versions, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Types are read while the file settles; the update finds them."""
        versions.put(1)
        with versions.open(follow=True) as plg:
            assert 1 == plg.version()
            plg.follow(told)
            updating, children = [], []
            find, run = debug.find, child.run

            def note(content: Content) -> Debug:
                updating.append(plg._updates.is_mine)
                return find(content)

            def note_child(code: str, **options: Any) -> child.Ended:
                children.append("dwarf" in code)
                return run(code, **options)

            monkeypatch.setattr(debug, "find", note)
            monkeypatch.setattr(child, "run", note_child)
            versions.put(2)
            assert told.next() is None
            plg.unfollow()
        assert [False, True] == updating
        assert [True, False] == children  # the other one is the probe

    def test_bad_version(
        self, plg: Plugin, versions: Versions, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A version that is refused is told and logged; the next one is taken up."""
        plg.follow(told)
        with caplog.at_level(logging.INFO, "nativeplug.follow"):
            versions.put(2, "int nativeplug_loaded(void) { return 1; }")
            error = told.next()
            assert 1 == plg.version()
            versions.put(3)
            assert told.next() is None

        assert 3 == plg.version()
        assert error is not None
        refusal, serving = caplog.records
        assert ("WARNING", str(error)) == (refusal.levelname, refusal.getMessage())
        assert f"plugin {plg.path!r}: generation 3 serves" == serving.getMessage()

    def test_half_written(
        self, plg: Plugin, versions: Versions, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A file whose writer pauses in the middle is waited for, without a word."""
        plg.follow(told)
        data = versions.build(2).read_bytes()
        with caplog.at_level(logging.INFO, "nativeplug.follow"):
            for end in (0, 100, len(data) // 2):
                versions.path.write_bytes(data[:end])
                assert told.is_quiet()
        assert [] == caplog.records

        versions.path.write_bytes(data)
        assert told.next() is None
        assert 2 == plg.version()

    def test_gone_for_a_while(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """A file that is deleted is waited for."""
        plg.follow(told)
        versions.path.unlink()
        assert told.is_quiet()
        assert 1 == plg.version()

        versions.put(2)
        assert told.next() is None

    def test_nothing_new(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """The same content is no news."""
        plg.follow(told)
        os.utime(versions.path)
        versions.put(1)

        assert told.is_quiet()
        assert 1 == len(plg.generations)

    def test_after_a_rollback(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """A rollback stays until the file changes again."""
        plg.follow(told)
        versions.put(2)
        told.next()
        plg.rollback()
        assert told.is_quiet()
        assert 1 == plg.version()

        versions.put(3)
        told.next()
        assert 3 == plg.version()

    def test_failing_callback(
        self, plg: Plugin, versions: Versions, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the program's callback raises is logged, and the plugin is followed on."""
        numbers = queue.Queue[int]()

        def fail(plg: Plugin, _error: object) -> None:
            numbers.put(plg.version())
            raise ValueError("not mine")

        plg.follow(fail)
        for number in (2, 3):
            versions.put(number)
            assert number == numbers.get(timeout=PATIENCE)
        plg.unfollow()

        assert ["not mine"] * 2 == [
            str(each.exc_info[1]) for each in caplog.records if each.exc_info
        ]


class TestEnd:
    """Following begins once, and ends."""

    def test_unfollow(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """What is not followed is not updated."""
        plg.unfollow()
        plg.follow(told)
        plg.unfollow()
        versions.put(2)

        assert not plg.following
        assert told.is_quiet()
        assert 1 == plg.version()

    def test_twice(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """A plugin is followed once; what was given first is told no more."""
        other = Told()
        plg.follow(other)
        plg.follow(told)
        plg.follow()
        assert 1 == len(threads())
        versions.put(2)

        assert told.next() is None
        assert other.is_quiet()

    def test_closed(self, versions: Versions, told: Told) -> None:
        """Closing ends it, also from the callback."""
        versions.put(1)
        plg = versions.open()

        def close(plg: Plugin, error: UpdateError | None) -> None:
            plg.close()
            told(plg, error)

        plg.follow(close)
        versions.put(2)
        told.next()

        assert not plg.following
        with pytest.raises(ClosedError):
            plg.follow()

    def test_system_library(self) -> None:
        """There is no file to follow."""
        zlib = nativeplug.open("libz.so.1", "const char *zlibVersion(void);")

        with pytest.raises(UpdateError, match="it is a system library, which is never updated"):
            zlib.follow()
        assert not zlib.following
        zlib.unfollow()


def test_everything_at_once(plg: Plugin, versions: Versions) -> None:  # noqa: C901 - it is much
    """Threads call, look up, update, follow, pin, go back and ask, and all of it is well."""
    data = [versions.build(number).read_bytes() for number in range(2, 6)]
    stop, errors = threading.Event(), list[BaseException]()

    def pin() -> None:
        with plg.pin() as pinned:
            assert pinned.version() == pinned.number == pinned.triple().c

    def go_back() -> None:
        with contextlib.suppress(UpdateError):  # there may be none
            plg.rollback()

    def follow() -> None:
        plg.follow()
        plg.unfollow()

    def put() -> None:
        for content in data:
            following = versions.path.with_name(f"{threading.get_ident()}.so")
            following.write_bytes(content)
            os.replace(following, versions.path)
            stop.wait(0.03)  # or nobody ever reads a file that is not replaced meanwhile

    def repeat(use: object) -> None:
        try:
            while not stop.is_set():
                use()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - it is told below
            errors.append(error)

    uses = [
        plg.version,
        plg.triple,
        lambda: plg.lookup("slowly")(0),  # type: ignore[operator]
        lambda: plg.number,
        lambda: plg.generations,
        lambda: nativeplug.open(versions.path, max_generations=10_000),
        plg.update,
        pin,
        go_back,
        follow,
        put,
    ]
    plg.update()
    nativeplug.open(versions.path, max_generations=10_000, unload="when_idle")
    workers = [threading.Thread(target=repeat, args=(use,)) for use in uses]
    for worker in workers:
        worker.start()
    begun = time.monotonic()
    while time.monotonic() < begun + 1.5 or len(plg.generations) <= len(data):
        if errors or time.monotonic() > begun + PATIENCE:
            break
        time.sleep(0.01)
    stop.set()
    for worker in workers:
        worker.join()

    assert [] == errors
    assert len(plg.generations) > len(data)


@pytest.mark.parametrize("development", [False, True])
def test_exit(versions: Versions, run_python: RunPython, development: bool) -> None:  # noqa: FBT001
    """The interpreter exits at once while calls run, a file is followed and an update is made."""
    code = """
        import itertools, os, pathlib, sys, threading, time
        import nativeplug
        path, following, declared = sys.argv[1:]
        plg = nativeplug.open(path, declared, follow=True, unload="when_idle")
        version, slowly = plg.version, plg.slowly
        contents = [pathlib.Path(each).read_bytes() for each in (path, following)]

        def call():
            while True:
                version()

        def put():
            for content in itertools.cycle(contents):
                with open(following, "wb") as file:
                    file.write(content)
                os.replace(following, path)
                plg.update()

        for target in (call, call, put, lambda: slowly(60_000)):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.5)
        print(time.monotonic())
    """
    begun = run_python(
        code,
        versions.put(1),
        versions.build(2),
        DECLARED,
        env={"PYTHONDEVMODE": "1"} if development else {},
    )
    took = time.monotonic() - float(begun.stdout)

    assert (0, "") == (begun.returncode, begun.stderr)
    assert took < 5  # not the minute of the call
