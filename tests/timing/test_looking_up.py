"""How long it takes to look up symbols."""

from __future__ import annotations

import pytest

from support import BuildC, RunPython

pytestmark = pytest.mark.timing


def test_many(run_python: RunPython, build_c: BuildC) -> None:
    """To list and look up two thousand symbols takes no longer than a glance."""
    text = "\n".join(f"int f{number}(void) {{ return {number}; }}" for number in range(2_000))
    header = "\n".join(f"int f{number}(void);" for number in range(2_000))
    # Without debug information, which would be read once, and kept.
    path = build_c(text, "plugin", "-g0")
    path.with_suffix(".h").write_text(header)
    code = """
        import sys, time, nativeplug
        plg = nativeplug.open(sys.argv[1])
        start = time.perf_counter()
        assert len(list(plg)) == 2_000 and plg.f1999() == 1999 and "f1000" in plg
        print(time.perf_counter() - start)
    """
    done = run_python(code, path)
    assert "" == done.stderr
    assert float(done.stdout) < 1
