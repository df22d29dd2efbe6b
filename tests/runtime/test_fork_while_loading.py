"""fork() and the dynamic loader's calls, which run without the GIL, exclude each other."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from gates import GATE_C, GATES
from samples import SEVEN
from support import BuildC, RunPython
from versions import FORKING

pytestmark = pytest.mark.slow

#: Forks, loads a file in the child, and gives the child's wait status. A child that waits for
#: ever is killed by its alarm.
PRELUDE = """
    import os, signal, sys, threading
    import nativeplug
    from nativeplug.loader import dlopen, files, loading

    def load(path):
        return loading.load_file(path, files.read_file(path))

    def in_child(work):
        child = os.fork()
        if not child:
            signal.alarm(60)
            work()
            os._exit(0)
        return os.waitpid(child, 0)[1]
"""
#: A constructor that calls the function at the address that the environment names.
CALLS_BACK = """
    #include <stdlib.h>
    int number(void) { return 7; }
    __attribute__((constructor)) static void construct(void) {
        const char *address = getenv("NATIVEPLUG_CALLBACK");
        if (address != NULL) ((void (*)(void))strtoull(address, NULL, 0))();
    }
"""
#: A constructor that has some work to do after a gate, and then notes in memory that it is done.
CONSTRUCTED = f"""
    #define _GNU_SOURCE
    #include <stdio.h>
    #include <stdlib.h>
    {GATE_C}
    __attribute__((constructor)) static void construct(void) {{
        int arrived, opened;
        if (sscanf(getenv("NATIVEPLUG_GATE"), "%d %d", &arrived, &opened) == 2)
            pass_gate(arrived, opened);
        for (volatile int turn = 0; turn < 1000000; turn++) {{}}
        setenv("CONSTRUCTED", "yes", 1);
    }}
"""


def printed(run_python: RunPython, code: str, *paths: Path) -> str:
    """Run code after the prelude; return what it prints."""
    whole = textwrap.dedent(PRELUDE) + textwrap.dedent(code)
    done = run_python(whole, *paths, env=FORKING | GATES)
    return done.stdout or done.stderr


def test_many(build_c: BuildC, run_python: RunPython) -> None:
    """No child waits for a lock of the loader that a thread of the parent held."""
    code = """
        path, read = sys.argv[1], files.read_file(sys.argv[1])
        def work():
            while True:
                loading.load_file(path, read).unload()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        def use():  # no more than it takes, as there are many
            dlopen.close(dlopen.open_file(path)[0])
        print({in_child(use) for _ in range(1000)}, flush=True)
        os._exit(0)
    """
    assert "{0}\n" == printed(run_python, code, build_c(SEVEN))


def test_waits(build_c: BuildC, run_python: RunPython) -> None:
    """A fork waits for a load that is under way in another thread: the child has all of it."""
    code = """
        import ctypes
        from gates import Gate, background
        find = ctypes.CDLL(None).getenv
        find.restype = ctypes.c_char_p
        gate = Gate()
        os.environ["NATIVEPLUG_GATE"] = f"{gate.arrived} {gate.opened}"
        os.register_at_fork(before=gate.open)  # comes before nativeplug's own
        with background(lambda: load(sys.argv[1])):
            gate.wait()
            print(in_child(lambda: os._exit(find(b"CONSTRUCTED") != b"yes")), flush=True)
    """
    assert "0\n" == printed(run_python, code, build_c(CONSTRUCTED))


class TestSameThread:
    """A thread does not wait for itself."""

    def test_constructor_forks(self, build_c: BuildC, run_python: RunPython) -> None:
        """A constructor that forks, by Python, comes to its end in both processes."""
        code = """
            import ctypes
            children = []
            @ctypes.CFUNCTYPE(None)
            def fork():
                del os.environ["NATIVEPLUG_CALLBACK"]
                children.append(os.fork())
            address = ctypes.cast(fork, ctypes.c_void_p).value
            os.environ["NATIVEPLUG_CALLBACK"] = str(address)
            signal.alarm(60)
            load(sys.argv[1]).unload()
            again = nativeplug.open(sys.argv[2], "int number(void);").number()
            if children == [0]:
                os._exit(again)
            print(again, os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
        """
        paths = build_c(CALLS_BACK, "forks"), build_c(SEVEN, "other")
        assert "7 7\n" == printed(run_python, code, *paths)

    def test_handler_loads(self, build_c: BuildC, run_python: RunPython) -> None:
        """So does a handler of fork() that loads something, on either side of nativeplug's own."""
        code = """
            import os, sys
            loaded = []
            def use():
                from nativeplug.loader import files, loading
                loaded.append(loading.load_file(sys.argv[1], files.read_file(sys.argv[1])))
            os.register_at_fork(before=use, after_in_child=use, after_in_parent=use)
            import nativeplug.loader.dlopen
            os.register_at_fork(before=use, after_in_child=use, after_in_parent=use)
            child = os.fork()
            if not child:
                os._exit(len(loaded))
            print(len(loaded), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
        done = run_python(code, build_c(SEVEN), env=FORKING)
        assert "4 4\n" == done.stdout, done.stderr
