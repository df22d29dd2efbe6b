"""What becomes of a process that loads a file unchecked: a child of this one, for each file."""

from __future__ import annotations

import os
import resource
import signal

from nativeplug._dl import ffi, lib

_SECONDS = 10  # of the processor, or twenty times as many, before a child is said to hang
_NOT_LOADED = 1
_DEATHS = signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL
_ASSERTED = 127  # how the dynamic loader ends a process (elf/dl-error-skeleton.c, assert)


def load(data: bytes) -> str:
    """
    Load a file in a child of this process, which must have one thread.

    Returns:
        ``loaded``, ``not loaded``, or how the child was killed.
    """
    child = os.fork()
    if not child:
        try:
            _be_child(data)
        finally:
            os._exit(_ASSERTED)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    ended = os.WEXITSTATUS(status)
    return {0: "loaded", _NOT_LOADED: "not loaded"}.get(ended, f"killed: exit status {ended}")


def _be_child(data: bytes) -> None:
    signal.alarm(20 * _SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    for number in _DEATHS:  # a sanitizer would have a say otherwise
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    copy = os.memfd_create("copy")
    os.write(copy, data)
    text = ffi.new("char[]", 256)
    name = f"/proc/self/fd/{copy}".encode()
    handle = lib.np_dl_open(name, lib.RTLD_NOW | lib.RTLD_LOCAL, text, len(text))
    os._exit(_NOT_LOADED if handle == ffi.NULL else 0)
