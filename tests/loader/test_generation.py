"""A loaded copy of a plugin: its symbols, and hosts that make loading hard."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from nativeplug.errors import OpenError, SymbolNotFoundError
from nativeplug.loader import dlopen, generation, loading
from support import (
    BuildC,
    CPlugin,
    RunPython,
    call_int,
    descriptors,
    error_of,
    lies_in,
    load_generation,
    refuse,
)

NUMBER = "int number(void) { return 7; }"


@pytest.fixture(scope="module")
def greeter(c_plugin: CPlugin) -> generation.Generation:
    """Give a loaded plugin."""
    return load_generation(c_plugin("greeter"))


class TestSymbols:
    """What the file exports has an address; nothing else has."""

    def test_address(self, build_c: BuildC) -> None:
        """The address of a function can be called."""
        loaded = load_generation(build_c(NUMBER))
        assert 7 == call_int(loaded, "number")
        assert loaded.has("number")

    def test_absent(self, greeter: generation.Generation) -> None:
        """A name that is not there is an error in the loader's words about the user's file."""
        with pytest.raises(SymbolNotFoundError) as caught:
            greeter.address("qqqq")
        expected = (
            f"cannot find symbol 'qqqq' in plugin {greeter.path!r}: "
            f"{greeter.path}: undefined symbol: qqqq"
        )
        assert expected == str(caught.value)
        assert ("qqqq", greeter.path, ()) == (
            caught.value.symbol,
            caught.value.path,
            caught.value.nearest,
        )
        assert not greeter.has("qqqq")

    def test_nearest(self, greeter: generation.Generation) -> None:
        """The closest names that do exist are given, best first."""
        with pytest.raises(
            SymbolNotFoundError, match="; did you mean 'GetName' or 'Name'"
        ) as caught:
            greeter.address("GetNam")
        assert ("GetName", "Name") == caught.value.nearest

    def test_known_names_are_near(self, greeter: generation.Generation) -> None:
        """Names that the caller knows count as near ones too."""
        assert ("quixotic",) == greeter.not_found("quixotik", "no", ["quixotic"]).nearest

    @pytest.mark.parametrize("name", ["malloc", "printf"])
    def test_of_a_dependency(self, c_plugin: CPlugin, name: str) -> None:
        """What only a dependency exports is not found, and the dependency is named."""
        loaded = load_generation(c_plugin("owned_strings"))
        with pytest.raises(SymbolNotFoundError, match=r"only its dependency '.*libc\.so\.6' does"):
            loaded.address(name)
        assert not loaded.has(name)

    def test_null(self, c_plugin: CPlugin) -> None:
        """A symbol whose address is NULL is an error of its own."""
        loaded = load_generation(c_plugin("null_symbol"))
        with pytest.raises(SymbolNotFoundError, match=r"^cannot use .*: its address is NULL$"):
            loaded.address("null_symbol")
        assert not loaded.has("null_symbol")
        assert 1 == call_int(loaded, "ordinary")

    @pytest.mark.parametrize(
        "text",
        ["__thread int odd = 7;", '__asm__(".globl odd\\n.set odd, 12345\\n");'],
        ids=["thread-local", "absolute"],
    )
    def test_in_no_file(self, build_c: BuildC, text: str) -> None:
        """A variable per thread, or a number for an address, is refused: a read could crash."""
        loaded = load_generation(build_c(text))
        with pytest.raises(SymbolNotFoundError, match="its address is in no file"):
            loaded.address("odd")
        assert not loaded.has("odd")

    @pytest.mark.parametrize("name", ["", "number\0", "n\u00fcmber", "\udcff", "x" * 10_000])
    def test_odd_names(self, build_c: BuildC, name: str) -> None:
        """A name that no symbol can have is not found."""
        loaded = load_generation(build_c(NUMBER))
        with pytest.raises(SymbolNotFoundError, match="cannot find symbol"):
            loaded.address(name)

    def test_name_of_other_letters(self, build_c: BuildC) -> None:
        """A name outside of ASCII is found."""
        assert 7 == call_int(
            load_generation(build_c("int z\u00e4hler(void) { return 7; }")), "z\u00e4hler"
        )

    def test_same_names_keep_apart(self, c_plugin: CPlugin) -> None:
        """Two plugins that export the same names never see each other's."""
        assert load_generation(c_plugin("same_names_a")).address("who") != load_generation(
            c_plugin("same_names_b")
        ).address("who")

    def test_two_loads_are_two_copies(self, build_c: BuildC) -> None:
        """A file that is loaded again has variables of its own."""
        plugin = build_c("int x; int next(void) { return ++x; }")
        first, second = load_generation(plugin), load_generation(plugin)
        assert [1, 2, 1] == [
            call_int(first, "next"),
            call_int(first, "next"),
            call_int(second, "next"),
        ]


