"""
Whether somebody has a file open for writing. The kernel knows, and tells by a lease.

fcntl(2), F_SETLEASE: a read lease is refused as long as anybody, this process included, has the
file open for writing or mapped shared and writable. It is given back at once.
"""

from __future__ import annotations

import fcntl
import signal


def find_writer(descriptor: int) -> bool | None:
    """
    Tell whether somebody has a file open for writing.

    Args:
        descriptor: The file, opened for reading alone.

    Returns:
        None if the kernel does not tell: the file belongs to another user, and this process has
        no CAP_LEASE, or the file system has no leases.
    """
    try:
        # A writer that comes while there is a lease waits for its end, and the process gets a
        # signal: by default SIGIO, which would end it. SIGURG is ignored, unless it is handled
        # by who must expect it at any time (socket(7); Go's runtime).
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
