"""What importing nativeplug costs."""

from __future__ import annotations

import pytest

from support import CPlugin, RunPython

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


def test_would_notice(run_python: RunPython) -> None:
    """The command line, which does import them, shows that they would be seen."""
    code = "from nativeplug.cli import console; console.console()"
    assert {"click", "rich"} <= imported(run_python, code)


def test_no_threads(run_python: RunPython) -> None:
    """Importing nativeplug starts no thread and writes nothing."""
    done = run_python("import nativeplug.runtime, threading; print(threading.active_count())")
    assert ("1\n", "") == (done.stdout, done.stderr)
