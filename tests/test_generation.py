"""A loaded copy of a plugin's file: what loads, what is refused and how, what is found in it."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from nativeplug._dl import ffi
from nativeplug.errors import FormatError, OpenError, SymbolNotFoundError
from nativeplug.load import generation, image
from nativeplug.load.key import FileKey
from support import BuildC, CPlugin, RunPython

NUMBER = "int number(void) { return 7; }"
# Offsets in the ELF header, elf(5).
EI_CLASS, EI_DATA, E_TYPE, E_MACHINE, E_PHENTSIZE = 4, 5, 16, 18, 54


def load(path: Path | str) -> generation.Generation:
    """Load the file that *path* names now."""
    return generation.load_file(str(path), FileKey.of(os.stat(path)))


def call(loaded: generation.Generation, name: str) -> int:
    """Call a function that returns an int."""
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(loaded.address(name))())


def error_of(path: Path | str) -> OpenError:
    """Return the error that loading a file raises."""
    with pytest.raises(OpenError) as caught:
        load(path)
    return caught.value


@pytest.fixture(scope="module")
def greeter(c_plugin: CPlugin) -> generation.Generation:
    """Give a loaded plugin."""
    return load(c_plugin("greeter"))


@pytest.fixture
def patched(build_c: BuildC) -> Callable[[int, str, int], Path]:
    """Give a function that builds a plugin with another value in its ELF header."""

    def make(offset: int, form: str, value: int) -> Path:
        plugin = build_c(NUMBER)
        data = bytearray(plugin.read_bytes())
        struct.pack_into(form, data, offset, value)
        plugin.write_bytes(data)
        return plugin

    return make


class TestSymbols:
    """What the file exports has an address; nothing else has."""

    def test_address(self, build_c: BuildC) -> None:
        """The address of a function can be called."""
        loaded = load(build_c(NUMBER))
        assert 7 == call(loaded, "number")
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
        loaded = load(c_plugin("slow_constructor"))
        with pytest.raises(SymbolNotFoundError, match=r"only its dependency '.*libc\.so\.6' does"):
            loaded.address(name)
        assert not loaded.has(name)

    def test_null(self, c_plugin: CPlugin) -> None:
        """A symbol whose address is NULL is an error of its own."""
        loaded = load(c_plugin("null_symbol"))
        with pytest.raises(SymbolNotFoundError, match=r"^cannot use .*: its address is NULL$"):
            loaded.address("null_symbol")
        assert not loaded.has("null_symbol")
        assert 1 == call(loaded, "ordinary")

    @pytest.mark.parametrize(
        "text",
        ["__thread int odd = 7;", '__asm__(".globl odd\\n.set odd, 12345\\n");'],
        ids=["thread-local", "absolute"],
    )
    def test_in_no_file(self, build_c: BuildC, text: str) -> None:
        """A variable per thread, or a number for an address, is refused: a read could crash."""
        loaded = load(build_c(text))
        with pytest.raises(SymbolNotFoundError, match="its address is in no file"):
            loaded.address("odd")
        assert not loaded.has("odd")

    @pytest.mark.parametrize("name", ["", "number\0", "n\u00fcmber", "\udcff", "x" * 10_000])
    def test_odd_names(self, build_c: BuildC, name: str) -> None:
        """A name that no symbol can have is not found."""
        loaded = load(build_c(NUMBER))
        with pytest.raises(SymbolNotFoundError, match="cannot find symbol"):
            loaded.address(name)

    def test_name_of_other_letters(self, build_c: BuildC) -> None:
        """A name outside of ASCII is found."""
        assert 7 == call(load(build_c("int z\u00e4hler(void) { return 7; }")), "z\u00e4hler")

    def test_same_names_keep_apart(self, c_plugin: CPlugin) -> None:
        """Two plugins that export the same names never see each other's."""
        assert load(c_plugin("same_names_a")).address("who") != load(
            c_plugin("same_names_b")
        ).address("who")

    def test_two_loads_are_two_copies(self, build_c: BuildC) -> None:
        """A file that is loaded again has variables of its own."""
        plugin = build_c("int x; int next(void) { return ++x; }")
        first, second = load(plugin), load(plugin)
        assert [1, 2, 1] == [call(first, "next"), call(first, "next"), call(second, "next")]


