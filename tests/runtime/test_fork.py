"""What remains of open plugins in a child process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gates import GATES, Gate
from samples import GATED_CONSTRUCTOR_DECLARED
from support import BuildC, Compile, CPlugin, RunPython, load_generation
from versions import FORKING

# Forks, works in the child within 200 seconds, and prints what it says and how it ended.
PRELUDE = """
        import os, signal, sys, threading, traceback, warnings, nativeplug
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() in a process with threads

        def in_child(work):
            sys.stdout.flush()
            child = os.fork()
            if not child:
                signal.alarm(200)
                try:
                    print(work(), flush=True)
                except BaseException:
                    traceback.print_exc()
                sys.exit()
            print("child:", os.waitpid(child, 0)[1], flush=True)

        def attempt(use):
            try:
                return use()
            except nativeplug.PluginError as error:
                return type(error).__name__
"""


def lines(run_python: RunPython, code: str, *args: object) -> list[str]:
    """Run *code* after the prelude; return the lines that it prints."""
    done = run_python(PRELUDE + code, *args)
    assert "" == done.stderr
    return str(done.stdout).splitlines()


class TestGo:
    """A Go plugin of the parent is refused in the child, at once."""

    CODE = """
        plg = nativeplug.open(sys.argv[1], free={"GetName": "free"})
        name, add, variable = plg.lookup("GetName"), plg.Add, plg.lookup("Calls")
        assert name() == "world"
        in_child(lambda: [attempt(use) for use in (
            name, lambda: add(2, 3), lambda: plg.Add(2, 3), lambda: plg.Name, lambda: plg.ffi,
            lambda: variable.value, lambda: setattr(variable, "value", 3),
            lambda: setattr(plg, "Calls", 3), lambda: plg.lookup("Add"), lambda: "Add" in plg,
            lambda: list(plg), lambda: plg.close(), name)])
        print(plg.Add(2, 3), name())
    """

    def test_every_use(self, go_plugin: CPlugin, run_python: RunPython) -> None:
        """Functions, variables and names raise ForkError; the parent goes on."""
        printed = lines(run_python, self.CODE, go_plugin("greeter"))
        expected = [*["ForkError"] * 11, None, "ForkError"]
        assert [str(expected), "child: 0", "5 world"] == printed

    def test_message(self, go_plugin: CPlugin, run_python: RunPython) -> None:
        """The error says why, and what to do."""
        code = """
        plg = nativeplug.open(sys.argv[1])
        def use():
            try:
                plg.Add(2, 3)
            except nativeplug.ForkError as error:
                return error, error.path == plg.path
        in_child(use)
        """
        path = go_plugin("greeter")
        expected = (
            f"plugin '{path}' was opened before fork(), which no Go runtime survives: open it "
            "again in this process, or start processes by 'spawn'"
        )
        printed = lines(run_python, code, path)
        assert [f"(ForkError({expected!r}), True)", "child: 0"] == [
            line.replace('\\"', '"') for line in printed
        ]

    def test_opened_again(self, go_plugin: CPlugin, run_python: RunPython) -> None:
        """The child may open the file again: a fresh object with a runtime of its own."""
        code = """
        plg = nativeplug.open(sys.argv[1], free={"GetName": "free"})
        plg.Name = "parent"
        def use():
            again = nativeplug.open(sys.argv[1], free={"GetName": "free"})
            return again is plg, again.GetName(), attempt(lambda: plg.GetName())
        in_child(use)
        print(plg.GetName())
        """
        expected = ["(False, 'world', 'ForkError')", "child: 0", "parent"]
        assert expected == lines(run_python, code, go_plugin("greeter"))

    def test_library_of_the_system(
        self, go_plugin: CPlugin, run_python: RunPython, tmp_path: Path
    ) -> None:
        """A Go library that was found by its soname cannot be had a second time."""
        shutil.copy(go_plugin("greeter"), tmp_path / "libgreeter.so")
        code = """
        def use():
            plg = nativeplug.open("libgreeter.so", "long long Add(long long a, long long b);")
            return plg.Add(2, 3)
        print(use())
        in_child(lambda: attempt(use))
        print(use())
        """
        done = run_python(PRELUDE + code, env={"LD_LIBRARY_PATH": str(tmp_path)})
        assert ["5", "ForkError", "child: 0", "5"] == done.stdout.splitlines(), done.stderr

    def test_multiprocessing(self, go_plugin: CPlugin, run_python: RunPython) -> None:
        """A worker of multiprocessing that was forked raises the error to its caller."""
        code = """
        import multiprocessing
        plg = nativeplug.open(sys.argv[1])
        def add():
            return plg.Add(2, 3)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            print(attempt(lambda: pool.apply(add)), add())
        """
        assert ["ForkError 5"] == lines(run_python, code, go_plugin("greeter"))


THREADED = """
#include <pthread.h>
#include <unistd.h>
static int requests[2], answers[2];
static void *serve(void *unused) {
    char byte;
    while (read(requests[0], &byte, 1) == 1 && write(answers[1], &byte, 1) == 1) ;
    return unused;
}
int start(void) {
    pthread_t thread;
    return pipe(requests) || pipe(answers) || pthread_create(&thread, 0, serve, 0);
}
int ask(void) {
    char byte = 7;
    return write(requests[1], &byte, 1) == 1 && read(answers[0], &byte, 1) == 1;
}
"""
OPENMP = """
int many(void) {
    int sum = 0;
    #pragma omp parallel for reduction(+: sum)
    for (int i = 0; i < 100; i++)
        sum += i;
    return sum;
}
"""
WARNED = "may have threads of its own, which a child process has not after fork()"


class TestThreads:
    """Threads of a C plugin are not there in the child."""

    @pytest.mark.parametrize("started", [True, False])
    def test_warning(self, compile_c: Compile, run_python: RunPython, *, started: bool) -> None:
        """Where there are some, fork() warns, at its line, of the plugin that may have them."""
        plugin = compile_c(THREADED, "-pthread")
        code = f"""
        import os, nativeplug
        other = nativeplug.open("libc.so.6", "int abs(int);")
        plg = nativeplug.open({str(plugin)!r}, "int start(void); int ask(void);")
        if {started}:
            assert (0, 1) == (plg.start(), plg.ask())
        if not os.fork():
            os._exit(0)
        os.wait()
        """
        done = run_python(code, env=FORKING)
        assert 0 == done.returncode, done.stderr
        assert int(started) == done.stderr.count(WARNED)
        assert int(started) == done.stderr.count(f"RuntimeWarning: plugin {str(plugin)!r}")
        assert int(started) == done.stderr.count("<string>:7: ")

    def test_closed(self, compile_c: Compile, run_python: RunPython) -> None:
        """Nobody calls a plugin that was closed."""
        code = """
        import os, sys, nativeplug
        plg = nativeplug.open(sys.argv[1], "int start(void);")
        plg.start()
        plg.close()
        if not os.fork():
            os._exit(0)
        os.wait()
        """
        done = run_python(code, compile_c(THREADED, "-pthread"), env=FORKING)
        assert (0, "") == (done.returncode, done.stderr)

    def test_openmp(self, compile_c: Compile) -> None:
        """OpenMP's threads are known by what compilers call for them."""
        loaded = load_generation(compile_c(OPENMP, "-fopenmp"))
        assert loaded.starts_threads


