"""What importing nativeplug costs."""

from __future__ import annotations

import pytest

from support import BuildC, CPlugin, RunPython

HEAVY = {"pycparser", "elftools", "cryptography", "click", "rich"}
CODE = """
    import sys
    before = set(sys.modules)
    {code}
    print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def imported(run_python: RunPython, code: str, *args: object) -> set[str]:
    """Return the packages that *code* imports in a fresh process."""
    done = run_python(CODE.format(code=code), *args)
    assert "" == done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import nativeplug", "import nativeplug; nativeplug.open"])
def test_light(run_python: RunPython, code: str) -> None:
    """Importing nativeplug, and asking for its public names, imports nothing heavy."""
    packages = imported(run_python, code)
    assert "nativeplug" in packages
    assert set() == packages & HEAVY


def test_opening(run_python: RunPython, c_plugin: CPlugin) -> None:
    """Opening a plugin whose declarations were parsed before imports nothing heavy either."""
    code = "import nativeplug; nativeplug.open(sys.argv[1]).GetName()"
    path = c_plugin("greeter")
    imported(run_python, code, path)
    assert set() == imported(run_python, code, path) & HEAVY


# What interfaces, policies, types in files, texts not read before, probes and messages need.
LATE = {
    "logging",
    "nativeplug.abi",
    "nativeplug.declare.preprocess",
    "nativeplug.elf.dwarf",
    "nativeplug.interface",
    "nativeplug.loader.child",
    "nativeplug.trust.verify",
}


def test_ordinary_opening(run_python: RunPython, build_c: BuildC) -> None:
    """A program that opens a plugin and calls it imports what that takes, and no more."""
    path = build_c("int one(void) { return 1; }", "plugin", "-g0")
    code = """
        import sys, nativeplug
        if "checked" in sys.argv:
            nativeplug.set_policy(nativeplug.Policy(hardening={"nx"}))
        assert 1 == nativeplug.open(sys.argv[1], "int one(void);").one()
        print(*sys.modules)
    """
    run_python(code, path)  # which keeps the declarations
    assert set() == {*run_python(code, path).stdout.split()} & LATE
    assert "nativeplug.trust.verify" in run_python(code, path, "checked").stdout.split()


def test_would_notice(run_python: RunPython) -> None:
    """The command line, which does import them, shows that they would be seen."""
    code = "from nativeplug.cli import console; console.console()"
    assert {"click", "rich"} <= imported(run_python, code)


def test_no_threads(run_python: RunPython) -> None:
    """Importing nativeplug starts no thread and writes nothing."""
    done = run_python("import nativeplug.runtime, threading; print(threading.active_count())")
    assert ("1\n", "") == (done.stdout, done.stderr)
