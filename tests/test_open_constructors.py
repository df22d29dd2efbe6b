"""Opening plugins whose constructors take their time, from many threads."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import OpenError, Plugin
from nativeplug.load.loading import load_file
from nativeplug.plugin.files import files
from samples import NUMBER, SEVEN
from support import BuildC, CPlugin, RunPython

MANY = 64


def constructor_runs(path: Path) -> int:
    """Return how often the constructor of a plugin ran."""
    return len((path.parent / "log").read_text().splitlines())


def open_at_once(path: Path, count: int = MANY) -> list[Plugin | BaseException]:
    """Open a plugin in threads at once; return what each got."""
    outcomes: list[Plugin | BaseException] = []
    gate = threading.Barrier(count)

    def work() -> None:
        gate.wait()
        try:
            outcomes.append(nativeplug.open(path, "int constructed(void);"))
        except OpenError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestConstructors:
    """Constructors run once, without the GIL and without our locks."""

    def test_other_threads_run(self, slow: Callable[[int], Path]) -> None:
        """While a constructor takes its time, other threads run."""
        path, ticks, done = slow(300), [], threading.Event()

        def tick() -> None:
            while not done.wait(0.001):
                ticks.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        start = time.monotonic()
        nativeplug.open(path)
        end = time.monotonic()
        done.set()
        thread.join()
        assert 0.3 <= end - start
        # With the GIL held there would be next to none of some 300.
        assert 20 <= sum(start + 0.05 < tick < end - 0.05 for tick in ticks)

    def test_no_lock_of_ours(self, slow: Callable[[int], Path], greeter: Plugin) -> None:
        """While a constructor runs, other plugins are opened again, called, and closed."""
        path = slow(1500)
        function = greeter.lookup("Add")
        thread = threading.Thread(target=nativeplug.open, args=(path,))
        thread.start()
        while all(entry.done.is_set() for entry in list(files._entries.values())):
            time.sleep(0.001)
        time.sleep(0.05)  # for the dynamic loader to begin
        assert greeter is nativeplug.open(greeter.path, "int Add2(void);")
        assert 5 == greeter.Add(2, 3)
        assert function is greeter.lookup("Add")
        with pytest.raises(OpenError):
            nativeplug.open("/nowhere/plugin.so")
        greeter.close()
        assert thread.is_alive()  # so nothing of this has waited for the constructor
        thread.join()

    def test_many_threads(self, slow: Callable[[int], Path]) -> None:
        """64 threads that open one fresh plugin cause one run and get one object."""
        path = slow(50)
        plugins = open_at_once(path)
        assert 1 == len(set(plugins))
        assert MANY == len(plugins)
        assert 1 == nativeplug.open(path).constructed() == constructor_runs(path)

    def test_many_failures(self, build_c: BuildC) -> None:
        """64 threads whose plugin does not load get equal errors, each its own; then it may."""
        path = build_c("int nobody_qqqq(void); int constructed(void) { return nobody_qqqq(); }")
        errors = open_at_once(path)
        assert MANY == len({id(error) for error in errors})
        message = f"cannot open plugin '{path}': {path}: undefined symbol: nobody_qqqq"
        assert {(OpenError, message)} == {(type(error), str(error)) for error in errors}
        build_c("int constructed(void) { return 1; }")
        assert 1 == nativeplug.open(path, "int constructed(void);").constructed()

    def test_open_and_close_at_once(self, c_plugin: CPlugin) -> None:
        """Threads that open and close one plugin never get it closed by its opening."""
        path, errors = c_plugin("variables"), list[BaseException]()

        def work() -> None:
            try:
                for _ in range(20):
                    nativeplug.open(path).close()
            except nativeplug.PluginError as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [] == errors

    def test_reentrant(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A load that opens the plugin itself is refused, not waited for."""
        path = build_c(SEVEN)

        def reenter(*args: Any, **options: Any) -> object:
            with pytest.raises(OpenError, match="its own constructor, or a signal handler"):
                nativeplug.open(path)
            return load_file(*args, **options)

        monkeypatch.setattr("nativeplug.update.admission.load_file", reenter)
        assert 7 == nativeplug.open(path, NUMBER).number()

    def test_interrupt(self, slow: Callable[[int], Path], run_python: RunPython) -> None:
        """An interrupt of the thread that loads lets one that waits take over."""
        path = slow(300)
        code = """
            import signal, sys, threading, time, nativeplug.plugin
            waiter = threading.Thread(target=lambda: (
                time.sleep(0.05), print(nativeplug.open(sys.argv[1], "int constructed(void);"))))
            waiter.start()
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.15)
            try:
                nativeplug.open(sys.argv[1])
            except KeyboardInterrupt:
                print("interrupted")
            waiter.join()
            print(nativeplug.open(sys.argv[1]).constructed())
        """
        done = run_python(code, path)
        expected = f"interrupted\n<nativeplug.Plugin '{path}', generation 1>\n1\n"
        assert (expected, "") == (done.stdout, done.stderr)


class TestSignals:
    """A signal handler may open what the program opens."""

    def test_handler(self, greeter: Plugin) -> None:
        """A handler that opens and looks up cannot lock the thread that it interrupts."""
        runs = []

        def handle(_number: int, _frame: object) -> None:
            runs.append(nativeplug.open(greeter.path).lookup("Add"))

        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            while len(runs) < 50:
                nativeplug.open(greeter.path).lookup("Add")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert {greeter.lookup("Add")} == set(runs)
