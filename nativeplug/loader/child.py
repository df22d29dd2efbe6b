"""
A Python program in a process of its own: for what may end its process, or never end.

Nothing of this process goes along but the environment: the child is started by posix_spawn(3),
which runs none of this process's code in it, in a session of its own, by whose number all that
it starts is killed. Whatever the child does, the wait for it has an end, and what it has to say
is in a file, not in a pipe: that can be read though nobody else can tell how it has ended.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from io import FileIO
from typing import IO, TYPE_CHECKING, Final

from _cffi_backend import FFI

from nativeplug._dl import ffi, lib
from nativeplug.loader import private_copy
from nativeplug.loader.child_programs import path_of

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

#: The descriptors by which a child finds its data, and writes its answer.
DATA: Final = 3
ANSWER: Final = 4

#: How often to look whether a child has ended, in seconds: at once after something has come from
#: it, and then less and less. The end of its messages comes with its own, so this is seldom.
_FIRST, _LAST = 0.0005, 0.01
#: How long a killed child may take to be gone: a system call may hold it.
_GRACE = 5.0
#: How much of a child's messages is kept: the last of them.
_KEPT = 8192
#: What a pipe has room for, pipe(7).
_PIPE = 1 << 16


class ChildError(Exception):
    """No child could be started; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child has left."""

    #: What it wrote to `ANSWER`.
    output: bytes
    #: The last that it wrote to standard error.
    errors: bytes
    #: How it ended, in words.
    ending: str
    #: The same, if it did not end with status 0; None also where nobody can tell, because the
    #: program ignores SIGCHLD or reaps what it has not started. Then the output has to say it.
    death: str | None

    @property
    def last_words(self) -> str:
        """
        The last line that it wrote to standard error, or of Go's the one before the stacks.

        Empty if there is none.
        """
        text = self.errors.decode(errors="replace")
        lines = [line for each in reversed(text.split("\n")) if (line := each.strip())]
        return next(filter(_is_of_go, lines), lines[0] if lines else "")


def run(program: str, *arguments: object, data: File | int = b"", seconds: float) -> Ended:
    """
    Run a Python program in a process of its own, and wait for its end; other threads run meanwhile.

    It has the standard library alone, and no output but descriptor `ANSWER`. It and all that it
    has started are killed at the end, but for what has left its session. Safe to call from
    several threads.

    Args:
        program: The path of a Python file, whose function ``main`` is called.
        arguments: What ``main`` is called with, as texts.
        data: What it can read from descriptor `DATA`; or a descriptor, which is borrowed, to
            have in its place.
        seconds: How long it may take.

    Raises:
        ChildError: It cannot be started.
    """
    python = _find_python()
    if not os.path.exists(program):
        words = "is missing: ship the files of nativeplug/loader/child_programs"
        raise ChildError(f"{program!r} {words}")
    line = [
        python,
        "-I",
        "-S",
        "-B",
        path_of("start"),
        str(os.getpid()),
        program,
        *map(str, arguments),
    ]
    try:
        with contextlib.ExitStack() as stack:
            answer = stack.enter_context(_file(b""))
            if not isinstance(data, int):
                data = stack.enter_context(_file(data)).fileno()
            # C writes the number itself: Ctrl-C may come before its answer has reached Python.
            pid = ffi.new("int *")
            in_time = False
            try:
                errors = _start(python, line, data, answer.fileno(), pid, stack)
                in_time = _has_ended_within(seconds, pid[0], errors)
            finally:
                status = _end(pid[0]) if pid[0] else None
            errors.read(0)
            answer.seek(0)
            ending, death = _describe(status, None if in_time else seconds)
            return Ended(answer.read(), bytes(errors.kept), ending, death)
    except OSError as error:
        raise ChildError(f"cannot start Python {python!r}: {error.strerror}") from None


def _find_python() -> str:
    """Return the path of a Python: the one that multiprocessing starts, or the one that runs."""
    # Not imported for that: whoever has told it another one has imported it.
    find = getattr(sys.modules.get("multiprocessing.spawn"), "get_executable", lambda: None)
    own, told = sys.executable or "", os.fsdecode(find() or "")
    is_frozen = getattr(sys, "frozen", False)  # then it is the program itself
    if told and not (is_frozen and told == own):
        return told
    if own and not is_frozen:
        return own
    reason = "sys.executable is the program itself" if is_frozen else "sys.executable is empty"
    raise ChildError(
        f"there is no Python to start: {reason}; name one with multiprocessing.set_executable(PATH)"
    )


def _file(data: File) -> IO[bytes]:
    """Return a file without a name that has these bytes in it."""
    try:
        file: IO[bytes] = open(private_copy.memory_file("nativeplug"), "w+b")  # noqa: SIM115 - returned
    except (OSError, AttributeError) as error:  # as when there is no place in memory for a copy
        if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
            raise  # the disk would not help
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115 - returned
    file.write(data)
    file.seek(0)  # and let the other process see it
    return file


class _Errors:
    """The end of what comes through a pipe."""

    def __init__(self, pipe: FileIO) -> None:
        self.kept = bytearray()
        self._pipe = pipe
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)
        self._is_over = False

    def read(self, seconds: float) -> bool:
        """Wait so long for more; tell whether anything has happened."""
        if self._is_over:
            time.sleep(seconds)
            return False
        if not self._poll.poll(seconds * 1000):
            return False
        found = self._pipe.read(_PIPE)
        self._is_over = not found
        self.kept += found or b""
        del self.kept[:-_KEPT]
        return True


def _start(  # noqa: PLR0913, PLR0917 - what a process is made of
    python: str,
    arguments: list[str],
    data: int,
    answer: int,
    pid: FFI.CData,
    stack: contextlib.ExitStack,
) -> _Errors:
    """Start a child; return its standard error, and write its number to *pid*."""
    pipe = os.pipe()
    reading = stack.enter_context(FileIO(pipe[0]))
    with FileIO(pipe[1], "w") as writing, FileIO(os.devnull, "r+") as nowhere:
        null = nowhere.fileno()
        _spawn(python, arguments, [null, null, writing.fileno(), data, answer], pid)
    return _Errors(reading)


def _spawn(program: str, arguments: list[str], descriptors: list[int], pid: FFI.CData) -> None:
    """Start a program; write its number to *pid*, where nothing is written if it cannot be."""
    argv = [ffi.new("char[]", os.fsencode(text)) for text in arguments]
    # A copy, made while no other thread of Python can change what it is of.
    environment = [*os.environb.items()]
    envp = [ffi.new("char[]", name + b"=" + value) for name, value in environment]
    given = ffi.new("int[]", descriptors)
    number = lib.np_dl_spawn(
        os.fsencode(program), _array(argv), _array(envp), given, len(descriptors), pid
    )
    if number:
        raise OSError(number, os.strerror(number))


def _array(texts: list[FFI.CData]) -> FFI.CData:
    """Return what C has for a list of texts, which are borrowed."""
    return ffi.new("char *[]", [*texts, ffi.NULL])


def _describe(status: int | None, late: float | None) -> tuple[str, str | None]:
    """
    Say how a child ended, and again if that is a death.

    Args:
        status: Its wait status; None where nobody knows that.
        late: How many seconds it was given, where it took more.
    """
    if late is not None:
        ending = f"did not end within {late:g} s and was killed"
        return ending, ending
    if status is None:
        return "ended, and nobody can tell how: SIGCHLD is ignored, or others reap", None
    code = os.waitstatus_to_exitcode(status)
    ending = f"exited with status {code}" if code >= 0 else f"killed by {_signal_name(-code)}"
    return ending, ending if code else None


def _has_ended_within(seconds: float, pid: int, errors: _Errors) -> bool:
    end, pause = time.monotonic() + seconds, _FIRST
    while not _has_ended(pid):
        rest = end - time.monotonic()
        if rest <= 0:
            return False
        # A process that it has left behind may keep the pipe open: its end is not waited for.
        pause = _FIRST if errors.read(min(rest, pause)) else min(2 * pause, _LAST)
    return True


def _has_ended(pid: int) -> bool:
    """Tell whether a child has ended; it stays to be reaped, so that its number stays its own."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it was reaped by others, or by nobody: SIGCHLD is ignored
        return True


def _end(pid: int) -> int | None:
    """
    Kill a child and its session; return its wait status, None where there is none to be had.

    The number of what was reaped by others could be that of another session by now, had all
    numbers been used since. That is taken as it is.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    end = time.monotonic() + _GRACE
    while time.monotonic() < end:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if found:
            return status
        time.sleep(_FIRST)
    return None


def _is_of_go(line: str) -> bool:
    """Tell whether a line is how a Go program says why it ends."""
    return line.startswith(("panic: ", "fatal error: "))


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        name = f"signal {number}"
    return f"{name} ({signal.strsignal(number)})"
