"""Code of a test in a child process, run as `nativeplug.loader.child` runs its programs."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path
from typing import Any

from gates import PATIENCE
from nativeplug.loader import child

_HEAD = """\
import os, resource, signal, sys
parent = os.getppid()
def main(*arguments):
"""


def write_program(path: Path, code: str) -> str:
    """
    Write a program that runs *code*; return its path.

    ``os``, ``resource``, ``signal``, ``sys``, ``parent`` (a number) and ``arguments`` are there.
    """
    path.write_text(_HEAD + textwrap.indent(textwrap.dedent(code).strip("\n"), "    ") + "\n")
    return str(path)


def run_code(code: str, *arguments: object, seconds: float = PATIENCE, **data: Any) -> child.Ended:
    """Run code in a child; see `child.run`."""
    with tempfile.TemporaryDirectory() as folder:
        program = write_program(Path(folder, "program_of_a_test.py"), code)
        return child.run(program, *arguments, seconds=seconds, **data)
