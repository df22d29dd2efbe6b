"""Whether somebody has a file open for writing."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nativeplug.loader.files import find_writer
from support import RunPython


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / "plugin.so"
    path.write_bytes(bytes(8192))
    return path


@pytest.fixture
def descriptor(path: Path) -> Iterator[int]:
    """Give the file, open for reading."""
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


class TestWriter:
    """The kernel knows who writes."""

    def test_nobody(self, descriptor: int) -> None:
        """Of a file that nobody writes that is told, as often as it is asked."""
        assert [False, False] == [find_writer(descriptor), find_writer(descriptor)]

    @pytest.mark.parametrize("mode", ["r+b", "ab"])
    def test_this_process(self, path: Path, descriptor: int, mode: str) -> None:
        """A writer may be in this process; it counts until it closes the file."""
        with path.open(mode):
            assert find_writer(descriptor)
        assert False is find_writer(descriptor)

    def test_other_process(self, path: Path, descriptor: int) -> None:
        """Or in another one."""
        code = "import sys; file = open(sys.argv[1], 'r+b'); print('open', flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", code, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            assert b"open\n" == child.stdout.readline()
            assert find_writer(descriptor)
            child.stdin.write(b"\n")
        assert False is find_writer(descriptor)

    def test_mapping(self, path: Path, descriptor: int) -> None:
        """One that has the file mapped, as some linkers do, counts until it is unmapped."""
        with path.open("r+b") as file:
            mapping = mmap.mmap(file.fileno(), 0)
        assert find_writer(descriptor)
        mapping.close()
        assert False is find_writer(descriptor)

    def test_readers(self, path: Path, descriptor: int) -> None:
        """Who reads the file or maps it to read does not count."""
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
            assert False is find_writer(descriptor)


class TestUntold:
    """The kernel does not tell everybody, nor of each file."""

    def test_other_user(self, run_python: RunPython) -> None:
        """Of another user's file it does not tell."""
        code = """
            import os
            from nativeplug.loader.files import find_writer
            descriptor = os.open("/etc/passwd", os.O_RDONLY)  # it is root's
            user = os.geteuid() or 65534
            os.seteuid(user)  # which drops all capabilities, too
            print(find_writer(descriptor))
            os.seteuid(os.getuid())
        """
        done = run_python(code)
        assert ("None\n", "") == (done.stdout, done.stderr)

    def test_no_file(self, tmp_path: Path) -> None:
        """What is no regular file has no leases."""
        descriptor = os.open(tmp_path, os.O_RDONLY)
        assert None is find_writer(descriptor)
        os.close(descriptor)


def test_writer_comes_meanwhile(run_python: RunPython, path: Path) -> None:
    """A writer that opens the file in this very moment waits for it, and no signal ends us."""
    code = """
        import fcntl, os, sys, threading, time
        from nativeplug.loader import files
        path, call, begun = sys.argv[1], fcntl.fcntl, []
        descriptor = os.open(path, os.O_RDONLY)

        def is_breaking():
            number = os.fstat(descriptor).st_ino
            with open("/proc/locks") as locks:
                return any("BREAKING" in line and f":{number} " in line for line in locks)

        def call_slowly(descriptor, command, argument):
            result = call(descriptor, command, argument)
            if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
                begun.append(threading.Thread(target=lambda: os.open(path, os.O_WRONLY)))
                begun[0].start()
                while not is_breaking():
                    time.sleep(0.001)
            return result

        fcntl.fcntl = call_slowly
        print(files.find_writer(descriptor))
        begun[0].join()
        fcntl.fcntl = call
        print(files.find_writer(descriptor))
    """
    done = run_python(code, path)
    assert (0, "False\nTrue\n", "") == (done.returncode, done.stdout, done.stderr)