class TestExports:
    """The names that a file exports."""

    def test_names(self, greeter: generation.Generation) -> None:
        """They are the file's own, read once."""
        assert {"GetName", "Add", "Name", "Calls"} == greeter.exports.keys()
        assert greeter.exports is greeter.exports

    def test_file_gone(self, build_c: BuildC) -> None:
        """They are those of the loaded copy, whatever became of the user's file."""
        plugin = build_c(NUMBER)
        loaded = load_generation(plugin)
        plugin.unlink()
        assert {"number": "function"} == loaded.exports

    def test_no_descriptor(self, build_c: BuildC) -> None:
        """They are known without a descriptor of the copy: what is loaded has none."""
        load_generation(build_c("int first;", "first"))  # what the process has for all
        count = descriptors()
        loaded = load_generation(build_c(NUMBER))
        assert count == descriptors()
        assert {"number": "function"} == loaded.exports
        assert 7 == call_int(loaded, "number")

    def test_system_library(self) -> None:
        """A system library's are read from its file."""
        assert {"cos", "sin"} <= loading.load_system("libm.so.6").exports.keys()

    def test_system_library_without_a_file(self) -> None:
        """The vDSO is no file: its names are unknown, and to miss one is no crash."""
        loaded = loading.load_system("linux-vdso.so.1")
        assert {} == loaded.exports
        with pytest.raises(SymbolNotFoundError, match="undefined symbol: qqqq"):
            loaded.address("qqqq")


class TestFacts:
    """What a generation tells about itself."""

    def test_file(self, build_c: BuildC) -> None:
        """It is known by its file's hash, by when it was loaded and by what it takes."""
        before = datetime.now(timezone.utc)
        plugin = build_c(NUMBER)
        loaded = load_generation(plugin)
        assert hashlib.sha256(plugin.read_bytes()).hexdigest() == loaded.sha256
        assert before <= loaded.loaded_at <= datetime.now(timezone.utc)
        assert 4096 <= loaded.mapped_bytes <= 1 << 20
        assert lies_in(loaded, loaded.address("number"))
        assert not lies_in(loaded, loaded.address("number") + loaded.mapped_bytes)

    def test_system_library(self) -> None:
        """A system library is shared, and has no hash."""
        loaded = loading.load_system("libm.so.6")
        assert (None, "a system library is shared") == (loaded.sha256, loaded.resident)
        assert lies_in(loaded, loaded.address("cos"))
        assert "a system library is shared" == loaded.unload()
        assert loaded.has("cos")


