"""Copies that are unmapped, and those that stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug._dl import ffi, lib
from nativeplug.errors import SymbolNotFoundError
from nativeplug.loader import dlopen, loading
from nativeplug.loader.files import read_file
from samples import SEVEN
from support import BuildC, RunPython, call_int, lies_in, load_generation


def maps() -> list[str]:
    """Return the mappings of files in this process, in their order."""
    lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    return [line for line in lines if "/" in line]


class TestUnloading:
    """A copy is unmapped, where its file can be."""

    def test_gone(self, build_c: BuildC) -> None:
        """Its mappings are gone, and it knows so."""
        before = maps()
        loaded = load_generation(build_c(SEVEN))
        assert before != maps()
        assert (None, None) == (loaded.resident, loaded.unload())
        assert before == maps()
        assert None is loaded.unload()
        assert 0 == loaded.mapped_bytes
        assert not lies_in(loaded, 0)
        assert {"number": "function"} == loaded.exports

    def test_destructors(self, build_c: BuildC, tmp_path: Path) -> None:
        """Its destructors run, and what it registered with atexit."""
        text = """
            #include <stdio.h>
            #include <stdlib.h>
            static void note(const char *text) {
                FILE *file = fopen(getenv("NATIVEPLUG_LOG"), "a");
                fputs(text, file);
                fclose(file);
            }
            static void at_exit(void) { note("exit "); }
            __attribute__((constructor)) static void begin(void) { atexit(at_exit); }
            __attribute__((destructor)) static void end(void) { note("end "); }
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NATIVEPLUG_LOG", str(tmp_path / "log"))
            assert None is load_generation(build_c(text)).unload()
        assert ["end", "exit"] == sorted((tmp_path / "log").read_text().split())

    def test_lookup(self, build_c: BuildC) -> None:
        """Nothing is looked up in it any more."""
        loaded = load_generation(build_c(SEVEN))
        loaded.unload()
        with pytest.raises(SymbolNotFoundError, match=r"^cannot use .*: its code was unloaded$"):
            loaded.address("number")
        assert not loaded.has("number")

    def test_others_stay(self, build_c: BuildC) -> None:
        """Other copies of the same file stay."""
        plugin = build_c(SEVEN)
        first, second = load_generation(plugin), load_generation(plugin)
        assert None is first.unload()
        assert 7 == call_int(second, "number")

    def test_reason(self, build_c: BuildC) -> None:
        """A file that speaks against it stays, and can be used as before."""
        loaded = load_generation(build_c(SEVEN, "plugin", "-Wl,-z,nodelete"))
        reason = "the file says so (DF_1_NODELETE)"
        assert [reason] * 3 == [loaded.resident, loaded.unload(), loaded.unload()]
        assert 7 == call_int(loaded, "number")

    def test_kept_by_the_loader(self, build_c: BuildC) -> None:
        """A copy of which the loader keeps hold is resident, and no more looked at."""
        loaded = load_generation(build_c(SEVEN))
        address = loaded.address("number")
        again = lib.np_dl_open(dlopen.path_of(loaded._handle).encode(), lib.RTLD_NOW, ffi.NULL, 0)
        assert again != ffi.NULL
        reason = "the dynamic loader keeps it mapped"
        assert [reason] * 2 == [loaded.unload(), loaded.unload()]
        assert reason == loaded.resident
        assert lies_in(loaded, address)
        assert not loaded.has("number")

    @pytest.mark.slow
    def test_many(self, build_c: BuildC) -> None:
        """A thousand updates leave no more mapped than one."""
        plugin = build_c(SEVEN)
        content = read_file(str(plugin))
        count = len(maps())
        for _ in range(1000):
            loaded = loading.load_file(str(plugin), content)
            assert 7 == call_int(loaded, "number")
            assert None is loaded.unload()
        assert len(maps()) <= count + 2  # the heap may have grown


def test_interrupted(build_c: BuildC, run_python: RunPython) -> None:
    """Ctrl-C while destructors run leaves nothing behind: what is left to do is done later."""
    path = build_c("""
        #include <signal.h>
        int number = 7;
        __attribute__((destructor)) static void end(void) { if (number == 41) raise(SIGINT); }
    """)
    code = """
        import os, sys, nativeplug
        plg = nativeplug.open(sys.argv[1], "extern int number;", unload="when_idle")
        plg.number = 41
        copy = plg._symbols.generation.copy.name
        links = os.stat(copy).st_nlink
        try:
            plg.close()
        except KeyboardInterrupt:
            plg.close()
        print(plg.generations[0].state, os.stat(copy).st_nlink - links)
        with nativeplug.open(sys.argv[1], "extern int number;") as again:
            print(again._symbols.generation.copy.name == copy)
    """
    ended = run_python(code, path)
    assert "unloaded -1\nTrue\n" == ended.stdout, ended.stderr