class TestC:
    """A C plugin is used in the child as in the parent."""

    def test_goes_on(self, c_plugin: CPlugin, run_python: RunPython) -> None:
        """Functions and variables work, each process with its own memory."""
        code = """
        plg = nativeplug.open(sys.argv[1])
        name = plg.lookup("GetName")
        def use():
            plg.Name = "child"
            again = nativeplug.open(sys.argv[1])
            return name(), plg.Add(2, 3), again is plg
        in_child(use)
        print(name())
        """
        expected = ["('child', 5, True)", "child: 0", "world"]
        assert expected == lines(run_python, code, c_plugin("greeter"))

    def test_new_plugin(self, c_plugin: CPlugin, run_python: RunPython) -> None:
        """The child opens plugins of its own, and the parent others."""
        code = """
        first, second = sys.argv[1:]
        nativeplug.open(first)
        in_child(lambda: nativeplug.open(second).get_int32())
        print(nativeplug.open(second).get_int32())
        """
        printed = lines(run_python, code, c_plugin("greeter"), c_plugin("variables"))
        assert ["-32", "child: 0", "-32"] == printed


class TestLocks:
    """A child does not wait for threads that it has not."""

    HOLD = """
        started = threading.Event()
        def hold(*locks):
            for lock in locks:
                lock.acquire()
            started.set()
            threading.Event().wait()
        plg = nativeplug.open(sys.argv[1])
    """

    @pytest.mark.parametrize(
        "lock",
        [
            "nativeplug.runtime.symbols._lock",
            "nativeplug.runtime.registry.registry._lock",
            "nativeplug.runtime.registry.registry._placing",
            "nativeplug.runtime.history._lock",
            "plg._updates._lock",
            "plg._updates.history._lock",
            "cffi.cparser.lock",
        ],
    )
    def test_held_by_a_thread(self, c_plugin: CPlugin, run_python: RunPython, lock: str) -> None:
        """Locks that another thread held at fork() are free in the child."""
        code = f"""
        import cffi.cparser, nativeplug.runtime.registry, nativeplug.runtime.history
        threading.Thread(target=hold, args=({lock},), daemon=True).start()
        started.wait()
        def use():
            plg.update()
            plg.close()
            again = nativeplug.open(sys.argv[1])
            nativeplug.open(sys.argv[1], f"typedef struct {{{{ int x; }}}} T{{os.getpid()}};")
            return again.lookup("GetName")(), again is plg, hasattr(again, "qqqq")
        in_child(use)
        os._exit(0)
        """
        printed = lines(run_python, self.HOLD + code, c_plugin("greeter"))
        assert ["('world', False, False)", "child: 0"] == printed

    def test_load_under_way(self, gated: tuple[Path, Gate], run_python: RunPython) -> None:
        """A plugin that another thread was loading at fork() is loaded in the child anew."""
        code = """
        from gates import Gate, background
        gate, use = Gate(), lambda: nativeplug.open(*sys.argv[1:]).constructed()
        os.environ["NATIVEPLUG_GATE"] = f"{gate.arrived} {gate.opened}"
        with background(use) as (loading,):
            gate.wait()
            del os.environ["NATIVEPLUG_GATE"]
            in_child(use)
            print(loading.done())
            gate.open()
        print(loading.result())
        """
        done = run_python(PRELUDE + code, gated[0], GATED_CONSTRUCTOR_DECLARED, env=GATES)
        assert (["1", "child: 0", "False", "1"], "") == (done.stdout.splitlines(), done.stderr)

    @pytest.mark.slow
    def test_busy_parent(self, c_plugin: CPlugin, run_python: RunPython) -> None:
        """Children of a parent whose threads open, look up and close all come to an end."""
        code = """
        stop = threading.Event()
        def work(path, number):
            def use():
                with nativeplug.open(path, f"int f{number}(void);") as plg:
                    attempt(lambda: plg.lookup("GetName"))
                    attempt(lambda: plg.qqqq)
            while not stop.wait(0.01):
                attempt(use)  # the other may have closed it meanwhile
        # What is imported on first use: Python itself leaves a module that is being imported
        # locked in the child.
        attempt(lambda: nativeplug.open(sys.argv[1], "typedef struct { int x; } T;").qqqq)
        for number in range(2):
            threading.Thread(target=work, args=(sys.argv[2], number), daemon=True).start()
        def use():
            other = nativeplug.open(sys.argv[2], "int32_t get_int32(void);")
            return attempt(lambda: plg.Add(2, 3)), other.get_int32()
        for _ in range(5):
            in_child(use)
        stop.set()
        """
        printed = lines(run_python, self.HOLD + code, c_plugin("greeter"), c_plugin("variables"))
        assert ["(5, -32)", "child: 0"] * 5 == printed


def test_closed_plugin(build_c: BuildC, run_python: RunPython) -> None:
    """A plugin that was closed before fork() is closed in the child."""
    code = """
        plg = nativeplug.open(sys.argv[1], "int one(void);")
        one = plg.one
        plg.close()
        in_child(lambda: (attempt(one), plg.closed, nativeplug.open(sys.argv[1]).closed))
    """
    path = build_c("int one(void) { return 1; }")
    assert ["('ClosedError', True, False)", "child: 0"] == lines(run_python, code, path)