class TestExports:
    """The names that a file exports."""

    def test_names(self, greeter: generation.Generation) -> None:
        """They are the file's own, read once."""
        assert {"GetName", "Add", "Name", "Calls"} == greeter.exports.keys()
        assert greeter.exports is greeter.exports

    def test_file_gone(self, build_c: BuildC) -> None:
        """They are those of the loaded copy, whatever became of the user's file."""
        plugin = build_c(NUMBER)
        loaded = load(plugin)
        plugin.unlink()
        assert {"number": "function"} == loaded.exports

    def test_descriptor_gone(self, build_c: BuildC) -> None:
        """They are unknown once somebody closed the copy's descriptor; the rest goes on."""
        loaded = load(build_c(NUMBER))
        assert loaded._image is not None
        os.close(loaded._image.descriptor)
        assert {} == loaded.exports
        assert 7 == call(loaded, "number")

    def test_system_library(self) -> None:
        """A system library's are read from its file."""
        assert {"cos", "sin"} <= generation.load_system("libm.so.6").exports.keys()

    def test_system_library_without_a_file(self) -> None:
        """The vDSO is no file: its names are unknown, and to miss one is no crash."""
        loaded = generation.load_system("linux-vdso.so.1")
        assert {} == loaded.exports
        with pytest.raises(SymbolNotFoundError, match="undefined symbol: qqqq"):
            loaded.address("qqqq")


