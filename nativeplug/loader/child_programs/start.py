"""
The beginning of every child process: ``python -I -S start.py PARENT PROGRAM [ARGUMENT...]``.

PARENT is the number of the process that waits for it, PROGRAM the path of a Python file, whose
function ``main`` is called with the arguments.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

# Numbers of Linux, prctl(2) and signal(7): importing `signal` takes longer than all of this.
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9


def main(parent: str, program: str, *arguments: str) -> None:
    """
    Run a program in this process, which is killed when the thread that waits for it ends.

    A parent that has ended before is noticed. There is no process number 0: that is a parent in
    another namespace, pid_namespaces(7).
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() not in {0, int(parent)}:
        os._exit(1)
    _leave_no_core_dump()
    directory, name = os.path.split(program)
    sys.path.insert(0, directory)
    module = __import__(os.path.splitext(name)[0])
    sys.path.remove(directory)
    module.main(*arguments)


def _leave_no_core_dump() -> None:
    # A limit of 1 is for the kernel none, and unlike 0 it also keeps it from giving the dump to
    # a program: do_coredump() in Linux's fs/coredump.c.
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (1 if most else 0, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # Python's own end would run destructors of what was loaded
