"""Plugins that update by themselves."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from following import Log, threads, wait_until_nothing_follows
from gates import PATIENCE, background, wait_for
from nativeplug import ClosedError, Plugin, UpdateError
from nativeplug.elf.dwarf import DebugInfo
from nativeplug.loader import child, debug_info, files
from nativeplug.loader.files import Content
from support import RunPython
from versions import DECLARED, Versions

pytestmark = pytest.mark.slow

_TIMES = 5  # that each does what it does, at least
NOTHING_NEW = "its file has what serves"


@pytest.fixture
def plg(versions: Versions) -> Iterator[Plugin]:
    """Give an open plugin whose version is 1; nothing is followed after the test."""
    versions.put(1)
    with versions.open() as plugin:
        yield plugin
        plugin.unfollow()
    wait_until_nothing_follows()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Give what is logged of following."""
    logger, made = logging.getLogger("nativeplug.follow"), Log()
    monkeypatch.setattr(logger, "handlers", [*logger.handlers, made])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.manager._clear_cache()  # type: ignore[attr-defined] # as setLevel() does
    return made


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

    @property
    def nothing(self) -> bool:
        """Whether nothing was told that was not waited for."""
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
            wait_for(lambda: plg.version() == 2)
        wait_until_nothing_follows()

    def test_what_was_changed_before(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """A change from before it was followed is taken up."""
        versions.put(2)
        plg.follow(told)

        assert told.next() is None
        assert 2 == plg.version()

    def test_prepared(
        self,
        versions: Versions,
        told: Told,
        log: Log,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Types are read while the file settles; the update finds them."""
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "cache"))  # nothing is known yet
        versions.put(1)
        with versions.open(follow=True) as plg:
            assert 1 == plg.version()
            plg.follow(told)
            assert NOTHING_NEW == log.next("DEBUG")
            updating, children = [], []
            find, run = debug_info.find, child.run

            def note(files: Content) -> DebugInfo:
                updating.append(plg._updates.is_mine)
                return find(files)

            def note_child(program: str, *arguments: object, **options: Any) -> child.Ended:
                children.append("debug" in program)
                return run(program, *arguments, **options)

            monkeypatch.setattr(debug_info, "find", note)
            monkeypatch.setattr(child, "run", note_child)
            versions.put(2, "int of_this_test;")  # whose types nobody has read before
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

    def test_gone_for_a_while(self, plg: Plugin, versions: Versions, told: Told, log: Log) -> None:
        """A file that is deleted is waited for."""
        plg.follow(told)
        assert NOTHING_NEW == log.next("DEBUG")
        versions.path.unlink()
        assert 1 == plg.version()

        versions.put(2)
        assert told.next() is None
        assert "generation 2 serves" == log.next("INFO")

    def test_nothing_new(self, plg: Plugin, versions: Versions, told: Told, log: Log) -> None:
        """The same content is no news."""
        plg.follow(told)
        assert NOTHING_NEW == log.next("DEBUG")
        os.utime(versions.path)
        assert NOTHING_NEW == log.next("DEBUG")
        versions.put(1)
        assert NOTHING_NEW == log.next("DEBUG")

        assert told.nothing
        assert 1 == len(plg.generations)

    def test_after_a_rollback(self, plg: Plugin, versions: Versions, told: Told, log: Log) -> None:
        """A rollback stays until the file has another content."""
        plg.follow(told)
        versions.put(2)
        told.next()
        plg.rollback()
        assert "generation 2 serves" == log.next("INFO")
        os.utime(versions.path)
        assert NOTHING_NEW == log.next("DEBUG")
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


class TestUnfinished:
    """A file that is being written is not taken up."""

    MISSING = 4096  # bytes of a piece

    @pytest.fixture
    def data(self, versions: Versions) -> bytes:
        """Give version 2, with code of some pages."""
        more = """__asm__(".text\\n.fill 16384, 1, 0x90\\n");"""
        return versions.build(2, more).read_bytes()

    def code(self, data: bytes) -> int:
        """Return where a page of the code begins."""
        return -(-data.index(b"\x90" * 8192) // self.MISSING) * self.MISSING

    def test_open_for_writing(
        self, plg: Plugin, versions: Versions, told: Told, log: Log, data: bytes
    ) -> None:
        """However long its writer pauses, and whatever is there: it is waited for."""
        plg.follow(told)
        assert NOTHING_NEW == log.next("DEBUG")
        hole = self.code(data)
        with versions.path.open("r+b", buffering=0) as file:
            file.write(data[:hole])
            assert "waiting for its file: somebody has it open for writing" == log.next("INFO")
            file.seek(hole + self.MISSING)
            file.write(data[hole + self.MISSING :])
            file.truncate()
            file.seek(hole)
            file.write(data[hole : hole + self.MISSING])
            assert told.nothing
            assert 1 == plg.version()
        assert told.next() is None
        assert 2 == plg.version()
        assert "generation 2 serves" == log.next("INFO")  # all that was logged meanwhile

    def test_cut(self, plg: Plugin, versions: Versions, told: Told, log: Log, data: bytes) -> None:
        """A file that its writer has left in the middle is waited for, with a warning."""
        plg.follow(told)
        for end, expected in (
            (0, "the file is empty"),
            (100, "truncated: the program headers end at byte "),
            (-100, "truncated: the section headers end at byte "),
        ):
            versions.path.write_bytes(data[:end])
            assert log.next("WARNING").startswith(f"waiting for its file: {expected}")
        assert told.nothing
        versions.path.write_bytes(data)
        assert told.next() is None
        assert 2 == plg.version()

    def test_hole(self, plg: Plugin, versions: Versions, told: Told, log: Log, data: bytes) -> None:
        """So is one in whose code a piece is missing; `update` takes what there is."""
        plg.follow(told)
        assert NOTHING_NEW == log.next("DEBUG")
        hole, beside = self.code(data), versions.path.with_suffix(".part")
        with beside.open("wb") as file:
            file.write(data[:hole])
            file.seek(hole + self.MISSING)
            file.write(data[hole + self.MISSING :])
        os.replace(beside, versions.path)
        expected = f"waiting for its file: a piece at byte {hole} is missing"
        assert expected == log.next("WARNING")
        assert told.nothing
        assert 1 == plg.version()

        assert "updated" == plg.update()  # the piece is one that nothing runs
        assert 2 == plg.version()

    def test_hash_beside(
        self, plg: Plugin, versions: Versions, told: Told, log: Log, data: bytes
    ) -> None:
        """A file with the hash decides, whichever of the two comes first, and whoever writes."""
        plg.follow(told)
        assert NOTHING_NEW == log.next("DEBUG")
        beside = versions.path.with_name("plugin.so.sha256")
        wrong = data[:-1] + bytes([data[-1] ^ 1])
        beside.write_text(f"{hashlib.sha256(wrong).hexdigest()}  plugin.so\n")
        other = f"waiting for its file: its SHA-256 is not the one in '{beside}'"
        assert other.rpartition("': ")[2] == log.next("WARNING")
        with versions.path.open("wb", buffering=0) as file:
            file.write(data)
            os.replace(versions.path, versions.path)
            beside.write_text(f"{hashlib.sha256(data).hexdigest()} *plugin.so\n")
            assert told.next() is None
        assert 2 == plg.version()

    def test_nobody_tells(
        self,
        plg: Plugin,
        versions: Versions,
        told: Told,
        log: Log,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Where nobody tells whether it is being written, a new file must not be quite new."""
        monkeypatch.setattr(files, "find_writer", lambda _descriptor: None)
        monkeypatch.setattr(files, "_UNTOLD_NS", float("inf"))
        versions.put(2)
        plg.follow(told)
        reason = "it is new, and whether somebody has it open for writing cannot be found out"
        assert f"waiting for its file: {reason}" == log.next("INFO")
        assert told.nothing
        monkeypatch.setattr(files, "_UNTOLD_NS", 0)
        assert told.next() is None
        assert 2 == plg.version()


class TestEnd:
    """Following begins once, and ends."""

    def test_unfollow(self, plg: Plugin, versions: Versions, told: Told) -> None:
        """What is not followed is not updated."""
        plg.unfollow()
        plg.follow(told)
        plg.unfollow()
        versions.put(2)

        assert not plg.following
        wait_until_nothing_follows()
        assert told.nothing
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
        assert other.nothing

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

    def test_closed_meanwhile(self, versions: Versions) -> None:
        """Nothing remains to be done for a plugin that is closed while its file settles."""
        versions.put(1)
        plg = versions.open()
        plg.close()
        assert plg._following._take_up()

    def test_system_library(self) -> None:
        """There is no file to follow."""
        zlib = nativeplug.open("libz.so.1", "const char *zlibVersion(void);")

        with pytest.raises(UpdateError, match="it is a system library, which is never updated"):
            zlib.follow()
        assert not zlib.following
        zlib.unfollow()


def test_everything_at_once(plg: Plugin, versions: Versions) -> None:
    """Threads call, look up, update, follow, pin, go back and ask, and all of it is well."""
    data = [versions.build(number).read_bytes() for number in range(2, 6)]
    stop = threading.Event()
    done = collections.Counter[Callable[[], object]]()

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
        for version in data:
            following = versions.path.with_name(f"{threading.get_ident()}.so")
            following.write_bytes(version)
            os.replace(following, versions.path)
            stop.wait(0.03)  # or nobody ever reads a file that is not replaced meanwhile

    def repeat(use: Callable[[], object]) -> None:
        while not stop.is_set():
            use()
            done[use] += 1

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
    with background(*(partial(repeat, use) for use in uses)) as futures:
        wait_for(
            lambda: (
                any(each.done() for each in futures)  # with an error
                or (len(plg.generations) > len(data) and all(done[use] > _TIMES for use in uses))
            )
        )
        stop.set()


@pytest.mark.parametrize("development", [False, True])
def test_exit(versions: Versions, run_python: RunPython, *, development: bool) -> None:
    """
    The interpreter exits while calls run, a file is followed and an update is made.

    All threads stand in C by then: one that asks for the GIL in the moment in which CPython frees
    its state crashes there, up to CPython 3.13 (python/cpython#110052, #124878).
    """
    code = """
        import os, sys, threading
        import nativeplug
        path, following, declared = sys.argv[1:]
        (arrivals, arrived), (opened, _) = os.pipe(), os.pipe()  # a gate that never opens

        def stay(*_):
            plg.gated(arrived, opened)

        plg = nativeplug.open(
            path, declared, follow=True, unload="when_idle", before_update=stay
        )
        os.replace(following, path)
        for target in (stay, stay, plg.update):  # following updates it, too: one of them waits
            threading.Thread(target=target, daemon=True).start()
        for _ in range(3):
            os.read(arrivals, 1)
    """
    done = run_python(
        code,
        versions.put(1),
        versions.build(2),
        DECLARED,
        env={"PYTHONDEVMODE": "1"} if development else {},
    )
    assert (0, "") == (done.returncode, done.stderr)
