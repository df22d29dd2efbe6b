"""Libraries that look for what lies beside them, once they are loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import nativeplug
from nativeplug.loader import dlopen, origin_dir
from support import BuildC, RunPython, load_generation, names

_LOOKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
static char path[4096];
static int read_number(const char *loaded, const char *beside)
{
    snprintf(path, sizeof path, "%s", loaded);
    strcpy(strrchr(path, '/') + 1, beside);
    FILE *file = fopen(path, "r");
    int number = -1;
    if (file != NULL) {
        (void)!fscanf(file, "%d", &number);
        fclose(file);
    }
    return number;
}
"""
_DLADDR = f"""{_LOOKS}
static const char *place(void)
{{
    Dl_info info;
    return dladdr((void *)place, &info) ? info.dli_fname : "/";
}}
int beside(void) {{ return read_number(place(), "data.txt"); }}
int above(void) {{ return read_number(place(), "../share/data.txt"); }}
"""
_ITERATE = f"""{_LOOKS}
static int look(struct dl_phdr_info *info, size_t size, void *found)
{{
    (void)size;
    ElfW(Addr) address = (ElfW(Addr))look;
    for (int at = 0; at < info->dlpi_phnum; at++) {{
        const ElfW(Phdr) *part = &info->dlpi_phdr[at];
        ElfW(Addr) start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && address >= start && address < start + part->p_memsz)
            *(const char **)found = info->dlpi_name;
    }}
    return 0;
}}
static const char *place(void)
{{
    const char *found = "/";
    dl_iterate_phdr(look, &found);
    return found;
}}
int beside(void) {{ return read_number(place(), "data.txt"); }}
int above(void) {{ return read_number(place(), "../share/data.txt"); }}
"""
_LAZY = """
#include <dlfcn.h>
#include <stddef.h>
int lead(const char *name)
{
    void *found = dlopen(name, RTLD_NOW);
    int (*work)(void) = found ? (int (*)(void))dlsym(found, "work") : NULL;
    return work ? work() : -1;
}
"""
_DECLARED = "int beside(void); int above(void);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a directory with a library and data in it, and data beside it."""
    made = tmp_path / "app/lib"
    made.mkdir(parents=True)
    (made / "data.txt").write_text("77\n")
    (made.parent / "share").mkdir()
    (made.parent / "share/data.txt").write_text("88\n")
    return made


class TestFindsItself:
    """A library that finds out where it was loaded from finds its neighbours there."""

    @pytest.mark.parametrize("text", [_DLADDR, _ITERATE], ids=["dladdr", "dl_iterate_phdr"])
    def test_data(self, text: str, build_c: BuildC, folder: Path) -> None:
        """What lies beside it, and beside its directory, is where it looks."""
        path = folder / "looks.so"
        build_c(text, "looks").rename(path)
        plg = nativeplug.open(path, _DECLARED)
        assert (77, 88) == (plg.beside(), plg.above())
        (folder / "data.txt").write_text("99\n")
        assert 99 == plg.beside()

    def test_kept(self, build_c: BuildC, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """So it is where copies are kept."""
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", str(folder.parents[1] / "kept"))
        path = folder / "looks.so"
        build_c(_DLADDR, "looks").rename(path)
        plg = nativeplug.open(path, _DECLARED)
        assert (77, 88) == (plg.beside(), plg.above())

    @pytest.mark.parametrize(
        ("place", "expected"), [("app/lib", (-1, -1)), ("app", (77, -1)), ("", (77, 88))]
    )
    def test_many_neighbours(
        self, place: str, expected: tuple[int, int], build_c: BuildC, folder: Path
    ) -> None:
        """What is in a directory of very many files is not linked for what may need nothing."""
        path = folder / "looks.so"
        build_c(_DLADDR, "looks").rename(path)
        for number in range(origin_dir._FEW):
            (folder.parents[1] / place / f"{number}.txt").touch()
        plg = nativeplug.open(path, _DECLARED)
        assert expected == (plg.beside(), plg.above())

    def test_policy(self, build_c: BuildC, folder: Path) -> None:
        """Where files are judged, it finds nothing: nobody has judged its neighbours."""
        path = folder / "looks.so"
        build_c(_DLADDR, "looks").rename(path)
        policy = nativeplug.Policy(refuse_writable_by_others=True)
        plg = nativeplug.open(path, _DECLARED, policy=policy)
        assert (-1, -1) == (plg.beside(), plg.above())

    def test_no_place(self, build_c: BuildC, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is opened by its bytes lies nowhere, and finds nothing beside it."""
        monkeypatch.chdir(folder)
        plg = nativeplug.open(build_c(_DLADDR, "looks").read_bytes(), _DECLARED)
        assert (-1, -1) == (plg.beside(), plg.above())

    def test_not_needed(self, build_c: BuildC, folder: Path) -> None:
        """A library that asks for none of this has no links beside it."""
        path = folder / "plain.so"
        build_c("int beside(void) { return 1; }", "plain").rename(path)
        loaded = load_generation(path)
        assert {"plain.so"} == names(Path(dlopen.path_of(loaded._handle)).parent)


class TestLater:
    """A library that loads its neighbours when they are needed."""

    @pytest.mark.parametrize("more", [[], ["probe"]], ids=["at once", "probed"])
    def test_by_origin(
        self, more: list[str], build_c: BuildC, folder: Path, run_python: RunPython
    ) -> None:
        """It finds them by RUNPATH and by $ORIGIN, also after the first open, and after fork()."""
        for number in (5, 6, 7):
            text = f"int work(void) {{ return {number}; }}"
            shutil.move(build_c(text, f"work{number}"), folder / f"libwork{number}.so")
        shutil.move(build_c(_LAZY, "lead", "-Wl,-rpath,$ORIGIN"), folder / "lead.so")
        code = """
            import os, sys, nativeplug
            plg = nativeplug.open(sys.argv[1], "int lead(const char *);", probe=len(sys.argv) > 2)
            print(plg.lead("libwork5.so"), plg.lead("$ORIGIN/libwork6.so"), flush=True)
            if os.fork() == 0:
                print(plg.lead("libwork7.so"))
            else:
                os.wait()
        """
        ended = run_python(code, folder / "lead.so", *more)
        assert "5 6\n7\n" == ended.stdout, ended.stderr

    def test_without_origin(self, build_c: BuildC, folder: Path) -> None:
        """A path that it makes of where it lies is found without RUNPATH as well."""
        shutil.move(build_c("int work(void) { return 8; }", "libwork"), folder / "libwork.so")
        shutil.move(build_c(_LAZY, "lead"), folder / "lead.so")
        plg = nativeplug.open(folder / "lead.so", "int lead(const char *);")
        assert 8 == plg.lead("$ORIGIN/libwork.so")

    def test_updated(self, build_c: BuildC, folder: Path) -> None:
        """A new version has surroundings of its own, and the old one keeps what it has."""
        path = folder / "looks.so"
        build_c(_DLADDR, "looks").rename(path)
        plg = nativeplug.open(path, _DECLARED, unload="when_idle")
        with plg.pin() as before:
            build_c(_DLADDR + "int more;", "looks").rename(path)
            assert "updated" == plg.update()
            assert [77, 77] == [plg.beside(), before.beside()]
