"""What a Go plugin does with the program's signals: docs/go.md says how to live with it."""

from __future__ import annotations

import pytest

from support import Compile, CPlugin, RunPython, needs_go

INTERRUPTED = """
    import signal, sys, threading, nativeplug
    plg = nativeplug.open(sys.argv[1])

    def is_interrupted(wait=lambda: None):
        try:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            wait()
        except KeyboardInterrupt:
            return True
        return False

    print(is_interrupted())
    plg.Notify()
    print(is_interrupted(plg.Wait))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(is_interrupted())
"""
FAULTS = """
    import faulthandler, sys, nativeplug
    faulthandler.disable()
    if sys.argv[3] == "before":
        faulthandler.enable()
    plg = nativeplug.open(sys.argv[1])
    if sys.argv[3] == "after":
        faulthandler.enable()
    print(plg.Fault(), flush=True)
    nativeplug.open(sys.argv[2], "int crash(void);").crash()
"""


@needs_go
def test_interrupt(go_plugin: CPlugin, run_python: RunPython) -> None:
    """Ctrl-C is Python's, until Go's signal.Notify takes it; signal.signal() takes it back."""
    done = run_python(INTERRUPTED, go_plugin("signals"))
    assert ("True\nFalse\nTrue\n", "") == (done.stdout, done.stderr)


@needs_go
@pytest.mark.parametrize(("enabled", "recovered"), [("before", "1\n"), ("after", "")])
def test_faulthandler(
    go_plugin: CPlugin,
    compile_c: Compile,
    run_python: RunPython,
    enabled: str,
    recovered: str,
) -> None:
    """Enabled before Go is loaded, both work; after, it takes from Go what Go recovers from."""
    crash = compile_c("int crash(void) { return *(volatile int *)0; }")
    done = run_python(FAULTS, go_plugin("signals"), crash, enabled)
    assert recovered == done.stdout
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert 0 > done.returncode
