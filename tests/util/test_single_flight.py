"""The open-handle cache."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from gates import PATIENCE, at_once, background, count_waiting, interrupted, wait_for
from nativeplug._util.single_flight import ReentrantLoadError, SingleFlight
from nativeplug.errors import OpenError
from support import RunPython

MANY = 64


class Thing:
    """What is loaded."""


@pytest.fixture
def cache() -> SingleFlight[str, Thing]:
    """Give an empty cache."""
    return SingleFlight()


def refuse() -> NoReturn:
    """Fail to load."""
    raise OpenError("cannot open plugin 'p': no", path="p", reason="no")


class TestGet:
    """What is loaded is kept."""

    def test_once(self, cache: SingleFlight[str, Thing]) -> None:
        """A second request gives the first one's value."""
        first = cache.get("a", Thing)
        assert first is cache.get("a", refuse)
        assert first is cache.peek("a")
        assert [first] == cache.values()

    def test_keys_are_apart(self, cache: SingleFlight[str, Thing]) -> None:
        """Another key has another value."""
        assert cache.get("a", Thing) is not cache.get("b", Thing)

    def test_nothing_is_loaded(self, cache: SingleFlight[str, Thing]) -> None:
        """To peek is not to load."""
        assert cache.peek("a") is None
        assert [] == cache.values()

    def test_discard(self, cache: SingleFlight[str, Thing]) -> None:
        """What is discarded is loaded afresh, and only that."""
        first, other = cache.get("a", Thing), cache.get("b", Thing)
        cache.discard(first)
        cache.discard(first)
        assert cache.peek("a") is None
        assert first is not cache.get("a", Thing)
        assert other is cache.peek("b")

    def test_discarded_twice(self, cache: SingleFlight[str, Thing]) -> None:
        """To discard an old value does not touch the new one of its key."""
        first = cache.get("a", Thing)
        cache.discard(first)
        second = cache.get("a", Thing)
        cache.discard(first)
        assert second is cache.peek("a")

    def test_rekey(self, cache: SingleFlight[str, Thing]) -> None:
        """A value that is given another key has that one alone; others keep theirs."""
        first, other = cache.get("a", Thing), cache.get("b", Thing)
        cache.rekey(first, "c")
        assert (None, other, first) == (cache.peek("a"), cache.peek("b"), cache.peek("c"))
        cache.rekey(first, "b")
        assert (other, None) == (cache.peek("b"), cache.peek("c"))

    def test_replaced_while_forgotten(self) -> None:
        """What a signal handler loads while its key is forgotten is kept."""

        class Meddler(str):
            """A key whose comparison lets somebody else come between."""

            __slots__ = ()
            meddle: Callable[[], object] | None = None

            def __hash__(self) -> int:
                now, Meddler.meddle = Meddler.meddle, None
                if now is not None:
                    now()
                return 1

        def reload() -> None:
            cache.discard(first)
            second.append(cache.get(key, Thing))

        cache: SingleFlight[Meddler, Thing] = SingleFlight()
        key, second = Meddler("a"), list[Thing]()
        first = cache.get(key, Thing)
        Meddler.meddle = reload
        cache.discard(first)
        assert second == cache.values()


class TestFailure:
    """A failure is told to all who wait, and not kept."""

    def test_next_tries_afresh(self, cache: SingleFlight[str, Thing]) -> None:
        """After a failure the next request loads."""
        with pytest.raises(OpenError, match="no"):
            cache.get("a", refuse)
        assert isinstance(cache.get("a", Thing), Thing)

    def test_own_load_raises_its_own_error(self, cache: SingleFlight[str, Thing]) -> None:
        """Who loads gets the error itself, with its traceback."""
        error = OpenError("message", path="p", reason="no")

        def load() -> NoReturn:
            raise error

        with pytest.raises(OpenError) as caught:
            cache.get("a", load)
        assert error is caught.value

    def test_reentrant(self, cache: SingleFlight[str, Thing]) -> None:
        """A load that asks for itself is refused, not waited for; others are served."""

        def load() -> Thing:
            cache.get("b", Thing)
            return cache.get("a", Thing)

        with pytest.raises(ReentrantLoadError):
            cache.get("a", load)
        assert cache.peek("b") is not None
        assert isinstance(cache.get("a", Thing), Thing)


