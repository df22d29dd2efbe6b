"""Python code in a process of its own."""

from __future__ import annotations

import errno
import os
import py_compile
import signal
import socket
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from child_code import run_code, write_program
from gates import GATES, PATIENCE, wait_for
from nativeplug.loader import child
from support import RunPython, descriptors

#: Says in the answer what an expression is.
SAY = "os.write(4, repr({}).encode())"


def output_of(expression: str) -> str:
    """Return what an expression is in a child."""
    return run_code(SAY.format(expression)).output.decode()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_for_death(pid: int) -> None:
    """Wait until a process runs no more."""
    wait_for(lambda: not is_alive(pid))


class TestEnd:
    """How a child has ended is told in words."""

    @pytest.mark.parametrize(
        ("code", "ending"),
        [
            ("pass", "exited with status 0"),
            ("os._exit(127)", "exited with status 127"),
            ("sys.exit('no')", "exited with status 1"),
            ("os.kill(os.getpid(), 9)", "killed by SIGKILL (Killed)"),
            ("os.abort()", "killed by SIGABRT (Aborted)"),
            ("os.kill(os.getpid(), 40)", "killed by signal 40 (Real-time signal 6)"),
        ],
    )
    def test_ending(self, code: str, ending: str) -> None:
        """It is a death, unless it is an exit with status 0."""
        ended = run_code(code)
        assert (ending, None if ending.endswith(" 0") else ending) == (ended.ending, ended.death)

    def test_time_limit(self) -> None:
        """What does not end is killed."""
        ended = run_code("while True: pass", seconds=0.2)
        assert "did not end within 0.2 s and was killed" == ended.death

    @pytest.mark.parametrize("after", ["os._exit(3)", "os.close(2); os._exit(3)"])
    def test_left_behind(self, after: str) -> None:
        """A process that it has left behind is killed, and not waited for."""
        code = f"""
left = os.fork()
if not left:
    signal.pause()
os.write(4, str(left).encode())
{after}
"""
        ended = run_code(code)
        assert "exited with status 3" == ended.death
        wait_for_death(int(ended.output))

    def test_nobody_can_tell(self, run_python: RunPython) -> None:
        """Where SIGCHLD is ignored the answer is there all the same."""
        code = """
            import signal
            from child_code import run_code, write_program
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            codes = {"os.write(4, b'yes')": 200, "os.abort()": 200, "while True: pass": 0.5}
            for code, seconds in codes.items():
                ended = run_code(code, seconds=seconds)
                print(ended.output, ended.ending, ended.death, sep="; ")
        """
        unknown = "ended, and nobody can tell how: SIGCHLD is ignored, or others reap; None"
        late = "did not end within 0.5 s and was killed"
        expected = [f"b'yes'; {unknown}", f"b''; {unknown}", f"b''; {late}; {late}"]
        done = run_python(code, env=GATES)
        assert expected == done.stdout.splitlines(), done.stderr

    def test_held(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What cannot be killed at once, because the kernel holds it, is left."""
        reap, waited = os.waitpid, []

        def held(pid: int, _flags: int) -> tuple[int, int]:
            waited.append(pid)
            return 0, 0

        monkeypatch.setattr(child, "_GRACE", 0.01)
        monkeypatch.setattr(os, "waitpid", held)
        assert run_code("pass").death is None
        assert waited[0] == reap(waited[0], 0)[0]

    def test_interrupted(self, run_python: RunPython) -> None:
        """After Ctrl-C nothing of it stays."""
        code = """
            import os, signal
            from child_code import run_code, write_program
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                run_code(f"os.kill(parent, {signal.SIGALRM})\\nwhile True: pass")
            except KeyboardInterrupt:
                print("interrupted")
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                print("no child")
        """
        done = run_python(code, env=GATES)
        assert ["interrupted", "no child"] == done.stdout.splitlines(), done.stderr

    def test_interrupted_at_start(self, run_python: RunPython) -> None:
        """Nor where Ctrl-C comes at any step of starting it: Python may not know its number."""
        code = """
            import itertools, os, pathlib
            from child_code import write_program
            from gates import interrupted_at
            from nativeplug.loader import child

            left, program = 0, write_program(pathlib.Path("program_of_a_test.py"), "pass")
            for function in (child._spawn, child._start):
                steps = itertools.count(1)
                while interrupted_at(
                    next(steps), function.__code__, lambda: child.run(program, seconds=200)
                ):
                    try:
                        os.waitpid(-1, os.WNOHANG)
                        left += 1
                    except ChildProcessError:
                        pass
                print(next(steps) > 40)
            print(left)
        """
        assert ["True", "True", "0"] == run_python(code, env=GATES).stdout.splitlines()

    def test_parent_dies(self, run_python: RunPython) -> None:
        """It ends with the process that waits for it."""
        code = """
            import os, socket, threading
            from child_code import run_code, write_program
            ours, its = socket.socketpair()
            note = "os.write(3, b'%d' % os.getpid()); signal.pause()"
            options = {"data": its.fileno()}
            threading.Thread(target=run_code, args=(note,), kwargs=options).start()
            print(ours.recv(100).decode(), flush=True)
            os._exit(0)
        """
        wait_for_death(int(run_python(code, env=GATES).stdout))


class TestStart:
    """What a child begins with."""

    def test_data(self, tmp_path: Path) -> None:
        """It reads its data from a descriptor, or has one that it is given."""
        code = "os.write(4, os.pread(3, 100, 0))"
        assert b"data" == run_code(code, data=b"data").output
        (tmp_path / "file").write_bytes(b"of a file")
        with (tmp_path / "file").open("rb") as file:
            assert b"of a file" == run_code(code, data=file.fileno()).output
            assert not file.closed

    def test_no_files_in_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the host has no memfd, files of the disk do."""
        monkeypatch.delattr(os, "memfd_create")
        code = "os.write(4, os.pread(3, 100, 0))"
        assert b"data" == run_code(code, data=b"data").output

    def test_descriptors(self, tmp_path: Path) -> None:
        """It has its own five, and no other, though one is left open for programs."""
        with (tmp_path / "file").open("w") as file:
            os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - the name says it
            assert "['0', '1', '2', '3', '4', '5']" == output_of(
                "sorted(os.listdir('/proc/self/fd'))"
            )
        assert "'/dev/null'" == output_of("os.readlink('/proc/self/fd/0')")
        assert "'/dev/null'" == output_of("os.readlink('/proc/self/fd/1')")

    def test_no_standard_descriptors(self, run_python: RunPython, tmp_path: Path) -> None:
        """A program that has closed 0, 1 and 2 can start it, too."""
        code = """
            import os, sys
            from child_code import run_code, write_program
            os.closerange(0, 3)
            code = "os.write(2, b'error'); os.write(4, os.pread(3, 9, 0))"
            ended = run_code(code, data=b"data")
            with open(sys.argv[1], "w") as file:
                file.write(repr((ended.output, ended.errors, ended.death)))
            os._exit(0)
        """
        run_python(code, tmp_path / "told", env=GATES)
        assert "(b'data', b'error', None)" == (tmp_path / "told").read_text()

    def test_signals(self) -> None:
        """It ignores and blocks none, whatever the program does."""
        before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        try:
            code = SAY.format(
                "(signal.getsignal(signal.SIGUSR2), signal.pthread_sigmask(signal.SIG_BLOCK, []))"
            )
            output = run_code(code).output.decode()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
            signal.signal(signal.SIGUSR2, before)
        assert f"({signal.SIG_DFL!r}, set())" == output

    def test_session(self) -> None:
        """It leads a session, so that it has no terminal and can be killed with all its own."""
        assert "(True, True)" == output_of("(os.getsid(0) == os.getpid(), os.getppid() == parent)")

    def test_no_core_dump(self) -> None:
        """It leaves no core dump, and asks no program to make one."""
        hard = output_of("resource.getrlimit(resource.RLIMIT_CORE)[1]")
        soft = output_of("resource.getrlimit(resource.RLIMIT_CORE)[0]")
        assert ("0" if hard == "0" else "1") == soft

    def test_imports(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It imports from where it is told to, not from where the environment says."""
        (tmp_path / "one_of_ours.py").write_text("x = 7")
        code = f"import one_of_ours; {SAY.format('one_of_ours.x')}"
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert "ModuleNotFoundError" in run_code(code).last_words
        assert b"7" == run_code(f"sys.path += arguments; {code}", tmp_path).output

    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It has the program's environment."""
        monkeypatch.setenv("NATIVEPLUG_TEST", "gr\xfcn\udcff")
        assert r"b'gr\xc3\xbcn\xff'" == output_of("os.environb[b'NATIVEPLUG_TEST']")


class TestErrors:
    """What a child writes to standard error."""

    def test_much(self) -> None:
        """Of much the last is kept, and nothing waits for anything."""
        code = "os.write(2, b'x' * 20_000_000 + b'\\nthe end\\n\\n')"
        ended = run_code(code)
        assert (None, child._KEPT, "the end") == (ended.death, len(ended.errors), ended.last_words)

    def test_of_one_that_has_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it wrote is there though it was never waited for."""
        wait = child._has_ended_within

        def late(seconds: float, pid: int, errors: child._Errors) -> bool:
            assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return wait(seconds, pid, errors)

        monkeypatch.setattr(child, "_has_ended_within", late)
        assert "goodbye" == run_code("os.write(2, b'goodbye')").last_words

    def test_closed(self) -> None:
        """One that writes no more is waited for without haste."""
        ours, its = socket.socketpair()
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            if seconds:  # not the last look
                pauses.append(seconds)
            if len(pauses) == 8:
                ours.send(b"x")

        with ours, its, pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "sleep", sleep)
            ended = run_code("os.close(2); os.read(3, 1)", data=its.fileno())
        assert ended.death is None
        assert [child._FIRST, child._LAST] == [min(pauses), max(pauses)]
        assert sorted(pauses) == pauses

    @pytest.mark.parametrize(
        ("errors", "words"),
        [
            (b"", ""),
            (b"\n \n", ""),
            (b"one\n  two \n", "two"),
            (b"\xff", "\ufffd"),
            (b"panic: no\n\ngoroutine 1 [running]:\nmain.f()\n", "panic: no"),
            (b"fatal error: out of memory\nstack\n", "fatal error: out of memory"),
        ],
    )
    def test_last_words(self, errors: bytes, words: str) -> None:
        """The last line says the most, but where Go has printed its stacks after it."""
        assert words == child.Ended(b"", errors, "", None).last_words


class TestNoPython:
    """Where no Python can be started, that is said, with what helps."""

    def told(self) -> str:
        """Return what is said."""
        with pytest.raises(child.ChildError) as caught:
            run_code("pass")
        return str(caught.value)

    @pytest.mark.parametrize("executable", ["", None])
    def test_embedded(self, monkeypatch: pytest.MonkeyPatch, executable: str | None) -> None:
        """A program that has Python in it may not know where one is."""
        monkeypatch.setattr(sys, "executable", executable)
        monkeypatch.delitem(sys.modules, "multiprocessing.spawn", raising=False)
        assert (
            "there is no Python to start: sys.executable is empty; name one with "
            "multiprocessing.set_executable(PATH)" == self.told()
        )

    def test_frozen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A frozen program would start itself, unless multiprocessing was told a Python."""
        python = sys.executable
        spawn = ModuleType("multiprocessing.spawn")
        monkeypatch.setitem(sys.modules, "multiprocessing.spawn", spawn)
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "executable", "/opt/program")
        vars(spawn)["get_executable"] = lambda: b"/opt/program"
        assert "sys.executable is the program itself; name one" in self.told()
        vars(spawn)["get_executable"] = lambda: os.fsencode(python)
        assert "1" == output_of("1")

    def test_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The Python that multiprocessing starts is the one, though it is not there."""
        spawn = ModuleType("multiprocessing.spawn")
        vars(spawn)["get_executable"] = lambda: "/nowhere/python"
        monkeypatch.setitem(sys.modules, "multiprocessing.spawn", spawn)
        before = descriptors()
        told = "cannot start Python '/nowhere/python': No such file or directory"
        assert told == self.told()
        assert before == descriptors()

    def test_compiled(self, tmp_path: Path) -> None:
        """A program without its source runs as well."""
        source = write_program(tmp_path / "program.py", "os.write(4, b'7')")
        compiled = py_compile.compile(source, cfile=f"{source}c")
        os.unlink(source)
        assert b"7" == child.run(str(compiled), seconds=PATIENCE).output

    def test_no_program(self, tmp_path: Path) -> None:
        """A package without its Python files says that they are missing."""
        program = str(tmp_path / "program.py")
        with pytest.raises(child.ChildError) as caught:
            child.run(program, seconds=PATIENCE)
        expected = f"{program!r} is missing: ship the files of nativeplug/loader/child_programs"
        assert expected == str(caught.value)

    def test_no_more_processes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A host that has no room for a process says so."""
        full = SimpleNamespace(np_dl_spawn=lambda *_: errno.EAGAIN)
        monkeypatch.setattr(child, "lib", full)
        assert self.told().endswith(": Resource temporarily unavailable")

    @pytest.mark.parametrize("room", range(8))
    def test_no_more_descriptors(self, run_python: RunPython, room: int) -> None:
        """A process that has no descriptor left says so, and loses none."""
        code = """
            import os, pathlib, resource, sys
            from child_code import write_program
            from nativeplug.loader import child
            program = write_program(pathlib.Path("program_of_a_test.py"), "pass")
            taken, room = [], int(sys.argv[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
            try:
                while True:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                for descriptor in taken[-room:] if room else []:
                    os.close(descriptor)
            try:
                child.run(program, seconds=200)
            except child.ChildError as error:
                print(str(error).rpartition(": ")[2])
            for descriptor in range(room):
                os.dup(0)
            print("none lost")
        """
        done = run_python(code, str(room), env=GATES)
        assert ["Too many open files", "none lost"] == done.stdout.splitlines(), done.stderr


def test_threads(run_python: RunPython) -> None:
    """Many threads have their own children; no descriptor and no child stays."""
    code = """
        import os, threading
        from concurrent.futures import ThreadPoolExecutor
        from child_code import run_code, write_program
        def run(number):
            code = f"os.write(2, b'{number}'); os.write(4, os.pread(3, 9, 0))"
            ended = run_code(code, data=b"%d" % number)
            return int(ended.output), int(ended.errors), ended.death
        run(0)
        before = len(os.listdir("/proc/self/fd"))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(run, range(40)))
        print(found == [(number, number, None) for number in range(40)])
        print(len(os.listdir("/proc/self/fd")) - before)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("no child")
    """
    done = run_python(code, env=GATES)
    assert ["True", "0", "no child"] == done.stdout.splitlines(), done.stderr


def test_after_fork(run_python: RunPython) -> None:
    """A process that was forked while another thread waits for a child has children of its own."""
    code = """
        import os, socket, warnings
        from child_code import run_code, write_program
        from gates import background
        warnings.simplefilter("ignore", DeprecationWarning)
        ours, its = socket.socketpair()
        code = "os.write(3, b'x'); os.read(3, 1)"
        with background(lambda: run_code(code, data=its.fileno())) as (waiting,):
            ours.recv(1)
            forked = os.fork()
            os.write(1, run_code("os.write(4, b'done')").output + b"\\n")
            if not forked:
                os._exit(0)
            os.write(1, b"%d %d" % (os.waitpid(forked, 0)[1], waiting.done()))
            ours.send(b"x")
    """
    assert ["done", "done", "0 0"] == run_python(code, env=GATES).stdout.splitlines()
