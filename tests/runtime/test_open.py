"""Opening plugins: what names them, and what is refused."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import nativeplug
from gates import Gate
from nativeplug import DeclarationError, FormatError, OpenError
from nativeplug.loader.files import FileChangedError, read_file
from samples import EIGHT, GATED_CONSTRUCTOR_DECLARED, NUMBER, SEVEN
from support import BuildC, CPlugin, RunPython


class TestPaths:
    """One file is one plugin, whichever way it is spelled."""

    def test_spellings(
        self, c_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Text, path-like, bytes, relative, ``..``, symlink and hard link: one object."""
        path = Path(shutil.copy(c_plugin("greeter"), tmp_path / "greeter.so"))
        (tmp_path / "link.so").symlink_to("greeter.so")
        (tmp_path / "hard.so").hardlink_to(path)
        monkeypatch.chdir(tmp_path)
        spellings = [
            *(path, str(path), Path("greeter.so"), "greeter.so", "./greeter.so", "link.so"),
            *(f"../{tmp_path.name}/greeter.so", tmp_path / "hard.so", os.fsencode(path)),
        ]
        assert 1 == len({nativeplug.open(spelling) for spelling in spellings})  # type: ignore[call-overload]
        assert str(path) == nativeplug.open("link.so").path

    def test_relative_to_the_time_of_the_call(
        self, build_c: BuildC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A relative path means the working directory of the call, not that of the first."""
        for name, text in (("seven", SEVEN), ("eight", EIGHT)):
            (tmp_path / name).mkdir()
            build_c(text, f"{name}/plugin")
        monkeypatch.chdir(tmp_path / "seven")
        assert 7 == nativeplug.open("plugin.so", NUMBER).number()
        monkeypatch.chdir(tmp_path / "eight")
        assert 8 == nativeplug.open("plugin.so", NUMBER).number()

    @pytest.mark.parametrize("name", ["sp ace.so", "z\u00e4hler.so", "\udcff.so", "a'b\"c\n.so"])
    def test_odd_names(self, build_c: BuildC, name: str) -> None:
        """Any name that a file can have will do."""
        path = build_c(SEVEN).rename(build_c(SEVEN).with_name(name))
        assert 7 == nativeplug.open(path, NUMBER).number()
        assert "\n" not in repr(nativeplug.open(path))

    def test_copies_are_apart(self, build_c: BuildC, tmp_path: Path) -> None:
        """Two files of the same bytes are two plugins with variables of their own."""
        first = nativeplug.open(build_c("int x = 1;"), "extern int x;")
        second = nativeplug.open(shutil.copy(tmp_path / "plugin.so", tmp_path / "2.so"), "int x;")
        first.x = 5
        assert (5, 1) == (first.x, second.x)

    def test_same_names(self, c_plugin: CPlugin) -> None:
        """Two plugins that export the same names never see each other's."""
        text = "const char *who(void); const char *ask(void); extern const char *shared_name;"
        plugins = [nativeplug.open(c_plugin(f"same_names_{x}"), text) for x in "ab"]
        assert ["a", "b"] == [plg.who() for plg in plugins]
        assert ["a", "b"] == [plg.ask() for plg in plugins]
        assert ["name of a", "name of b"] == [plg.shared_name for plg in plugins]


class TestSonames:
    """A bare soname is a library of the system."""

    def test_libm(self) -> None:
        """The mathematical library computes, and is one object however often it is opened."""
        libm = nativeplug.open("libm.so.6", "double cos(double x);")
        assert 1.0 == libm.cos(0.0)
        assert libm is nativeplug.open("libm.so.6")
        assert "libm.so.6" == libm.path

    def test_libsqlite3(self) -> None:
        """SQLite tells its version, where the system has it."""
        try:
            sqlite = nativeplug.open("libsqlite3.so.0", "const char *sqlite3_libversion(void);")
        except OpenError as error:
            assert "cannot open shared object file" in str(error)  # noqa: PT017
        else:
            assert sqlite.sqlite3_libversion().startswith("3.")

    def test_no_header_beside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A header in the working directory does not belong to a system library."""
        (tmp_path / "libm.h").write_text("this is no C")
        monkeypatch.chdir(tmp_path)
        nativeplug.open("libm.so.6").close()
        assert "cos" not in nativeplug.open("libm.so.6")

    def test_missing(self) -> None:
        """A library that is not there is an error in the loader's words."""
        with pytest.raises(
            OpenError, match=r"^cannot open plugin 'libqqqq\.so\.9': libqqqq\.so\.9: "
        ):
            nativeplug.open("libqqqq.so.9")

    def test_local_file(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A local file with such a name is hinted at, and opens by the path of the hint."""
        monkeypatch.chdir(build_c(SEVEN, "libqqqq").parent)
        with pytest.raises(OpenError, match=r"write '\./libqqqq\.so'"):
            nativeplug.open("libqqqq.so")
        assert 7 == nativeplug.open("./libqqqq.so", NUMBER).number()


class TestRefusals:
    """What cannot be opened says why."""

    @pytest.mark.parametrize(
        ("make", "kind", "message"),
        [
            (lambda _path: None, OpenError, "No such file or directory"),
            (Path.mkdir, OpenError, "Is a directory"),
            (os.mkfifo, OpenError, "not a regular file"),
            (Path.touch, FormatError, "the file is empty (PATH: file too short)"),
            (
                lambda path: path.write_text("text\n" * 50),
                FormatError,
                "not an ELF file but text (PATH: invalid ELF header)",
            ),
        ],
        ids=["missing", "directory", "pipe", "empty", "text"],
    )
    def test_files(
        self, make: Callable[[Path], None], kind: type, message: str, tmp_path: Path
    ) -> None:
        """Each has its own error; none waits, and a repeated attempt fails the same way."""
        path = tmp_path / "plugin.so"
        make(path)
        for _ in range(2):
            with pytest.raises(OpenError) as caught:
                nativeplug.open(path)
            assert kind is type(caught.value)
            expected = f"cannot open plugin '{path}': {message.replace('PATH', str(path))}"
            assert expected == str(caught.value)

    def test_executable(self) -> None:
        """A program is no plugin."""
        with pytest.raises(FormatError, match="executable"):
            nativeplug.open("/proc/self/exe")

    def test_permission(self, c_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
        """A file that may not be read is an error with the system's number and words."""
        path = Path(shutil.copy(c_plugin("greeter"), tmp_path / "plugin.so"))
        path.chmod(0)
        code = """
            import os, sys, nativeplug.runtime
            os.chdir(os.path.dirname(sys.argv[1]))
            before = os.geteuid()
            if before == 0:  # who may read everything
                os.seteuid(65534)
            try:
                nativeplug.open("./plugin.so")
            except nativeplug.OpenError as error:
                print(error.errno, error)
            os.seteuid(before)
        """
        done = run_python(code, path)
        expected = f"{errno.EACCES} cannot open plugin './plugin.so': Permission denied\n"
        assert (expected, "") == (done.stdout, done.stderr)

    def test_undefined_symbol(self, c_plugin: CPlugin) -> None:
        """A plugin that needs a symbol of nobody is refused at once, in the loader's words."""
        path = c_plugin("undefined_symbol")
        with pytest.raises(OpenError) as caught:
            nativeplug.open(path, "int call_nobody(int x);")
        assert f"{path}: undefined symbol: nobody_defines_this" == caught.value.reason

    def test_always_changing(self, c_plugin: CPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that others go on writing is an error, after some attempts."""

        def change(*_args: object, **_options: object) -> None:
            raise FileChangedError

        monkeypatch.setattr("nativeplug.runtime.candidate.load_file", change)
        with pytest.raises(OpenError, match=r"the file changes while it is read$"):
            nativeplug.open(c_plugin("variables"))

    def test_changed_once(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that changes while it is opened is opened as it is then."""
        path = build_c(SEVEN)

        def change(*args: object) -> object:
            monkeypatch.undo()
            build_c(EIGHT)
            return read_file(*args)  # type: ignore[arg-type]

        monkeypatch.setattr("nativeplug.runtime.serving.read_file", change)
        assert 8 == nativeplug.open(path, NUMBER).number()

    @pytest.mark.parametrize("path", [3, ["greeter.so"]])
    def test_no_path(self, path: object) -> None:
        """What is no path is a TypeError."""
        with pytest.raises(TypeError, match="expected str"):
            nativeplug.open(path)  # type: ignore[call-overload]

    def test_wrong_declarations_load_nothing(self, gated: tuple[Path, Gate]) -> None:
        """A mistake in the declarations is found before any of the plugin's code runs."""
        path, gate = gated
        gate.open()
        with pytest.raises(DeclarationError):
            nativeplug.open(path, "int constructed(")
        assert not (path.parent / "log").exists()
        assert 1 == nativeplug.open(path, GATED_CONSTRUCTOR_DECLARED).constructed()
        assert (path.parent / "log").exists()
