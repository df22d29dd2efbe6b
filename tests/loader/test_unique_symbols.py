"""Statics of C++ templates and inline functions: one for the whole process, unless in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug.loader import copy_store, loading, private_copy
from nativeplug.loader.files import read_file
from support import Compile, RunPython, call_int, load_generation

pytestmark = pytest.mark.slow

Put = Callable[[int, Path], Path]

_CPLUSPLUS = """
#include <stdexcept>
#include <string>
template <class T> struct Of { static int value; };
template <class T> int Of<T>::value = VERSION;
inline int &counter() { static int c = 100 * VERSION; return ++c; }
inline const std::string &banner()
{
    static std::string text = "version " + std::to_string(VERSION);
    return text;
}
struct Base { virtual ~Base() = default; virtual int id() { return VERSION; } };
struct Derived : Base { int id() override { return 10 * VERSION; } };
inline Base *instance() { static Derived made; return &made; }
extern "C" {
int of_template(void) { return Of<int>::value; }
int of_inline(void) { return counter(); }
const char *text(void) { return banner().c_str(); }
int virtually(void) { return instance()->id(); }
int cast(void) { return dynamic_cast<Derived *>(instance()) != nullptr; }
int caught(void)
{
    try { return std::string("x").at(VERSION + 1); }      /* thrown in libstdc++ */
    catch (const std::out_of_range &) { return VERSION; }
}
int caught_own(void)
{
    struct Own : std::runtime_error { using std::runtime_error::runtime_error; };
    try { throw Own("own"); } catch (const std::exception &error) { return error.what()[0]; }
}
}
"""
_DECLARED = """
    int of_template(void); int of_inline(void); const char *text(void); int virtually(void);
    int cast(void); int caught(void); int caught_own(void);
"""
#: What C++ compiles to, in C: a variable that is one for the whole process.
_UNIQUE = """
__asm__(".data; .globl {0}; .type {0}, %gnu_unique_object; .size {0}, 4;"
        "{0}: .long {1}; .previous");
extern int {0};
int get_{0}(void) {{ return {0}; }}
"""


@pytest.fixture(scope="module")
def put(tmp_path_factory: pytest.TempPathFactory) -> Put:
    """Give a function that puts a version of a C++ plugin in place; each is compiled once."""
    folder = tmp_path_factory.mktemp("cplusplus")
    (folder / "plugin.cpp").write_text(_CPLUSPLUS)

    def put_in_place(version: int, target: Path) -> Path:
        made = folder / f"{version}.so"
        if not made.exists():
            command = ["g++", "-shared", "-fPIC", f"-DVERSION={version}", "-o", str(made)]
            subprocess.run([*command, str(folder / "plugin.cpp")], check=True)
        os.replace(shutil.copy(made, target.with_suffix(".new")), target)
        return target

    return put_in_place


def answers(plugin: Any) -> tuple[object, ...]:
    """Call every function."""
    return (
        plugin.of_template(),
        plugin.of_inline(),
        plugin.text(),
        plugin.virtually(),
        plugin.cast(),
        plugin.caught(),
        plugin.caught_own(),
    )


def expected(version: int, counted: int = 1) -> tuple[object, ...]:
    """Return what a fresh version answers, whose counter was asked before."""
    more = 100 * version + counted
    return version, more, f"version {version}", 10 * version, 1, version, ord("o")


class TestCPlusPlus:
    """A version of a plugin in C++ has statics of its own."""

    def test_versions(self, put: Put, tmp_path: Path) -> None:
        """After an update, a rollback, and in another plugin, the statics are the version's own."""
        path, other = put(1, tmp_path / "plugin.so"), put(3, tmp_path / "other.so")
        plugin = nativeplug.open(path, _DECLARED)
        assert expected(1) == answers(plugin)
        put(2, path)
        plugin.update()
        assert expected(2) == answers(plugin)
        assert expected(3) == answers(nativeplug.open(other, _DECLARED))
        plugin.rollback()
        assert expected(1, counted=2) == answers(plugin)

    def test_unloaded(self, put: Put, tmp_path: Path) -> None:
        """
        A version that nobody needs can be unloaded, which such symbols forbid otherwise.

        Not the plugin that brings libstdc++ into the process: that may use what the plugin has.
        """
        nativeplug.open(put(3, tmp_path / "first.so"), _DECLARED)
        path = put(1, tmp_path / "plugin.so")
        plugin = nativeplug.open(path, _DECLARED, unload="when_idle")
        assert expected(1) == answers(plugin)
        put(2, path)
        plugin.update()
        assert expected(2) == answers(plugin)
        assert ["unloaded", "current"] == [each.state for each in plugin.generations]

    def test_file_is_judged_as_it_is(self, put: Put, tmp_path: Path) -> None:
        """The file's SHA-256 is that of the file, not of the copy."""
        path = put(1, tmp_path / "plugin.so")
        content = read_file(str(path))
        assert content.file.unique
        loaded = loading.load_file(str(path), content)
        assert content.sha256 == loaded.sha256
        assert path.read_bytes() == content.data


