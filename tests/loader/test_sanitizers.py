"""Open plugins that are built with a sanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nativeplug.loader import sanitizers
from samples import SEVEN
from support import BuildC, RunPython

RUNTIMES = {"address": "libasan.so", "thread": "libtsan.so", "leak": "liblsan.so"}

OPEN = """
    import sys, nativeplug
    for probe in (False, True):
        try:
            plg = nativeplug.open(sys.argv[1], "int number(void);", probe=probe)
            print(plg.number())
            plg.close()
        except nativeplug.FormatError as error:
            print(error)
"""


def build(build_c: BuildC, flag: str) -> Path:
    """Build a plugin with a sanitizer."""
    return build_c(SEVEN, "plugin", f"-fsanitize={flag}")


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("address", "AddressSanitizer"),
        ("thread", "ThreadSanitizer"),
        ("leak", "LeakSanitizer"),
    ],
)
def test_refused(build_c: BuildC, run_python: RunPython, flag: str, name: str) -> None:
    """A plugin whose sanitizer would end the process is refused before it is loaded."""
    plugin = build(build_c, flag)
    done = run_python(OPEN, plugin, env={"LD_PRELOAD": ""})
    start = (
        f"cannot open plugin '{plugin}': it is built with {name} (-fsanitize={flag}), whose "
        "runtime must be in the process from its start: start the program with LD_PRELOAD set to "
        f"{RUNTIMES[flag]}."
    )
    told = done.stdout.splitlines()
    assert 2 == len(told), done.stderr
    assert [True, True] == [line.startswith(start) for line in told], done.stdout


@pytest.mark.parametrize("flag", ["address", "leak"])
def test_preloaded(build_c: BuildC, run_python: RunPython, flag: str) -> None:
    """As the message says: the plugin opens where its runtime is loaded with the program."""
    plugin = build(build_c, flag)
    asked = subprocess.run(
        ["gcc", f"-print-file-name={RUNTIMES[flag]}"], capture_output=True, text=True, check=True
    )
    options = "detect_leaks=0"
    env = {"LD_PRELOAD": asked.stdout.strip(), "ASAN_OPTIONS": options, "LSAN_OPTIONS": options}
    done = run_python(OPEN, plugin, env=env)
    assert "7\n7\n" == done.stdout, done.stderr


def test_undefined(build_c: BuildC, run_python: RunPython) -> None:
    """UndefinedBehaviorSanitizer needs nothing of the program."""
    done = run_python(OPEN, build(build_c, "undefined"), env={"LD_PRELOAD": ""})
    assert "7\n7\n" == done.stdout, done.stderr


@pytest.mark.parametrize(
    ("needed", "imports", "runtime"),
    [
        (["libc.so.6", "libclang_rt.asan-x86_64.so"], [], "libclang_rt.asan-x86_64.so"),
        (["/opt/lib/libhwasan.so.0"], ["__hwasan_init"], "/opt/lib/libhwasan.so.0"),
        (["libc.so.6"], ["__msan_init", "f"], "the path of the runtime of MemorySanitizer"),
        (["libasanity.so.1", "libubsan.so.1"], ["__asan_initial", "__ubsan_init"], None),
    ],
)
def test_told_by(needed: list[str], imports: list[str], runtime: str | None) -> None:
    """The library that is needed tells it, or else the symbol that each file calls."""
    found = sanitizers.find_missing(needed, imports)
    assert (runtime is None) is (found is None)
    assert found is None or f"LD_PRELOAD set to {runtime}, or build" in found
