"""
The command line: ``nativeplug`` and ``python -m nativeplug``.

Built on click and rich, which only the extra ``nativeplug[cli]`` installs.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDED = {"click", "rich"}


def main() -> None:
    """
    Run the command line, and end the process.

    The exit status is 0 for success; 1 for findings, of ``check`` and ``verify``; 2 where the
    command could not do its work, with one line on stderr; 130 after Ctrl-C.
    """
    try:
        from nativeplug.cli.app import app

        app(prog_name="nativeplug")  # a command imports rich when it prints
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(
            "nativeplug's command line needs click and rich: pip install 'nativeplug[cli]'\n"
        )
        sys.exit(2)
