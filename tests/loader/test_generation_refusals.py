"""Files that are no plugins, and what is said of them."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from nativeplug._dl import ffi
from nativeplug.errors import FormatError, OpenError
from nativeplug.loader import dlopen, private_copy
from support import BuildC, CPlugin, RunPython, error_of, load_generation

NUMBER = "int number(void) { return 7; }"

# Offsets in the ELF header, elf(5).
EI_CLASS, EI_DATA, EI_VERSION, E_TYPE, E_MACHINE, E_PHENTSIZE = 4, 5, 6, 16, 18, 54


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
        monkeypatch.setattr(dlopen, "open_file", None)
        error = error_of(path)
        assert reason in str(error)
        assert f"cannot open plugin '{path}': {error.reason}" == str(error)

    def test_place(self, patched: Callable[[int, str, int], Path]) -> None:
        """The error tells where in the file the damage is."""
        error = error_of(patched(EI_VERSION, "B", 3))
        assert isinstance(error, FormatError)
        assert "damaged: ELF version 3 (byte 0x6)" == error.reason
        assert 6 == error.offset

    def test_no_room_for_words(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Our finding does not need the loader's words."""
        path = tmp_path / "plugin.so"
        path.write_text("hello")

        def full(*_args: object) -> None:
            raise OpenError("full", path="p", reason="full")

        monkeypatch.setattr(private_copy, "copy", full)
        assert f"cannot open plugin '{path}': not an ELF file but text" == str(error_of(path))

    def test_truncated(self, build_c: BuildC, run_python: RunPython) -> None:
        """A file that was cut anywhere is refused, and never kills the process."""
        plugin = build_c(NUMBER)
        code = """
            import sys
            from pathlib import Path
            from nativeplug.errors import FormatError
            from nativeplug.loader.loading import load_file
            from nativeplug.loader.files import read_file
            data, cut, refused = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), 0
            lengths = range(0, len(data), max(1, len(data) // 150))
            for length in lengths:
                cut.write_bytes(data[:length])
                try:
                    load_file(str(cut), read_file(str(cut)))
                except FormatError as error:
                    refused += "truncated" in error.reason or not length
                except Exception as error:
                    print(length, repr(error))
            print(len(lengths) - refused)
        """
        done = run_python(code, plugin, plugin.with_name("cut.so"))
        assert 0 == done.returncode, done.stderr
        assert 0 == int(done.stdout)


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

    def test_no_static_tls(self, build_c: BuildC) -> None:
        """Where thread-local variables find no room, the message says what helps."""
        text = """
            __attribute__((tls_model("initial-exec"))) __thread char room[100000];
            char *f(void) { return room; }
        """
        plugin = build_c(text)
        words = (
            f"'{plugin}': {plugin}: cannot allocate memory in static TLS block; raise it with GLIBC"
        )
        assert words in str(error_of(plugin))

    def test_no_reason(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refusal without words is an error too."""
        plugin = build_c(NUMBER)
        monkeypatch.setattr(dlopen, "open_file", lambda *_: (ffi.NULL, ""))
        assert "the dynamic loader gives no reason" == error_of(plugin).reason

    @pytest.mark.slow
    def test_nothing_leaks(self, c_plugin: CPlugin) -> None:
        """A thousand refusals leave no descriptor open, and the next file loads."""
        path, before = c_plugin("undefined_symbol"), len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            error_of(path)
        assert before == len(os.listdir("/proc/self/fd"))
        assert load_generation(c_plugin("greeter")).has("Add")
