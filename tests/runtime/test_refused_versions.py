"""What becomes of a version that was loaded and then refused: its destructors end no program."""

from __future__ import annotations

import pytest

import nativeplug
from support import RunPython
from versions import Versions, refused

NOT_READY = "int nativeplug_loaded(void) { return 1; }"
#: A destructor that relies on what was never set up. (abort: of a crash a sanitizer has a say.)
CRASHES = """
    static int *buffer;
    __attribute__((destructor)) static void end(void) { if (buffer == NULL) abort(); }
"""
UNPROBED = "resident (refused, and no probe has run its destructors)"


def states(plg: nativeplug.Plugin) -> list[str]:
    """Return the states of all generations."""
    return [each.state for each in plg.generations]


@pytest.mark.parametrize("hook", ["", "after_update=refuse", 'unload="when_idle"'])
def test_crashing_destructor(versions: Versions, run_python: RunPython, hook: str) -> None:
    """One whose destructors crash is never loaded, and so never unloaded: not at the end either."""
    code = f"""
        import os, sys, nativeplug
        def refuse(plg):
            raise ValueError("no")
        plg = nativeplug.open(sys.argv[1], "int64_t version(void);", {hook})
        os.rename(sys.argv[2], sys.argv[1])
        try:
            plg.update()
        except nativeplug.UpdateError as error:
            print(*error.reasons)
        print(plg.version(), len(plg.generations))
    """
    versions.put(1)
    following = versions.build(2, CRASHES)
    done = run_python(code, versions.path, following)
    told = "unloading it in a process of its own ended that: killed by SIGABRT (Aborted)"
    assert (0, [told, "1 1"]) == (done.returncode, done.stdout.splitlines()), done.stderr


def test_not_unloaded(versions: Versions, run_python: RunPython) -> None:
    """One that was loaded without a probe stays mapped until the program ends."""
    code = """
        import os, sys, nativeplug
        plg = nativeplug.open(sys.argv[1], "int64_t version(void);", probe=False)
        os.rename(sys.argv[2], sys.argv[1])
        try:
            plg.update()
        except nativeplug.UpdateError as error:
            print(*error.reasons)
        print(plg.version(), plg.generations[-1].state)
        sys.stdout.flush()
        os._exit(0)  # without destructors
    """
    versions.put(1)
    following = versions.build(2, NOT_READY + CRASHES)
    done = run_python(code, versions.path, following)
    told = "nativeplug_loaded() of the new version returned 1"
    assert [told, f"1 {UNPROBED}"] == done.stdout.splitlines(), done.stderr


def test_probed(versions: Versions) -> None:
    """One whose destructors the probe has survived is unloaded at once."""
    versions.put(1)
    plg = versions.open()
    versions.put(2, NOT_READY)
    refused(plg)
    assert ["current", "unloaded"] == states(plg)


def test_unprobed(versions: Versions) -> None:
    """Without a probe it stays mapped, whatever its destructors would do."""
    versions.put(1)
    plg = versions.open(probe=False)
    versions.put(2, NOT_READY)
    refused(plg)
    assert ["current", UNPROBED] == states(plg)


def test_reason_of_the_file(versions: Versions) -> None:
    """A reason of the file's own goes first."""
    versions.put(1)
    plg = versions.open(probe=False)
    versions.put(2, NOT_READY, "-Wl,-z,nodelete")
    refused(plg)
    assert ["current", "resident (the file says so (DF_1_NODELETE))"] == states(plg)
