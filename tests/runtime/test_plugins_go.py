"""What Go plugins do for a program: shared work, real work, several versions of one module."""

from __future__ import annotations

import json
import re
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

import nativeplug
from gates import at_once
from support import CPlugin, RunPython

WORD = re.compile(r"[a-z]+")


def real_text() -> list[dict[str, str]]:
    """Return some megabytes of text that people wrote: Python's own library."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return [
        {"id": path.name, "text": path.read_text(encoding="ascii", errors="ignore")}
        for path in files
    ]


class TestJson:
    """JSON in, JSON out."""

    def test_megabytes(self, go_plugin: CPlugin) -> None:
        """Megabytes of JSON go into Go's standard library and come back counted right."""
        plg = nativeplug.open(go_plugin("jsonwork"), free={"WordCounts": "Release"})
        documents = real_text()
        text = json.dumps(documents)
        assert 3_000_000 < len(text)
        result = plg.WordCounts(text)
        assert result.r1 is None
        statistics = json.loads(result.r0)
        words = Counter(
            word for document in documents for word in WORD.findall(document["text"].lower())
        )
        assert len(documents) == statistics["documents"]
        assert words == {count["word"]: count["count"] for count in statistics["counts"]}

    def test_failure_is_a_result(self, go_plugin: CPlugin) -> None:
        """A Go error comes back as the second result."""
        plg = nativeplug.open(go_plugin("jsonwork"), free={"WordCounts": "Release"})
        statistics, failure = plg.WordCounts("[{")
        assert statistics is None
        assert "unexpected" in failure

    def test_failure_is_an_out_parameter(self, go_plugin: CPlugin) -> None:
        """A Go error is written through a ``char **``, and the plugin's function frees it."""
        plg = nativeplug.open(go_plugin("jsonwork"))
        failure = plg.ffi.new("char **")
        assert plg.WordCountsInto("no json", failure) is None
        assert b"invalid character" in plg.ffi.string(failure[0])
        plg.Release(failure[0])


class TestGoroutines:
    """Goroutines that share one computation."""

    def test_threads_and_goroutines_share(self, go_plugin: CPlugin) -> None:
        """Many threads, each with many goroutines, cause one computation."""
        plg = nativeplug.open(go_plugin("goroutines"))
        plg.Forget()
        before = plg.Runs()
        sums = at_once(*[lambda: plg.SharedSum(10_000, 50)] * 8)
        assert [50 * 10_000 * 10_001 // 2] * 8 == sums
        assert 1 == plg.Runs() - before


class TestVersions:
    """Two plugins that use different versions of one module."""

    def test_side_by_side(self, go_plugin: CPlugin) -> None:
        """Both versions work in one process, each with its own behaviour."""
        free = {"Version": "free"}
        one = nativeplug.open(go_plugin("versions/one"), free=free)
        two = nativeplug.open(go_plugin("versions/two"), free=free)
        assert ("v0.1.0", 6.0) == (one.Version(), one.Area(2, 3))
        assert ("v0.2.0", pytest.approx(4.712, abs=0.001)) == (two.Version(), two.Area(2, 3))


class TestEnvironment:
    """What Go sees of what Python has changed."""

    CODE = """
        import os, sys, nativeplug
        os.environ["BEFORE"] = "1"
        released = {"Getenv": "free", "GetenvOfC": "free"}
        plg = nativeplug.open(sys.argv[1], free=released)
        os.environ["AFTER"] = "2"
        names = ("BEGUN", "BEFORE", "AFTER")
        print([plg.Getenv(name) for name in names])
        print([plg.GetenvOfC(name) for name in names])
        for name, value in os.environ.items():
            plg.Setenv(name, value)
        print([plg.Getenv(name) for name in names])
    """

    def test_told(self, go_plugin: CPlugin, run_python: RunPython) -> None:
        """Go sees what the process began with; the rest through C, or once it is told."""
        done = run_python(self.CODE, go_plugin("environment"), env={"BEGUN": "0"})
        whole = "['0', '1', '2']"
        assert ["['0', '', '']", whole, whole] == done.stdout.splitlines(), done.stderr
