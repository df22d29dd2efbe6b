"""What child processes run, run in processes that have the whole of Python."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from child_code import write_program
from nativeplug.elf import dwarf
from nativeplug.loader import debug_info
from nativeplug.loader.child_programs import load, start
from support import BuildC, Compile, RunPython


class TestLoad:
    """The probe's process says how far it has come."""

    CODE = """
        import mmap, os, sys
        from nativeplug.loader.child_programs import load
        told = os.memfd_create("answer")
        load.main(str(told), sys.argv[1], str(os.RTLD_NOW), sys.argv[2], "200")
        print(*os.pread(told, 2, 0), os.pread(told, load.ANSWER_SIZE, 2).rstrip(b"\\0").decode())
    """

    def told(self, run_python: RunPython, *arguments: str | Path) -> list[str]:
        """Return what it says: two numbers, and the words of the dynamic loader."""
        done = run_python(self.CODE, *arguments)
        assert "" == done.stderr
        return str(done.stdout).strip().split(" ", 2)

    @pytest.mark.parametrize(("unloads", "mark"), [("0", load.RETURNED), ("1", load.UNLOADED)])
    def test_loaded(self, build_c: BuildC, run_python: RunPython, unloads: str, mark: int) -> None:
        """What was loaded is unloaded if that is asked for, and no other library is."""
        plugin = build_c("int one(void) { return 1; }")
        assert [str(mark), "0"] == self.told(run_python, plugin, unloads)

    def test_refused(self, run_python: RunPython) -> None:
        """What the dynamic loader refuses is told in its words."""
        told = self.told(run_python, "/nowhere.so", "1")
        words = "/nowhere.so: cannot open shared object file: No such file or directory"
        assert [str(load.RETURNED), "0", words] == told

    def test_altered(self, build_c: BuildC, run_python: RunPython) -> None:
        """A constructor that changes how numbers are rounded is found, and what it leaves runs."""
        plugin = build_c(
            """
            #include <fenv.h>
            #include <pthread.h>
            #include <unistd.h>
            static void *nap(void *unused) { return usleep(2000), unused; }
            __attribute__((constructor)) static void begin(void) {
                pthread_t thread;
                pthread_create(&thread, 0, nap, 0);
                pthread_detach(thread);
                fesetround(FE_UPWARD);
            }
            """,
            "plugin",
            "-pthread",
            "-lm",
        )
        found = self.told(run_python, plugin, "1")
        assert [str(load.UNLOADED), str(load.ROUNDING)] == found


def test_read_debug_info(compile_c: Compile, run_python: RunPython) -> None:
    """Debug information is written as it is kept."""
    plugin = compile_c("int one(void) { return 1; }", "-g")
    code = """
        import os, sys
        from nativeplug.loader.child_programs import read_debug_info
        data, answer = os.open(sys.argv[1], os.O_RDONLY), os.memfd_create("answer")
        read_debug_info.main(str(data), str(os.dup(answer)))
        sys.stdout.buffer.write(os.pread(answer, 1 << 20, 0))
    """
    done = run_python(code, plugin)
    assert "" == done.stderr
    assert debug_info.to_bytes(dwarf.read(plugin.read_bytes())).decode() == done.stdout


class TestStart:
    """Each program begins in the same way."""

    def test_begins(self, run_python: RunPython, tmp_path: Path) -> None:
        """The program has its arguments, leaves no core dump, and can import from elsewhere."""
        code = "print(arguments, resource.getrlimit(resource.RLIMIT_CORE)[0] in (0, 1))"
        program = write_program(tmp_path / "program_of_a_test.py", code)
        begin = """
            import os, sys
            from nativeplug.loader.child_programs import start
            path = [*sys.path]
            start.main(str(os.getppid()), *sys.argv[1:])
            print(sys.path == path)
        """
        done = run_python(begin, program, "1", "two")
        assert ["('1', 'two') True", "True"] == done.stdout.splitlines(), done.stderr

    def test_parent_has_ended(self, run_python: RunPython) -> None:
        """A child whose parent ended before does nothing."""
        code = """
            from nativeplug.loader.child_programs import start
            start.main("1234567890", "/nowhere.py")
        """
        assert 1 == run_python(code).returncode


def test_numbers() -> None:
    """The number of the signal that is written out is that of this machine."""
    assert signal.SIGKILL == start._SIGKILL
