"""Run the test suite in environments of their own; ``make test-all`` and others call it."""

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

IS_SANITIZED = """
import pathlib, nativeplug._core as core
assert b"__asan_report" in pathlib.Path(core.__file__).read_bytes(), core.__file__
"""


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
    session.run("pytest", "-n", "auto", *session.posargs, env={"NATIVEPLUG_FORBID_SKIPS": "1"})
    ran.append(str(session.python))


@nox.session
def asan(session: nox.Session) -> None:
    """
    Run the test suite on compiled modules that check themselves; ``make test-asan`` calls it.

    AddressSanitizer has to be there before Python's own memory is. Leaks are not looked for:
    an interpreter leaves much behind, and tests/call/test_leaks.py looks for ours.
    """
    shutil.rmtree("build", ignore_errors=True)  # objects without the sanitizers
    built = {"NATIVEPLUG_SANITIZE": "1", "CC": "gcc"}
    session.install(*build_requires())
    session.install("--no-build-isolation", ".[cli,go,test]", env=built)
    shutil.rmtree("build", ignore_errors=True)
    # The second one is for matplotlib, whose C++ exceptions the first one looks at.
    libraries = [runtime_library(session, name) for name in ("libasan.so", "libstdc++.so.6")]
    reports = Path(session.virtualenv.location, "report")  # pytest would keep them for itself
    settings = {
        "LD_PRELOAD": " ".join(libraries),
        # Little freed memory is kept: some tests measure how much there is.
        "ASAN_OPTIONS": f"detect_leaks=0:quarantine_size_mb=16:log_path={reports}",
        "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:log_path={reports}",
        "PYTHONMALLOC": "malloc",
        "NATIVEPLUG_FORBID_SKIPS": "1",
    }
    session.run("python", "-I", "-c", IS_SANITIZED, env=settings)
    # They count Python's objects and memory, which a sanitizer manages in its own way; the calls
    # of the first are those of tests/call/test_every_call.py.
    without = [
        "--ignore=tests/call/test_leaks.py",
        "--deselect=tests/suite/test_soak.py::test_retired",
    ]
    # These load what is sanitized into processes that are not.
    without.append("--ignore=tests/loader/test_sanitizers.py")
    try:
        session.run("pytest", *without, *session.posargs, env=settings)
    finally:
        written = [*reports.parent.glob("report.*")]
        for path in written:
            session.warn(path.read_text(errors="replace"))
            path.unlink()
    if written:
        session.error("a process of the tests made the reports above")


def runtime_library(session: nox.Session, name: str) -> str:
    """
    Find a library that gcc links programs with.
    """
    found = session.run("gcc", f"-print-file-name={name}", external=True, silent=True, log=False)
    return str(found).strip()


@nox.session(python=False)
def report(session: nox.Session) -> None:
    """
    Print on which versions the tests passed, and which this machine lacks.
    """
    missing = [version for version in VERSIONS if version not in PROGRAMS]
    session.log(f"passed on Python: {', '.join(ran) or 'none'}")
    session.log(f"not on this machine: {', '.join(missing) or 'none'}")