class TestBinding:
    """Which symbols get another binding."""

    def test_changed(self, compile_c: Compile) -> None:
        """The binding of each changes in the bytes of the copy, and nothing else."""
        path = compile_c(_UNIQUE.format("one", 1) + _UNIQUE.format("two", 2))
        content = read_file(str(path))
        own = private_copy.find_own(content.data, content.file)
        data = copy_store.changed(path.read_bytes(), own)
        assert {"one", "two"} == {*content.file.unique}
        assert [*own] == [at for at in range(len(data)) if data[at] != content.data[at]]
        assert {0x11} == {data[at] for at in own}  # STB_GLOBAL, STT_OBJECT

    def test_none(self, compile_c: Compile) -> None:
        """The bytes of a plugin without such symbols are not even copied."""
        content = read_file(str(compile_c("int one = 1;")))
        assert {} == private_copy.find_own(content.data, content.file)
        data = b"bytes"
        assert data is copy_store.changed(data, {})

    def test_shared_with_library(self, compile_c: Compile, run_python: RunPython) -> None:
        """
        What a library of the plugin has, too, is one for both, and for all versions.

        What only the plugin has is each version's own, also where the first brings the library.
        """
        soname = "libnativeplug_shared.so"
        library = compile_c(_UNIQUE.format("shared", 5), f"-Wl,-soname,{soname}")
        library = library.rename(library.with_name(soname))
        versions = [
            compile_c(
                _UNIQUE.format("shared", number).replace("get_shared", "seen")
                + _UNIQUE.format("own", number)
                + "int get_shared(void); int library(void) { return get_shared(); }"
                "void put(int value) { shared = value; }",
                f"-Wl,-rpath,{library.parent}",
                str(library),
            )
            for number in (1, 2)
        ]
        code = """
            import sys, shutil, nativeplug
            first, second, third, path = sys.argv[1:]
            declared = "int seen(void); int library(void); int get_own(void); void put(int);"
            shutil.copy(first, path)
            plugin = nativeplug.open(path, declared, unload="when_idle")
            print(plugin.get_own(), plugin.seen() == plugin.library())
            plugin.put(77)
            shutil.copy(second, path)
            plugin.update()
            print(plugin.get_own(), plugin.seen(), plugin.library())
            print(plugin.generations[0].state)
        """
        place = library.parent / "plugin.so"
        ended = run_python(code, *versions, library, place)
        reason = "resident (it shares STB_GNU_UNIQUE symbols with a library)"
        assert ["1 True", "2 77 77", reason] == ended.stdout.splitlines(), ended.stderr

    @pytest.mark.parametrize("size", [1, copy_store.LARGE])
    def test_another_process(self, compile_c: Compile, run_python: RunPython, size: int) -> None:
        """A copy that another process has made, with another library, is not taken for ours."""
        soname = f"libnativeplug_other_{size}.so"
        without, shares = (
            compile_c(text + "int library(void) { return 1; }", f"-Wl,-soname,{soname}")
            for text in ("", _UNIQUE.format("shared", 5))
        )
        plugin = compile_c(
            _UNIQUE.format("shared", 1).replace("get_shared", "seen")
            + _UNIQUE.format("own", 1)
            + f"int library(void); int use(void) {{ return library(); }} char pad[{size}] = {{1}};",
            str(shares),
        )
        code = """
            import ctypes, sys, nativeplug
            ctypes.CDLL(sys.argv[1])
            print(nativeplug.open(sys.argv[2], "int seen(void);").seen())
        """
        seen = [run_python(code, library, plugin).stdout for library in (without, shares, without)]
        assert ["1\n", "5\n", "1\n"] == seen

    @pytest.mark.parametrize("number", [1, 2])
    def test_own_variable(self, compile_c: Compile, number: int) -> None:
        """Two files of one process that have one name have two variables."""
        loaded = load_generation(compile_c(_UNIQUE.format("alike", number)))
        assert number == call_int(loaded, "get_alike")