class TestThreads:
    """One loads, the others wait."""

    def test_one_load(self, cache: SingleFlight[str, Thing]) -> None:
        """Threads that ask at once cause one load and get one value."""
        loads = []

        def load() -> Thing:
            loads.append(threading.get_ident())
            wait_for(lambda: count_waiting(cache) == MANY - 1)
            return Thing()

        outcomes = at_once(*[lambda: cache.get("a", load)] * MANY)
        assert 1 == len(loads)
        assert {cache.peek("a")} == set(outcomes)

    def test_one_failure(self, cache: SingleFlight[str, Thing]) -> None:
        """Threads that wait for a failing load get equal errors, each its own."""
        loads = []

        def load() -> NoReturn:
            loads.append(threading.get_ident())
            wait_for(lambda: count_waiting(cache) == MANY - 1)
            refuse()

        def work() -> OpenError:
            with pytest.raises(OpenError) as caught:
                cache.get("a", load)
            return caught.value

        errors = at_once(*[work] * MANY)
        assert 1 == len(loads)
        assert MANY == len({id(error) for error in errors})
        assert {("cannot open plugin 'p': no", "p", "no")} == {
            (str(error), error.path, error.reason) for error in errors
        }

    def test_lost_race(self, cache: SingleFlight[str, Thing]) -> None:
        """A thread that lost the race for an entry gets what is in it."""
        entries, mine = cache._entries, Thing()

        class Late(dict[str, Any]):
            """A map that does not show, at first sight, what is in it."""

            def get(self, _key: str, default: object = None) -> object:
                cache._entries = entries
                return default

        cache.get("a", lambda: mine)
        cache._entries = Late(entries)
        assert mine is cache.get("a", refuse)

    def test_interrupt(self, cache: SingleFlight[str, Thing]) -> None:
        """An interrupt stops only the thread that it hits: one that waits loads instead."""
        interrupts = [KeyboardInterrupt()]

        def load() -> Thing:
            if interrupts:
                wait_for(lambda: count_waiting(cache) == 7)
                raise interrupts.pop()
            return Thing()

        def work() -> Thing | None:
            try:
                return cache.get("a", load)
            except KeyboardInterrupt:
                return None

        outcomes = at_once(*[work] * 8)
        assert 1 == outcomes.count(None)
        assert 7 == outcomes.count(cache.peek("a"))

    def test_no_lock_while_loading(self, cache: SingleFlight[str, Thing]) -> None:
        """While one key loads, another is loaded, read and discarded."""
        started, finish = threading.Event(), threading.Event()

        def load() -> Thing:
            started.set()
            assert finish.wait(PATIENCE)
            return Thing()

        with background(lambda: cache.get("slow", load)):
            assert started.wait(PATIENCE)
            other = cache.get("quick", Thing)
            assert cache.peek("slow") is None
            assert [other] == cache.values()
            cache.discard(other)
            finish.set()
        assert cache.peek("slow") is not None

    def test_get_and_discard(self, cache: SingleFlight[str, Thing]) -> None:
        """Threads that load and discard at once leave the cache sound."""

        def work() -> None:
            for _ in range(200):
                cache.discard(cache.get("a", Thing))

        at_once(*[work] * 8)
        assert [] == cache.values()


class TestSignals:
    """A signal handler may do at any point what the program does."""

    def test_handler_uses_the_cache(self, cache: SingleFlight[str, Thing]) -> None:
        """A handler that loads and discards cannot lock the thread that it interrupts."""

        def handle() -> None:
            with contextlib.suppress(ReentrantLoadError):
                cache.discard(cache.get("a", Thing))

        interrupted(lambda: cache.discard(cache.get("a", Thing)), handle)
        assert [] == cache.values()


class TestFork:
    """A child process has none of its parent's threads."""

    CODE = """
        import os, sys, threading, signal, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() in a process with threads
        from nativeplug._util.single_flight import SingleFlight
        cache, started, value = SingleFlight(), threading.Event(), object()
        os.register_at_fork(after_in_child=cache.after_fork)
        cache.get("done", lambda: value)

        def never():
            started.set()
            threading.Event().wait()

        def in_child(work):
            child = os.fork()
            if not child:
                signal.alarm(200)
                sys.exit(not work())
            return os.waitpid(child, 0)[1]
    """

    def run(self, run_python: RunPython, code: str) -> str:
        """Run *code* after the preparation; return what it prints."""
        done = run_python(self.CODE + code)
        assert "" == done.stderr
        return str(done.stdout.strip())

    def test_load_under_way(self, run_python: RunPython) -> None:
        """A load that another thread began is begun anew, and what is loaded stays."""
        code = """
        threading.Thread(target=cache.get, args=("slow", never), daemon=True).start()
        started.wait()
        print(in_child(lambda: cache.get("slow", lambda: 7) == 7 and cache.peek("done") is value))
        """
        assert "0" == self.run(run_python, code)

    def test_locks_of_others(self, run_python: RunPython) -> None:
        """Locks that other threads held are free."""
        code = """
        def hold():
            with cache._lock, cache._entries["done"].done._cond:
                never()

        threading.Thread(target=hold, daemon=True).start()
        started.wait()

        def served():
            return cache.get("done", never) is value and cache.get("new", lambda: 7) == 7

        print(in_child(served))
        """
        assert "0" == self.run(run_python, code)

    def test_fork_within_a_load(self, run_python: RunPython) -> None:
        """A load in which fork() happened ends in parent and child."""
        code = """
        def load():
            def hold():
                with cache._entries["forking"].done._cond:
                    never()
            threading.Thread(target=hold, daemon=True).start()
            started.wait()
            child = os.fork()
            if not child:
                signal.alarm(200)
                return "in the child"
            print(os.waitpid(child, 0)[1], flush=True)
            os._exit(0)

        cache.get("forking", load)
        sys.exit(cache.get("forking", never) != "in the child")
        """
        assert "0" == self.run(run_python, code)

    def test_parent_is_untouched(self, run_python: RunPython) -> None:
        """The parent goes on."""
        code = """
        print(in_child(lambda: cache.discard(value) is None), cache.peek("done") is value)
        """
        assert "0 True" == self.run(run_python, code)
