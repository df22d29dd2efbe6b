"""Run the test suite on every supported Python of this machine; ``make test-all`` calls it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

ran: list[str] = []


def candidates(version: str) -> list[str]:
    """
    List the programs that may be Python *version*: on ``PATH``, then what pyenv keeps off it.

    A pyenv shim stands on ``PATH`` for every version, and fails for those that are not selected.
    """
    name = f"python{version}"
    folders = os.environ["PATH"].split(os.pathsep)
    found = [path for folder in folders if (path := shutil.which(name, path=folder))]
    roots = [Path(folder).parent for folder in folders if Path(folder).name == "shims"]
    roots.append(Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser())
    return found + [str(path) for root in roots for path in root.glob(f"versions/*/bin/{name}")]


def works(program: str, version: str) -> bool:
    """
    Tell whether *program* runs, is Python *version*, and can compile extensions.
    """
    probe = (
        "import os, sys, sysconfig; print('%d.%d' % sys.version_info[:2], "
        "os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))"
    )
    try:
        answer = subprocess.run(
            [program, "-c", probe], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.split() == [version, "True"]


def interpreters() -> dict[str, str]:
    """
    Find one working program for each version that this machine has.
    """
    found = {}
    for version in VERSIONS:
        working = (path for path in candidates(version) if works(path, version))
        if program := next(working, None):
            found[version] = program
    return found


PROGRAMS = interpreters()
# nox asks the PATH for "python3.12": let it meet those that work before those that do not.
os.environ["PATH"] = os.pathsep.join(
    [*(str(Path(program).parent) for program in PROGRAMS.values()), os.environ["PATH"]]
)


def build_requires() -> list[str]:
    """
    Read what a build needs (by hand: Python 3.10 has no tomllib).
    """
    text = Path("pyproject.toml").read_text(encoding="utf-8")
    match = re.search(r"^requires = \[(.*)\]", text, re.MULTILINE)
    return re.findall(r'"([^"]+)"', match[1]) if match else []


@nox.session(python=list(VERSIONS))
def tests(session: nox.Session) -> None:
    """
    Install the package as a user does, and run the test suite on it.
    """
    shutil.rmtree("build", ignore_errors=True)  # setuptools packs also what it finds there
    # Without build isolation a second run needs no network.
    session.install(*build_requires())
    session.install("--no-build-isolation", ".[cli,go,test]")
    session.notify("report")
    session.run("pytest", *session.posargs, env={"NATIVEPLUG_FORBID_SKIPS": "1"})
    ran.append(str(session.python))


@nox.session(python=False)
def report(session: nox.Session) -> None:
    """
    Print on which versions the tests passed, and which this machine lacks.
    """
    missing = [version for version in VERSIONS if version not in PROGRAMS]
    session.log(f"passed on Python: {', '.join(ran) or 'none'}")
    session.log(f"not on this machine: {', '.join(missing) or 'none'}")
