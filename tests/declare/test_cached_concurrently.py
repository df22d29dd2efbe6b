"""Many threads and processes keep parsed declarations in one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gates import at_once
from nativeplug.declare import cached
from nativeplug.declare.unit import Lines, TypeDeclaration, Unit, to_line

LINE = to_line(["variable", "v", "int v", "int", False, "x.h:1:5", None])
UNIT = Unit("x.h", Lines.of([LINE]), [], {})
KEY = cached.key_of("x.h", "int v;")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file in which the unit is kept, in a directory of the test's own."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "declarations" / f"{KEY}.lines"


class TestConcurrent:
    """Writers and readers do not disturb one another."""

    def test_threads(self, cache: Path) -> None:
        """Many threads that read one text at once get the same."""
        types = [TypeDeclaration((f"struct S{i}",), f"struct S{i}", "x.h:1:1") for i in range(999)]
        unit = Unit("x.h", Lines.of([]), types, {})
        found = at_once(*[lambda: cached.load_or_parse(KEY, lambda: unit)] * 16)
        assert [unit] * 16 == found
        assert [cache] == list(cache.parent.iterdir())

    @pytest.mark.slow
    def test_processes(self, cache: Path) -> None:
        """Processes that write one file again and again, and damage it, all get what they want."""
        code = (
            "import os, sys\n"
            "from nativeplug import declare\n"
            "from nativeplug._util.directories import cache_directory\n"
            "folder = cache_directory() / 'declarations'\n"
            "for index in range(30):\n"
            "    found = declare.read('struct S { int x; }; int f(struct S s);')\n"
            "    assert found.ffi.sizeof('struct S') == 4\n"
            "    for name in os.listdir(folder):\n"
            "        if index % 3 == 0 and name.endswith('.lines'):\n"
            "            (folder / name).unlink(missing_ok=True)\n"
        )
        command = [sys.executable, "-c", code]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
        assert [(b"", 0)] * 4 == [(each.communicate()[1], each.returncode) for each in running]
        assert [] == [each for each in cache.parent.iterdir() if each.suffix != ".lines"]
        assert all(Unit.from_bytes(each.read_bytes()[32:]) for each in cache.parent.iterdir())
