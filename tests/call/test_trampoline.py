"""The core's native calls by themselves, without Python: `csrc/core/tests/trampoline_test.c`."""

from __future__ import annotations

import subprocess

import pytest

from support import ROOT, Compile

CORE = ROOT / "csrc" / "core"


@pytest.mark.slow
def test_every_shape(compile_c: Compile) -> None:
    """Every argument of every register shape arrives, and so does the result."""
    test = f'#include "{CORE}/tests/trampoline_test.c"\n'
    program = compile_c(test, f"-I{CORE}", "-O1", f"{CORE}/trampoline.c", shared=False)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
