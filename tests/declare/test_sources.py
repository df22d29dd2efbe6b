"""Where declarations are found: with the caller, in a header, beside the plugin."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nativeplug.declare.sources import CALLERS_TEXT, Source, beside, from_caller, from_metadata
from nativeplug.errors import DeclarationError
from support import refuse


class TestFromCaller:
    """A str is text, an os.PathLike is a header, nothing else will do."""

    def test_text(self) -> None:
        """A str is C text, even one that names a file."""
        assert Source("int f(void);", CALLERS_TEXT) == from_caller("int f(void);")
        assert Source("Makefile", CALLERS_TEXT) == from_caller("Makefile")

    @pytest.mark.parametrize("name", ["greeter.h", "include/my greeter.hpp"])
    def test_name_of_a_header(self, name: str) -> None:
        """A str that can only be meant as a header's name says how to give one."""
        with pytest.raises(DeclarationError, match=r"give pathlib.Path\('"):
            from_caller(name)

    def test_header(self, tmp_path: Path) -> None:
        """A header's name is its path as it was given."""
        header = tmp_path / "x.h"
        header.write_text("int f(void);\n")
        assert Source("int f(void);\n", str(header), header) == from_caller(header)

    def test_bytes_path(self, tmp_path: Path) -> None:
        """A path-like object may give its path as bytes."""

        class BytesPath:
            def __fspath__(self) -> bytes:
                return os.fsencode(tmp_path / "x.h")

        (tmp_path / "x.h").write_text("int f(void);")
        found = from_caller(BytesPath())  # type: ignore[arg-type] # str is what is promised
        assert "int f(void);" == found.text

    @pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
    def test_newlines(self, tmp_path: Path, newline: str) -> None:
        """Every line ends with a newline, whatever system wrote the text."""
        header = tmp_path / "x.h"
        header.write_bytes(f"int f(void);{newline}int g(void);{newline}".encode())
        expected = "int f(void);\nint g(void);\n"
        assert expected == from_caller(header).text
        assert expected == from_caller(header.read_bytes().decode()).text

    def test_byte_order_mark(self, tmp_path: Path) -> None:
        """A byte order mark is no part of the text."""
        header = tmp_path / "x.h"
        header.write_bytes(b"\xef\xbb\xbfint f(void);")
        assert "int f(void);" == from_caller(header).text
        assert "int f(void);" == from_caller("\ufeffint f(void);").text

    def test_other_encodings(self, tmp_path: Path) -> None:
        """Bytes that are not UTF-8 are kept: they may stand in comments."""
        header = tmp_path / "x.h"
        header.write_bytes(b"/* caf\xe9 */ int f(void);")
        assert "/* caf\udce9 */ int f(void);" == from_caller(header).text

    @pytest.mark.parametrize("given", [b"int f(void);", 5, ["int f(void);"]])
    def test_wrong_type(self, given: object) -> None:
        """Anything else is a TypeError that names its type."""
        with pytest.raises(TypeError, match=rf"not {type(given).__name__}$"):
            from_caller(given)  # type: ignore[arg-type] # that is the point

    @pytest.mark.parametrize("name", ["missing.h", ".", "nul\0.h"])
    def test_unreadable(self, tmp_path: Path, name: str) -> None:
        """A header that cannot be read is a DeclarationError with the header's path."""
        with pytest.raises(DeclarationError, match="cannot read header") as caught:
            from_caller(tmp_path / name)
        assert str(tmp_path / name) == caught.value.file

    def test_reason(self, tmp_path: Path) -> None:
        """The error says why, in the system's words."""
        with pytest.raises(DeclarationError, match=r"missing\.h': No such file or directory$"):
            from_caller(tmp_path / "missing.h")


class TestBeside:
    """The header of the same stem beside the plugin."""

    @pytest.mark.parametrize(
        ("plugin", "header"),
        [
            ("greeter.so", "greeter.h"),
            ("libgreeter.so", "greeter.h"),
            ("libgreeter.so", "libgreeter.h"),
            ("libgreeter.so.1.2", "greeter.h"),
            ("greeter", "greeter.h"),
        ],
    )
    def test_stem(self, tmp_path: Path, plugin: str, header: str) -> None:
        """The header has the plugin's name up to ``.so``, with or without ``lib``."""
        (tmp_path / header).write_text("int f(void);")
        found = beside(str(tmp_path / plugin))
        assert found is not None
        assert str(tmp_path / header) == found.name

    @pytest.mark.parametrize("plugin", ["greeter.so", "lib.so", ".so", "ibgreeter.so"])
    def test_none(self, tmp_path: Path, plugin: str) -> None:
        """There is no header of another stem."""
        for name in ("other.h", "libgreeter.h", ".h"):
            (tmp_path / name).write_text("int f(void);")
        assert beside(str(tmp_path / plugin)) is None

    def test_own_name_first(self, tmp_path: Path) -> None:
        """The name with ``lib`` comes before that without."""
        for name in ("greeter.h", "libgreeter.h"):
            (tmp_path / name).write_text("")
        found = beside(str(tmp_path / "libgreeter.so"))
        assert found is not None
        assert str(tmp_path / "libgreeter.h") == found.name

    def test_symlink(self, tmp_path: Path) -> None:
        """A symlink's own directory comes before that of the file it names."""
        there, here = tmp_path / "there", tmp_path / "here"
        there.mkdir()
        here.mkdir()
        (there / "real.so").touch()
        (there / "real.h").write_text("")
        (here / "link.so").symlink_to(there / "real.so")
        found = [beside(str(here / "link.so"))]
        (here / "link.h").write_text("")
        found.append(beside(str(here / "link.so")))
        expected = [str(there / "real.h"), str(here / "link.h")]
        assert expected == [source.name for source in found if source is not None]

    def test_symlink_that_is_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A link that becomes a file between two looks at it has its own directory alone."""
        (tmp_path / "link.so").symlink_to("real.so")
        monkeypatch.setattr(os, "readlink", refuse(errno.EINVAL))
        assert beside(str(tmp_path / "link.so")) is None
        (tmp_path / "link.h").write_text("")
        assert beside(str(tmp_path / "link.so")) is not None

    def test_loop(self, tmp_path: Path) -> None:
        """A symlink that leads to itself has no header, and is no error here."""
        (tmp_path / "x.so").symlink_to(tmp_path / "x.so")
        assert beside(str(tmp_path / "x.so")) is None

    def test_directory(self, tmp_path: Path) -> None:
        """A directory is no header."""
        (tmp_path / "greeter.h").mkdir()
        assert beside(str(tmp_path / "greeter.so")) is None

    def test_unreadable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A header that is there and cannot be read is an error."""
        (tmp_path / "greeter.h").touch()

        def refuse(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(DeclarationError, match=r"Permission denied$"):
            beside(str(tmp_path / "greeter.so"))


def test_told_by() -> None:
    """What a plugin tells has the plugin's name, and changes with the plugin."""
    source = from_metadata("lib/greeter.so", "int f(void);\n")
    assert Source("int f(void);\n", "lib/greeter.so (.nativeplug)", None, is_brought=True) == source
