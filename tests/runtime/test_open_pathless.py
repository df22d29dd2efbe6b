"""Open what has no path: bytes, files that are open, resources of a zipped package, the program."""

from __future__ import annotations

import array
import importlib.resources
import io
import mmap
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import FormatError, OpenError, OriginError, UpdateError
from samples import SEVEN
from support import BuildC, CPlugin, RunPython

NUMBER = "int number(void);"
_open: Any = nativeplug.open


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Give a plugin's file."""
    return build_c(SEVEN)


def mapped(data: bytes) -> mmap.mmap:
    """Return a map of memory that has some bytes."""
    made = mmap.mmap(-1, len(data))
    made.write(data)
    made.seek(0)
    return made


class TestBytes:
    """A file's content."""

    @pytest.mark.parametrize(
        "given",
        [bytes, bytearray, memoryview, lambda data: array.array("B", data), io.BytesIO],
        ids=["bytes", "bytearray", "memoryview", "array", "BytesIO"],
    )
    def test_given(self, path: Path, given: Callable[[bytes], Any]) -> None:
        """It is opened as anything that has bytes, or gives them; and is one plugin."""
        with _open(given(path.read_bytes()), NUMBER) as plg:
            assert (7, "<bytes>", "int number(void)") == (
                plg.number(),
                plg.path,
                str(plg.lookup("number").signature),
            )
            assert plg is _open(path.read_bytes())
            assert plg is not _open(path)

    def test_map(self, path: Path) -> None:
        """A map of memory is content, up to its last byte."""
        data = path.read_bytes()
        with mapped(data) as content, _open(content, NUMBER) as plg:
            assert 7 == plg.number()
            content.seek(5)
            assert plg is _open(content)

    def test_file(self, path: Path) -> None:
        """A file that is open is read from where it stands, and gives its name to messages."""
        with path.open("rb") as file:
            plg = _open(file, NUMBER)
            assert (7, "<plugin.so>") == (plg.number(), plg.path)
            with pytest.raises(FormatError, match=r"'<plugin\.so>': the file is empty"):
                _open(file)
        plg.close()

    def test_mistakes(self, path: Path) -> None:
        """Text, a file that is closed, and what has no bytes are told."""
        with (
            path.open(errors="replace") as file,
            pytest.raises(TypeError, match=r"not str: open its file in binary mode$"),
        ):
            _open(file)
        with pytest.raises(OpenError, match=r"'<plugin\.so>': I/O operation on closed file"):
            _open(file)
        with (
            path.with_name("new").open("wb") as new,
            pytest.raises(OpenError, match=r"'<new>': UnsupportedOperation: read$"),
        ):
            _open(new)
        with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not int"):
            _open(10**6)

    def test_damaged(self, path: Path) -> None:
        """What is no plugin is refused, without its content in the message."""
        with pytest.raises(FormatError) as caught:
            _open(path.read_bytes()[:-1])
        assert str(caught.value).startswith("cannot open plugin '<bytes>': truncated: ")

    @pytest.mark.parametrize(
        ("given", "what"),
        [
            (b"PK\x03\x04\0\0", "a zip archive"),
            (b"int add(int a, int b);\n" * 1000, "text"),
        ],
    )
    def test_other_content(self, given: bytes, what: str) -> None:
        """Bytes that cannot be a path are content of another kind."""
        with pytest.raises(FormatError, match=rf"^cannot open plugin '<bytes>': .*but {what} \("):
            _open(given)

    def test_no_path(self) -> None:
        """Text that cannot be a path is not shown whole."""
        with pytest.raises(OpenError) as caught:
            _open("x" * 10**6)
        assert f"cannot open plugin '{'x' * 60}...': File name too long" == str(caught.value)

    def test_bytes_of_a_path(self, path: Path) -> None:
        """Bytes that do not begin as an ELF file are a path, as everywhere in Python."""
        plg = _open(os.fsencode(path), NUMBER)
        assert plg is _open(path)
        plg.close()

    def test_never_updated(self, path: Path) -> None:
        """There is no file that could change."""
        plg = _open(path.read_bytes(), NUMBER)
        for update in (plg.update, plg.follow):
            with pytest.raises(UpdateError) as caught:
                update()
            assert ("it was opened from bytes, which are never updated",) == caught.value.reasons
        plg.close()
        again = _open(path.read_bytes(), NUMBER)
        assert again is not plg
        assert 7 == again.number()
        again.close()

    def test_no_place(self, build_c: BuildC) -> None:
        """What looks for its libraries beside itself cannot be opened so."""
        data = build_c(SEVEN, "plugin", "-Wl,-rpath,$ORIGIN").read_bytes()
        with pytest.raises(OpenError, match=r"relative to its own place \(\$ORIGIN\), and bytes"):
            _open(data, NUMBER)

    def test_nothing_beside(
        self, build_c: BuildC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What lies in the working directory is nothing to it, also if it looks."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "witness").touch()
        text = """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            const char *place(void) { Dl_info i; return dladdr(place, &i) ? i.dli_fname : ""; }
        """
        path, declared = build_c(text), "const char *place(void);"
        with _open(path.read_bytes(), declared) as plg, _open(path, declared) as other:
            assert [False, True] == [
                os.path.exists(os.path.join(os.path.dirname(each.place()), "witness"))
                for each in (plg, other)
            ]

    def test_demands(self, path: Path) -> None:
        """A pin holds, also when it is open; a policy about places is not met."""
        data = path.read_bytes()
        with pytest.raises(OriginError):
            _open(data, NUMBER, sha256="0" * 64)
        with _open(data, NUMBER) as plg:
            with pytest.raises(OriginError):
                _open(data, NUMBER, sha256="0" * 64)
            with pytest.raises(OriginError):
                _open(data, policy=nativeplug.Policy(directories=[path.parent]))
            assert plg is _open(data, policy=nativeplug.Policy(hardening={"nx"}))
        with pytest.raises(OriginError):
            _open(data, policy=nativeplug.Policy(refuse_writable_by_others=True))

    def test_probe(self, path: Path) -> None:
        """It is probed as any other."""
        with _open(path.read_bytes(), NUMBER, probe=True, fresh=False) as plg:
            assert 7 == plg.number()

    def test_declarations(self, c_plugin: CPlugin) -> None:
        """What it tells itself of its types is read."""
        with _open(c_plugin("told").read_bytes()) as plg:
            assert 5 == plg.told_add(2, 3)


class TestResource:
    """Files of packages."""

    def test_zipped(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A resource in a zip file, which has no path, is opened by its content."""
        archive = tmp_path / "packages.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("zipped_qqqq/__init__.py", "")
            file.write(path, "zipped_qqqq/m.so")
        monkeypatch.syspath_prepend(archive)
        resource = importlib.resources.files("zipped_qqqq") / "m.so"
        assert not isinstance(resource, os.PathLike)
        with _open(resource, NUMBER) as plg:
            assert (7, "<m.so>") == (plg.number(), plg.path)
            assert plg is _open(resource)
        missing = r"'<none\.so>': FileNotFoundError: .*zipped_qqqq/none\.so$"
        with pytest.raises(OpenError, match=missing):
            _open(importlib.resources.files("zipped_qqqq") / "none.so")
        sys.modules.pop("zipped_qqqq")

    def test_unzipped(self, path: Path) -> None:
        """One that has a path is a file."""
        with _open(path, NUMBER) as plg:
            assert str(path) == plg.path


class TestProgram:
    """The program itself."""

    def test_symbols(self) -> None:
        """Its functions, and those of the libraries that it needs, are called."""
        plg = _open(None, "int getpid(void); const char *Py_GetVersion(void);")
        assert (os.getpid(), sys.version) == (plg.getpid(), plg.Py_GetVersion())
        assert plg is _open(None)
        assert "<program>" == plg.path
        with pytest.raises(UpdateError, match=r"'<program>': .*never updated$"):
            plg.update()
        with pytest.raises(nativeplug.SymbolNotFoundError, match=r"in plugin '<program>'"):
            _open(None, "int nobody_qqqq(void);").lookup("nobody_qqqq")
        plg.close()

    @pytest.mark.parametrize("option", ["deep_bind", "export_symbols", "in_place"])
    def test_options(self, run_python: RunPython, option: str) -> None:
        """It is loaded already, so nothing is said of how."""
        code = """
            import sys, nativeplug
            try:
                nativeplug.open(None, **{sys.argv[1]: True})
            except nativeplug.OpenError as error:
                print(error.reason)
        """
        done = run_python(code, option)
        assert (
            "the program itself is loaded already: it can be given no such option\n" == done.stdout
        )

    def test_later(self, run_python: RunPython, path: Path) -> None:
        """What was loaded with export_symbols is found, as dlopen(NULL) has it."""
        code = """
            import sys, nativeplug
            program = nativeplug.open(None, "int number(void);")
            print("number" in program)
            nativeplug.open(sys.argv[1], export_symbols=True)
            print(program.number())
        """
        done = run_python(code, path)
        assert "False\n7\n" == done.stdout, done.stderr
