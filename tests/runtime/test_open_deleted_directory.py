"""Open plugins where the working directory was deleted, as under daemons and in containers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativeplug._util.directories import absolute
from samples import SEVEN
from support import BuildC, RunPython

# Its constructor says that it runs.
LOUD = (
    SEVEN
    + """
#include <stdio.h>
__attribute__((constructor)) static void load(void) { puts("loaded"); fflush(stdout); }
"""
)

CODE = """
    import os, sys, nativeplug
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir(os.getcwd())
    path, number = sys.argv[1], "int number(void);"
"""


def test_absolute_path(build_c: BuildC, run_python: RunPython) -> None:
    """An absolute path opens the plugin, once however often it is opened, and follows it."""
    code = (
        CODE
        + """
    plg = nativeplug.open(path, number, follow=True)
    print(plg.number(), plg is nativeplug.open(path), plg.following, plg.update())
    """
    )
    done = run_python(code, build_c(LOUD))
    assert ("loaded\n7 True True unchanged\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    "options",
    [
        "probe=True",
        "policy=nativeplug.Policy(refuse_writable_by_others=True)",
        "policy=nativeplug.Policy(directories=[os.path.dirname(path)])",
    ],
)
def test_checks_before_loading(build_c: BuildC, run_python: RunPython, options: str) -> None:
    """A probe and a policy work as in any other directory, and so does opening it again."""
    code = f"{CODE}\n    opened = [nativeplug.open(path, number, {options}) for _ in range(2)]"
    code += "\n    print(opened[0].number(), opened[0] is opened[1])"
    path = build_c(LOUD)
    path.parent.chmod(0o755)
    done = run_python(code, path)
    assert (0, "7 True") == (done.returncode, done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("flags", [[], ["-Wl,-rpath,$ORIGIN"]])
@pytest.mark.parametrize(
    "environment", [{}, {"NATIVEPLUG_CACHE_DIR": "relative"}, {"NATIVEPLUG_KEEP_COPIES": "{}"}]
)
def test_places_for_copies(
    build_c: BuildC,
    run_python: RunPython,
    flags: list[str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """A place for the private copy is found, whatever says where it may be."""
    env = {name: value.format(tmp_path / "kept") for name, value in environment.items()}
    code = CODE + "\n    print(nativeplug.open(path, number).number())"
    done = run_python(code, build_c(SEVEN, "seven", *flags), env=env)
    assert ("7\n", "") == (done.stdout, done.stderr)


def test_relative_place_for_copies(build_c: BuildC, run_python: RunPython) -> None:
    """Where copies are to be kept in a directory below it, the plugin is refused unloaded."""
    code = (
        CODE
        + """
    try:
        nativeplug.open(path, number)
    except nativeplug.OpenError as error:
        print(error.reason)
    """
    )
    done = run_python(code, build_c(LOUD), env={"NATIVEPLUG_KEEP_COPIES": "relative"})
    expected = (
        "no place for a private copy: 'relative': No such file or directory; "
        "NATIVEPLUG_KEEP_COPIES names it\n"
    )
    assert (expected, "") == (done.stdout, done.stderr)


def test_relative_path(build_c: BuildC, run_python: RunPython) -> None:
    """A relative path leads nowhere, which is an OpenError."""
    code = (
        CODE
        + """
    for relative in ("plugin.so", "./plugin.so", "../gone/plugin.so"):
        try:
            nativeplug.open(relative, number)
        except nativeplug.OpenError as error:
            print(error)
    """
    )
    done = run_python(code, build_c(SEVEN))
    expected = "".join(
        f"cannot open plugin '{name}': No such file or directory\n"
        for name in ("plugin.so", "./plugin.so", "../gone/plugin.so")
    )
    assert (expected, "") == (done.stdout, done.stderr)


def test_deleted_meanwhile(build_c: BuildC, run_python: RunPython) -> None:
    """A working directory that is deleted within open loads nothing, or loses nothing."""
    code = """
    import os, sys, nativeplug
    from nativeplug._util import directories
    os.mkdir("here")
    os.rename(sys.argv[1], "here/plugin.so")
    os.chdir("here")
    getcwd = os.getcwd
    def fails():
        raise FileNotFoundError(2, "No such file or directory")
    os.getcwd = fails  # as when it is deleted after the file was found in it
    try:
        nativeplug.open("./plugin.so", "int number(void);")
    except nativeplug.OpenError as error:
        print(error)
    os.getcwd = getcwd
    print(nativeplug.open("./plugin.so", "int number(void);").number())
    """
    done = run_python(code, build_c(LOUD))
    expected = "cannot open plugin './plugin.so': No such file or directory\nloaded\n7\n"
    assert (expected, "") == (done.stdout, done.stderr)


def test_absolute() -> None:
    """A relative path is one below the working directory, whose ".." stays."""
    assert os.path.join(os.getcwd(), "../a/b.so") == absolute("../a/b.so")
    assert "/a/../b.so" == absolute("/a/../b.so")
