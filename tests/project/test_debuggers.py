"""Debuggers and profilers, which are other processes, find what is mapped by its name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nativeplug.elf.elffile import ElfFile
from support import BuildC

pytestmark = pytest.mark.slow

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
const char *place(void) { Dl_info info; return dladdr((void *)place, &info) ? info.dli_fname : ""; }
static char inner(void) { char byte = 0; prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    (void)!write(1, "\\n", 1);
    return read(0, &byte, 1) == 1 ? byte : 0; }
char outer(void) { return inner(); }
"""
_LINE = 10  # of read()
_PROGRAM = """
import sys, nativeplug
plg = nativeplug.open(sys.argv[1], "const char *place(void); char outer(void);")
print(plg.place(), end="", flush=True)
plg.outer()
"""
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture(params=["store", "beside others", "memory"])
def plugin(request: pytest.FixtureRequest, build_c: BuildC, tmp_path: Path) -> tuple[Path, str]:
    """Give a plugin, and the cache directory with which its copy is of a kind."""
    flags = ["-Wl,-rpath,$ORIGIN"] if request.param == "beside others" else []
    path = build_c(_SOURCE, "plugin", "-g", "-O0", "-Wl,--build-id", *flags)
    if request.param == "store":  # too many neighbours to be linked
        for number in range(300):
            (tmp_path / str(number)).touch()
    return path, "/proc/nowhere" if request.param == "memory" else str(tmp_path / "cache")


@pytest.fixture
def waiting(plugin: tuple[Path, str]) -> Iterator[tuple[int, str]]:
    """Give a process that waits in the plugin's code, and the name of the plugin's copy there."""
    path, cache = plugin
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NATIVEPLUG_CACHE_DIR": cache},
    ) as process:
        assert process.stdout is not None
        yield process.pid, process.stdout.readline().decode().rstrip("\n")
        process.communicate(b"x")


def read_elsewhere(path: str) -> bytes:
    """
    Read a file in a process of its own, as a debugger does.

    Of a path through /proc/self that would be one of its own files, perhaps a pipe without an end.
    """
    command = [sys.executable, "-c", "import sys; print(open(sys.argv[1], 'rb').read().hex())"]
    found = subprocess.run(
        [*command, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    return bytes.fromhex(found.stdout.decode())


def test_found_by_its_name(plugin: tuple[Path, str], waiting: tuple[int, str]) -> None:
    """The name by which dladdr(3) and the loader's list know it leads others to the same file."""
    _, name = waiting
    build_id = ElfFile.of(plugin[0].read_bytes()).build_id()
    assert build_id is not None
    assert build_id == ElfFile.of(read_elsewhere(name)).build_id()


def test_found_by_its_mapping(waiting: tuple[int, str]) -> None:
    """What /proc/PID/maps shows is that name, unless the copy is in memory: perf looks there."""
    pid, name = waiting
    maps = Path(f"/proc/{pid}/maps").read_text()
    shown = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "plugin.so" in line}
    assert {"/memfd:plugin.so (deleted)" if name.startswith("/proc/") else name} == shown


def backtrace(*arguments: str | Path) -> list[tuple[str, str]]:
    """Return the plugin's functions, with their lines, that gdb shows."""
    command = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", *arguments]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = found.stdout.decode()
    return re.findall(r"(inner|outer) \(\) at .*plugin\.c:(\d+)", text[text.rindex("#0") :])


def test_gdb_attaches(waiting: tuple[int, str]) -> None:
    """
    Where there is gdb, it attaches, and shows the plugin's functions with their lines.

    What it needs for that is what the tests above assert, which run everywhere.
    """
    if shutil.which("gdb") is not None:
        pid, _ = waiting
        expected = [("inner", str(_LINE)), ("outer", str(_LINE + 1))]
        assert expected == backtrace("-p", str(pid), "-ex", "bt")


def test_gdb_runs(plugin: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """So it does with a program that it starts itself, and stops in the plugin."""
    if shutil.which("gdb") is not None:
        path, cache = plugin
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", cache)
        stop = ["-ex", "set breakpoint pending on", "-ex", "break inner", "-ex", "run", "-ex", "bt"]
        program: list[str | Path] = ["--args", sys.executable, "-c", _PROGRAM, path]
        assert ["inner", "outer"] == [name for name, _ in backtrace(*stop, *program)]
