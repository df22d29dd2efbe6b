"""How a thread computes stays as it was, whatever constructors and destructors alter."""

from __future__ import annotations

import platform

import pytest

import nativeplug
from nativeplug.checking.binary import check_floats
from samples import FLUSH
from support import Compile, load_generation
from versions import Versions

#: Alters all of it: rounding, denormals, and on x86-64 the precision of long double.
ALTER = f"""
#include <fenv.h>
static void alter(void) {{
    fesetround(FE_UPWARD);
    {{ {FLUSH} }}
#ifdef __x86_64__
    unsigned short word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    word &= ~0x300; /* 24 bits, as crtprec32.o does */
    __asm__ volatile("fldcw %0" : : "m"(word));
#endif
}}
"""
CONSTRUCTOR = "__attribute__((constructor)) static void begin(void) { alter(); }"
DESTRUCTOR = "__attribute__((destructor)) static void end(void) { alter(); }"
#: Tells what the thread has, as numbers that differ once it is altered.
ASKING = """
#include <fenv.h>
double tiny(void) { volatile double number = 1e-310; return number / 2; }
double sum(void) { volatile double number = 1e-20; return number + 1; }
int precise(void) {
    volatile long double number = 1;
    return number + 0x1p-60L - number == 0x1p-60L;
}
"""
ASKING_DECLARED = "double tiny(void); double sum(void); int precise(void);"


@pytest.fixture(scope="module")
def asking(compile_c: Compile) -> nativeplug.Plugin:
    """Give a plugin that tells how the thread computes."""
    return nativeplug.open(compile_c(ASKING), ASKING_DECLARED)


def is_usual(asking: nativeplug.Plugin) -> bool:
    """Tell whether this thread computes as ever."""
    return (5e-311, 1.0, 1) == (asking.tiny(), asking.sum(), asking.precise())


def test_altered(asking: nativeplug.Plugin, compile_c: Compile) -> None:
    """The test sees what a constructor alters: a plain call is left to do so."""
    plg = nativeplug.open(
        compile_c(
            f"{ALTER} void f(int back) {{ if (back) fesetenv(FE_DFL_ENV); else alter(); }}", "-lm"
        ),
        "void f(int back);",
    )
    assert is_usual(asking)
    plg.f(0)
    try:
        found = asking.tiny(), asking.sum() > 1, asking.precise()
    finally:
        plg.f(1)
    is_x86 = platform.machine() == "x86_64"
    assert (0.0, True, 0 if is_x86 else 1) == found
    assert is_usual(asking)


def test_open(asking: nativeplug.Plugin, compile_c: Compile) -> None:
    """The constructors of a first version alter nothing."""
    nativeplug.open(compile_c(f"{ALTER}{CONSTRUCTOR}", "-lm"))
    assert is_usual(asking)


def test_update(asking: nativeplug.Plugin, versions: Versions) -> None:
    """Nor do those of an update."""
    versions.put(1)
    plg = versions.open(probe=False)
    versions.put(2, ALTER + CONSTRUCTOR, "-lm")
    assert "updated" == plg.update()
    assert is_usual(asking)


def test_unload(asking: nativeplug.Plugin, compile_c: Compile) -> None:
    """Nor do destructors."""
    loaded = load_generation(compile_c(ALTER + DESTRUCTOR, "-lm"))
    assert loaded.unload() is None
    assert is_usual(asking)


class TestCheck:
    """``nativeplug check`` finds it in the file, where that has names of static functions."""

    def test_finding(self, compile_c: Compile) -> None:
        """A constructor of crtfastmath.o's name is a finding, whichever linker brings it."""
        name = "__attribute__((constructor)) static void set_fast_math(void)"
        data = compile_c(f"{name} {{ {FLUSH} }}").read_bytes()
        found = check_floats(data)
        text = (
            "it is linked with -ffast-math: its constructor makes denormal numbers zero, in the "
            "thread that loads it"
        )
        assert ("finding", (text,)) == (found.verdict, found.texts)
        assert found.offset is not None
        assert b"set_fast_math\0" == data[found.offset : found.offset + 14]

    def test_none(self, compile_c: Compile) -> None:
        """A plugin that only speaks of it has nothing."""
        found = check_floats(compile_c('const char *text = "set_fast_math";').read_bytes())
        assert "ok" == found.verdict

    def test_stripped(self, compile_c: Compile) -> None:
        """Where the names are gone the probe has to tell."""
        found = check_floats(compile_c("int x;", "-s").read_bytes())
        assert "not checked" == found.verdict