class TestSystem:
    """A soname is found by the system's search."""

    def test_loads(self) -> None:
        """A library that every glibc system has loads, and is no Go library."""
        loaded = generation.load_system("libm.so.6")
        assert loaded.has("cos")
        assert ("libm.so.6", False) == (loaded.path, loaded.is_go)

    def test_parts_are_joined(self) -> None:
        """What the system split over several files is found in the one that is asked for."""
        assert generation.load_system("libm.so.6").has("malloc")

    def test_missing(self) -> None:
        """A library that is not there is an error in the loader's words."""
        with pytest.raises(OpenError) as caught:
            generation.load_system("libqqqq.so.9")
        reason = "libqqqq.so.9: cannot open shared object file: No such file or directory"
        assert f"cannot open plugin 'libqqqq.so.9': {reason}" == str(caught.value)
        assert reason == caught.value.reason

    def test_hint(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file of that name in the working directory is hinted at, not loaded."""
        monkeypatch.chdir(build_c(NUMBER, "libqqqq").parent)
        with pytest.raises(OpenError, match=r"in the working directory write '\./libqqqq\.so'$"):
            generation.load_system("libqqqq.so")

    def test_go_library(self, go_plugin: CPlugin, tmp_path: Path, run_python: RunPython) -> None:
        """A Go library among the system's is known as one."""
        shutil.copy(go_plugin("greeter"), tmp_path / "libqqqq.so.1")
        code = """
            from nativeplug.load.generation import load_system
            print(load_system("libqqqq.so.1").is_go)
        """
        done = run_python(code, env={"LD_LIBRARY_PATH": str(tmp_path)})
        assert ("True\n", "") == (done.stdout, done.stderr)


class TestFormat:
    """A file that is no plugin is refused before the loader maps anything of it."""

    @pytest.mark.parametrize(
        ("data", "reason", "words"),
        [
            (b"", "the file is empty", "file too short"),
            (b"hello\n", "not an ELF file but text", "file too short"),
            (b"hello\n" * 100, "not an ELF file but text", "invalid ELF header"),
            (b"#!/bin/sh\n" * 100, "not an ELF file but a script", "invalid ELF header"),
            (b"\x7fELF", "truncated: the file has only 4 bytes", "file too short"),
        ],
        ids=["empty", "short text", "text", "script", "magic only"],
    )
    def test_no_elf(self, data: bytes, reason: str, words: str, tmp_path: Path) -> None:
        """What is no ELF file is told by our finding and in the loader's words."""
        path = tmp_path / "plugin.so"
        path.write_bytes(data)
        error = error_of(path)
        assert isinstance(error, FormatError)
        assert f"cannot open plugin '{path}': {reason} ({path}: {words})" == str(error)
        assert (str(path), reason) == (error.path, error.reason)

    @pytest.mark.parametrize(
        ("offset", "form", "value", "reason", "words"),
        [
            (EI_CLASS, "B", 1, "built for .* 32 bit, .*", "wrong ELF class: ELFCLASS32"),
            (EI_CLASS, "B", 9, "damaged: .*", "wrong ELF class: ELFCLASS32"),
            (EI_DATA, "B", 2, "built for .* big-endian, .*", "ELF file data encoding .*"),
            (E_MACHINE, "=H", 8, "built for MIPS, this process is .*", "cannot open .*"),
            (E_TYPE, "=H", 1, ".* object file: link .*", "only ET_DYN and ET_EXEC can be .*"),
            (E_TYPE, "=H", 4, ".* a core dump", "only ET_DYN and ET_EXEC can be loaded"),
            (E_TYPE, "=H", 77, r"not .* \(ELF type 77\)", "only ET_DYN and ET_EXEC can be .*"),
        ],
    )
    def test_header(  # noqa: PLR0913, PLR0917 - a row of the table
        self,
        patched: Callable[[int, str, int], Path],
        offset: int,
        form: str,
        value: int,
        reason: str,
        words: str,
    ) -> None:
        """A header that says so is refused by our finding and in the loader's words."""
        path = patched(offset, form, value)
        error = error_of(path)
        assert isinstance(error, FormatError)
        assert re.search(rf"{reason} \({re.escape(str(path))}: {words}\)$", str(error))
        assert re.fullmatch(reason, error.reason)

    @pytest.mark.parametrize(
        ("offset", "value", "reason"),
        [(E_TYPE, 2, "but an executable"), (E_PHENTSIZE, 1, "damaged: program headers of 1 byte")],
    )
    def test_the_loader_is_not_asked(
        self,
        patched: Callable[[int, str, int], Path],
        offset: int,
        value: int,
        reason: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A file that the loader might map to refuse it is not given to it."""
        path = patched(offset, "=H", value)
        monkeypatch.setattr(generation, "_open", None)
        error = error_of(path)
        assert reason in str(error)
        assert f"cannot open plugin '{path}': {error.reason}" == str(error)

    def test_no_room_for_words(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Our finding does not need the loader's words."""
        path = tmp_path / "plugin.so"
        path.write_text("hello")

        def full(*_args: object) -> None:
            raise OpenError("full", path="p", reason="full")

        monkeypatch.setattr(image, "copy", full)
        assert f"cannot open plugin '{path}': not an ELF file but text" == str(error_of(path))

    def test_truncated(self, build_c: BuildC, run_python: RunPython) -> None:
        """A file that was cut anywhere is refused, and never kills the process."""
        plugin = build_c(NUMBER)
        code = """
            import os, sys
            from pathlib import Path
            from nativeplug.errors import FormatError
            from nativeplug.load.generation import load_file
            from nativeplug.load.key import FileKey
            data, cut, refused = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), 0
            lengths = range(0, len(data), max(1, len(data) // 150))
            for length in lengths:
                cut.write_bytes(data[:length])
                os.utime(cut, (1, 1))  # or it would be waited for
                try:
                    load_file(str(cut), FileKey.of(cut.stat()))
                except FormatError as error:
                    refused += "truncated" in error.reason or not length
                except Exception as error:
                    print(length, repr(error))
            print(len(lengths) - refused)
        """
        done = run_python(code, plugin, plugin.with_name("cut.so"))
        assert 0 == done.returncode, done.stderr
        # What follows the last segment (section headers, debug information) is not needed.
        assert int(done.stdout) < 40


class TestRefusedByTheLoader:
    """What only the dynamic loader can tell is told in its words."""

    def test_undefined_symbol(self, c_plugin: CPlugin) -> None:
        """A symbol that nobody defines is named, and the user's file."""
        path = c_plugin("undefined_symbol")
        error = error_of(path)
        reason = f"{path}: undefined symbol: nobody_defines_this"
        assert f"cannot open plugin '{path}': {reason}" == str(error)
        assert reason == error.reason
        assert not isinstance(error, FormatError)

    def test_missing_dependency(self, build_c: BuildC) -> None:
        """A library that is not there is named, with the loader's words."""
        library = build_c("int g(void) { return 1; }", "libgone", "-Wl,-soname,libgone_qqqq.so")
        plugin = build_c(NUMBER, "plugin", "-Wl,--no-as-needed", str(library))
        words = "libgone_qqqq.so: cannot open shared object file: No such file or directory"
        assert f"cannot open plugin '{plugin}': {words}" == str(error_of(plugin))

    def test_no_reason(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refusal without words is an error too."""
        plugin = build_c(NUMBER)
        monkeypatch.setattr(generation, "_open", lambda _name: (ffi.NULL, ""))
        assert "the dynamic loader gives no reason" == error_of(plugin).reason

    def test_nothing_leaks(self, c_plugin: CPlugin) -> None:
        """A thousand refusals leave no descriptor open, and the next file loads."""
        path, before = c_plugin("undefined_symbol"), len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            error_of(path)
        assert before == len(os.listdir("/proc/self/fd"))
        assert load(c_plugin("greeter")).has("Add")

    def test_changed_meanwhile(self, build_c: BuildC) -> None:
        """A file that is another one by now is asked for again, not loaded."""
        plugin = build_c(NUMBER)
        key = FileKey.of(plugin.stat())
        plugin.write_bytes(b"other")
        with pytest.raises(image.FileChangedError):
            generation.load_file(str(plugin), key)


class TestOrigin:
    """A plugin that finds its libraries relative to its own place."""

    @pytest.fixture
    def plugin(self, build_c: BuildC, tmp_path: Path) -> Path:
        """Give a plugin that needs a library beside it, which no other test loaded."""
        name = f"seven_{tmp_path.name}"
        build_c("int seven(void) { return 7; }", f"lib{name}")
        text = "int seven(void); int number(void) { return seven(); }"
        return build_c(text, "plugin", f"-L{tmp_path}", f"-l{name}", "-Wl,-rpath,$ORIGIN")

    def test_loads(self, plugin: Path) -> None:
        """It loads, and leaves no file behind."""
        before = sorted(plugin.parent.iterdir())
        assert 7 == call(load(plugin), "number")
        assert before == sorted(plugin.parent.iterdir())

    def test_read_only(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It loads where nothing can be written beside it, any number of times."""

        def refuse(*_args: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("tempfile.mkstemp", refuse)
        assert 7 == call(load(plugin), "number")
        assert 7 == call(load(plugin), "number")

    def test_library_missing(self, plugin: Path) -> None:
        """Without the library the error names it, and no file is left behind."""
        library = next(plugin.parent.glob("lib*.so"))
        library.unlink()
        before = sorted(plugin.parent.iterdir())
        assert f"{library.name}: cannot open shared object file" in str(error_of(plugin))
        assert before == sorted(plugin.parent.iterdir())


class TestHosts:
    """A host without memfd_create loads plugins all the same."""

    @pytest.fixture(autouse=True)
    def _no_memfd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make such a host."""

        def refuse(*_args: object) -> None:
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(os, "memfd_create", refuse)

    def test_loads(self, build_c: BuildC) -> None:
        """A plugin loads from a file that is removed at once."""
        plugin = build_c(NUMBER)
        before = sorted(plugin.parent.iterdir())
        loaded = load(plugin)
        assert 7 == call(loaded, "number")
        assert {"number": "function"} == loaded.exports
        assert before == sorted(plugin.parent.iterdir())

    def test_refuses(self, c_plugin: CPlugin) -> None:
        """An error names the user's file, not the copy."""
        path = c_plugin("undefined_symbol")
        assert f"{path}: undefined symbol: nobody_defines_this" == error_of(path).reason


class TestWords:
    """The loader's words are made to speak of the user's file."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("/proc/self/fd/7: no", "user.so: no"),
            ("needed by /proc/self/fd/7)", "needed by user.so)"),
            ("/proc/self/fd/77: no", "/proc/self/fd/77: no"),
        ],
    )
    def test_name(self, text: str, expected: str) -> None:
        """The copy's name becomes the user's path; names that begin alike stay."""
        assert expected == generation._in_users_words(text, "/proc/self/fd/7", "user.so")

    def test_no_name(self) -> None:
        """Words about an object without a name are left as they are."""
        assert "no" == generation._in_users_words("no", "", "user.so")

    def test_path_is_text(self) -> None:
        """A path with backslashes is no pattern."""
        assert r"a\1b: no" == generation._in_users_words("x: no", "x", r"a\1b")


def test_free() -> None:
    """The address of libc's free is the process's own."""
    expected = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p).value
    assert expected == generation.libc_free()


def test_go(go_plugin: CPlugin, greeter: generation.Generation) -> None:
    """A Go plugin is known as one, a C plugin is none."""
    assert load(go_plugin("greeter")).is_go
    assert not greeter.is_go