class TestSystem:
    """A soname is found by the system's search."""

    def test_loads(self) -> None:
        """A library that every glibc system has loads, and is no Go library."""
        loaded = loading.load_system("libm.so.6")
        assert loaded.has("cos")
        assert ("libm.so.6", False) == (loaded.path, loaded.is_go)

    def test_parts_are_joined(self) -> None:
        """What the system split over several files is found in the one that is asked for."""
        assert loading.load_system("libm.so.6").has("malloc")

    def test_missing(self) -> None:
        """A library that is not there is an error in the loader's words."""
        with pytest.raises(OpenError) as caught:
            loading.load_system("libqqqq.so.9")
        reason = "libqqqq.so.9: cannot open shared object file: No such file or directory"
        assert f"cannot open plugin 'libqqqq.so.9': {reason}" == str(caught.value)
        assert reason == caught.value.reason

    def test_hint(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file of that name in the working directory is hinted at, not loaded."""
        monkeypatch.chdir(build_c(NUMBER, "libqqqq").parent)
        with pytest.raises(OpenError, match=r"in the working directory write '\./libqqqq\.so'$"):
            loading.load_system("libqqqq.so")

    def test_linker_script(self, tmp_path: Path, run_python: RunPython) -> None:
        """A linker script of that name is told as one, with the library that it names."""
        (tmp_path / "libqqqq.so").write_text("/* GNU ld script: libother.so.2 */\nINPUT(libm.so.6)")
        code = """
            from nativeplug import OpenError
            from nativeplug.loader.loading import load_system
            try:
                load_system("libqqqq.so")
            except OpenError as error:
                print(error.reason)
        """
        done = run_python(code, env={"LD_LIBRARY_PATH": str(tmp_path)})
        assert done.stdout.endswith("; it is a linker script: open 'libm.so.6', which it names\n")
        assert done.stdout.startswith(f"{tmp_path / 'libqqqq.so'}: "), done.stderr

    def test_go_library(self, go_plugin: CPlugin, tmp_path: Path, run_python: RunPython) -> None:
        """A Go library among the system's is known as one."""
        shutil.copy(go_plugin("greeter"), tmp_path / "libqqqq.so.1")
        code = """
            from nativeplug.loader.loading import load_system
            print(load_system("libqqqq.so.1").is_go)
        """
        done = run_python(code, env={"LD_LIBRARY_PATH": str(tmp_path)})
        assert ("True\n", "") == (done.stdout, done.stderr)


class TestKept:
    """A copy that is kept for gdb and perf."""

    def test_mapped(self, build_c: BuildC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is mapped is a file with the plugin's name and bytes, in the directory asked for."""
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", str(tmp_path / "kept"))
        plugin = build_c(NUMBER)
        loaded = load_generation(plugin)
        (copy,) = (tmp_path / "kept").rglob("plugin.so")
        assert 7 == call_int(loaded, "number")
        assert plugin.read_bytes() == copy.read_bytes()
        assert hashlib.sha256(copy.read_bytes()).hexdigest()[:16] in copy.parent.name
        assert str(copy) in Path("/proc/self/maps").read_text(errors="surrogateescape")


class TestHosts:
    """A host without memfd_create loads plugins all the same."""

    @pytest.fixture(autouse=True)
    def _no_memfd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make such a host."""
        monkeypatch.setattr(os, "memfd_create", refuse(errno.ENOSYS))

    def test_loads(self, build_c: BuildC) -> None:
        """A plugin loads from a file that is removed at once."""
        plugin = build_c(NUMBER)
        before = sorted(plugin.parent.iterdir())
        loaded = load_generation(plugin)
        assert 7 == call_int(loaded, "number")
        assert {"number": "function"} == loaded.exports
        assert before == sorted(plugin.parent.iterdir())

    def test_refuses(self, c_plugin: CPlugin) -> None:
        """An error names the user's file, not the copy."""
        path = c_plugin("undefined_symbol")
        assert f"{path}: undefined symbol: nobody_defines_this" == error_of(path).reason


def test_free() -> None:
    """The address of libc's free is the process's own."""
    expected = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p).value
    assert expected == dlopen.libc_free()


def test_go(go_plugin: CPlugin, greeter: generation.Generation) -> None:
    """A Go plugin is known as one, a C plugin is none."""
    assert load_generation(go_plugin("greeter")).is_go
    assert not greeter.is_go
