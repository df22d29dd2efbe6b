"""Opening plugins whose constructors take their time, from many threads."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from gates import GATES, Gate, at_once, background, count_waiting, interrupted, wait_for
from nativeplug import ClosedError, OpenError, Plugin
from nativeplug.loader.loading import load_file
from samples import GATED_CONSTRUCTOR_DECLARED, NUMBER, SEVEN
from support import BuildC, CPlugin, RunPython

MANY = 64


def constructor_runs(path: Path) -> int:
    """Return how often the constructor of a plugin ran."""
    return len((path.parent / "log").read_text().splitlines())


def open_at_once(path: Path, count: int = MANY) -> list[Plugin | OpenError]:
    """Open a plugin in threads at once; return what each got."""

    def work() -> Plugin | OpenError:
        try:
            return nativeplug.open(path, "int constructed(void);")
        except OpenError as error:
            return error

    return at_once(*[work] * count)


class TestConstructors:
    """Constructors run once, without the GIL and without our locks."""

    def test_other_threads_run(self, gated: tuple[Path, Gate]) -> None:
        """While a constructor waits for another thread, that runs."""
        path, gate = gated
        with background(gate.let_pass):
            assert 1 == nativeplug.open(path, GATED_CONSTRUCTOR_DECLARED).passed

    def test_no_lock_of_ours(self, gated: tuple[Path, Gate], greeter: Plugin) -> None:
        """While a constructor runs, other plugins are opened again, called, and closed."""
        path, gate = gated
        function = greeter.lookup("Add")
        with background(lambda: nativeplug.open(path)) as (opening,):
            gate.wait()
            assert greeter is nativeplug.open(greeter.path, "int Add2(void);")
            assert 5 == greeter.Add(2, 3)
            assert function is greeter.lookup("Add")
            with pytest.raises(OpenError):
                nativeplug.open("/nowhere/plugin.so")
            greeter.close()
            assert not opening.done()  # so nothing of this has waited for the constructor
            gate.open()

    def test_many_threads(self, gated: tuple[Path, Gate]) -> None:
        """64 threads that open one fresh plugin cause one run and get one object."""
        path, gate = gated

        def let_pass() -> None:
            wait_for(lambda: count_waiting() == MANY - 1)
            gate.open()

        with background(let_pass):
            plugins = open_at_once(path)
        assert [nativeplug.open(path)] * MANY == plugins
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

    @pytest.mark.slow
    def test_open_and_close_at_once(self, c_plugin: CPlugin) -> None:
        """Threads that open and close one plugin never get it closed by its opening."""
        path = c_plugin("variables")

        def work() -> None:
            for _ in range(20):
                nativeplug.open(path).close()

        at_once(*[work] * 8)

    def test_reentrant(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A load that opens the plugin itself is refused, not waited for."""
        path = build_c(SEVEN)

        def reenter(*args: Any, **options: Any) -> object:
            with pytest.raises(OpenError, match="its own constructor, or a signal handler"):
                nativeplug.open(path)
            return load_file(*args, **options)

        monkeypatch.setattr("nativeplug.runtime.candidate.load_file", reenter)
        assert 7 == nativeplug.open(path, NUMBER).number()

    def test_interrupt(self, gated: tuple[Path, Gate], run_python: RunPython) -> None:
        """An interrupt of the thread that loads lets one that waits take over."""
        path, _ = gated
        code = """
            import os, signal, sys, nativeplug
            from gates import Gate, background, count_waiting, wait_for
            from nativeplug import declare
            path, declared = sys.argv[1:]
            declare.read(declared)  # imports what the dynamic loader could not load meanwhile
            gate = Gate()
            os.environ["NATIVEPLUG_GATE"] = f"{gate.arrived} {gate.opened}"

            def interrupt():
                gate.wait()
                with background(lambda: nativeplug.open(path, declared)) as (waiter,):
                    wait_for(lambda: count_waiting() == 1)
                    signal.raise_signal(signal.SIGINT)  # its handler runs in the main thread
                    gate.open()
                return waiter.result()

            with background(interrupt) as (found,):
                try:
                    nativeplug.open(path)
                except KeyboardInterrupt:
                    print("interrupted")
            print(found.result())
            print(nativeplug.open(path).constructed())
        """
        done = run_python(code, path, GATED_CONSTRUCTOR_DECLARED, env=GATES)
        expected = f"interrupted\n<nativeplug.Plugin '{path}', generation 1>\n1\n"
        assert (expected, "") == (done.stdout, done.stderr)


class TestSignals:
    """A signal handler may open what the program opens."""

    @pytest.mark.slow
    def test_handler(self, c_plugin: CPlugin) -> None:
        """A handler that opens, calls and closes cannot lock the thread that it interrupts."""
        path, sums = c_plugin("greeter"), list[int]()

        def use() -> None:
            # Within an opening it is refused; and each may close what the other has opened.
            with contextlib.suppress(OpenError, ClosedError), nativeplug.open(path) as plg:
                sums.append(plg.Add(2, 3))

        use()
        interrupted(use, use)
        use()
        assert {5} == set(sums)
