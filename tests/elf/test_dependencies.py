"""How a file has the dynamic loader look for its libraries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativeplug.elf.dependencies import SearchPaths
from support import E_PHOFF, EXPORTS_C, Compile, descriptors, patched

NO_PLUGINS = [b"", b"text", b"\x7fELF\x02\x01" + b"\0" * 20]


class TestRead:
    """What is read."""

    @pytest.mark.parametrize("tags", ["enable", "disable"])
    def test_texts(self, compile_c: Compile, tags: str) -> None:
        """It is RUNPATH or RPATH, and the needed names; of a file the same as of its bytes."""
        flags = f"-Wl,-rpath,$ORIGIN/lib:/usr/lib,--{tags}-new-dtags,--no-as-needed"
        path = compile_c(EXPORTS_C, flags)
        found = SearchPaths.of(path.read_bytes())
        assert SearchPaths(("libc.so.6",), ("$ORIGIN/lib:/usr/lib",)) == found
        assert ("libc.so.6", "$ORIGIN/lib:/usr/lib") == found.texts
        assert found == SearchPaths.of_file(str(path))

    def test_directories(self, compile_c: Compile) -> None:
        """The directories are told one by one, also those of names that have slashes."""
        library = compile_c("", "-Wl,-soname,deep/down/lib.so")
        flags = ["-Wl,-rpath,$ORIGIN/lib::/usr/lib", "-Wl,--no-as-needed", str(library)]
        data = compile_c(EXPORTS_C, *flags).read_bytes()
        assert ("$ORIGIN/lib", "", "/usr/lib", "deep/down") == SearchPaths.of(data).directories
        assert () == SearchPaths.of(compile_c(EXPORTS_C).read_bytes()).directories
        # An empty text is no list of one empty directory.
        data = compile_c(EXPORTS_C, "-Wl,-rpath,/emptied").read_bytes()
        assert () == SearchPaths.of(data.replace(b"/emptied", bytes(8))).directories

    def test_headers_at_the_end(self, compile_c: Compile) -> None:
        """Program headers may lie far from the file's beginning, where patchelf puts them."""
        data = compile_c(EXPORTS_C, "-Wl,-rpath,/far").read_bytes()
        far = data.ljust(1 << 23, b"\0") + data[64 : 64 + 56 * 20]
        assert ("/far",) == SearchPaths.of(patched(far, E_PHOFF, "<Q", 1 << 23)).paths


class TestDamage:
    """What is damaged, or no file, has nothing."""

    @pytest.mark.parametrize("data", NO_PLUGINS)
    def test_other_files(self, data: bytes, tmp_path: Path) -> None:
        """A file that is no plugin has none."""
        (tmp_path / "file").write_bytes(data)
        assert SearchPaths() == SearchPaths.of(data) == SearchPaths.of_file(str(tmp_path / "file"))

    def test_no_regular_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing else is waited for, or read; no descriptor stays."""
        os.mkfifo(tmp_path / "pipe")
        before = descriptors()
        with monkeypatch.context() as patch:
            patch.setattr("os.pread", pytest.fail)
            for path in ("/dev/zero", tmp_path, tmp_path / "pipe", tmp_path / "none", "a\0b"):
                assert SearchPaths() == SearchPaths.of_file(str(path))
        assert SearchPaths() == SearchPaths.of_file("/proc/self/mem")  # read(2) fails
        assert before == descriptors()

    def test_huge(self, elf_bytes: bytes, tmp_path: Path) -> None:
        """Of a file without end no more is read than is needed."""
        path = tmp_path / "huge.so"
        path.write_bytes(elf_bytes)
        os.truncate(path, 1 << 40)
        assert SearchPaths.of(elf_bytes) == SearchPaths.of_file(str(path))

    def test_never_raises(self, elf_bytes: bytes) -> None:
        """No damaged byte of the tables makes it raise, or go on for ever."""
        for offset in range(0, len(elf_bytes), 7):
            for value in (0, 0xFF):
                SearchPaths.of(patched(elf_bytes, offset, "B", value))
