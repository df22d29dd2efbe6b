"""Building plugins from C and Go sources."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativeplug import programs
from nativeplug.build import build, goenv
from nativeplug.errors import BuildError, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_go = pytest.mark.usefixtures("go_toolchain")

ANSWER_C = "int answer(void) { return 42; }\n"
BROKEN_C = "int answer(void) { return forty_two; }\n"
ANSWER_GO = """\
package main

import "C"

//export Answer
func Answer() int64 { return 42 }

func main() {}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """
    Give a C file that exports one function.
    """
    path = tmp_path / "answer.c"
    path.write_text(ANSWER_C)
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """
    Give a Go package that exports one function.
    """
    folder = tmp_path / "answer"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/answer\n\ngo 1.21\n")
    (folder / "answer.go").write_text(ANSWER_GO)
    return folder


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Empty ``PATH``.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)


@pytest.fixture
def public_umask() -> Iterator[None]:
    """
    Set the usual umask, whatever the machine has.
    """
    old = os.umask(0o022)
    yield
    os.umask(old)


def answer(plugin: Path) -> int:
    """
    Call the function of a C *plugin* that nothing has opened before.
    """
    return int(ctypes.CDLL(str(plugin)).answer())


def names(folder: Path) -> set[str]:
    """
    Name everything in *folder*.
    """
    return {path.name for path in folder.iterdir()}


class TestC:
    """C files and directories of C files."""

    def test_beside_source(self, source: Path) -> None:
        """
        The plugin of a C file stands beside it, has its stem, and works.
        """
        plugin = build(source)

        assert source.with_name("answer.so") == plugin
        assert 42 == answer(plugin)

    def test_relative(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A relative source, also as text, gives a relative plugin.
        """
        monkeypatch.chdir(source.parent)

        assert Path("answer.so") == build("answer.c")
        assert source.with_name("answer.so").exists()

    def test_output(self, source: Path, tmp_path: Path) -> None:
        """
        The plugin is written where the caller wants it, and nowhere else.
        """
        (tmp_path / "out").mkdir()
        output = tmp_path / "out" / "other.so"

        assert output == build(source, output)
        assert 42 == answer(output)
        assert not source.with_name("answer.so").exists()

    def test_directory(self, tmp_path: Path) -> None:
        """
        All C files of a directory make one plugin, which stands beside the directory.
        """
        folder = tmp_path / "twofold.v1"
        folder.mkdir()
        (folder / "answer.c").write_text('#include "half.h"\nint answer(void) { return 2 * HALF; }')
        (folder / "half.h").write_text("#define HALF half()\nint half(void);\n")
        (folder / "half.c").write_text("int half(void) { return 21; }")

        plugin = build(folder)

        assert tmp_path / "twofold.v1.so" == plugin
        assert 42 == answer(plugin)

    def test_current_directory(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A directory that is spelled "." gives the plugin its real name.
        """
        monkeypatch.chdir(source.parent)

        assert source.parent.with_name(f"{source.parent.name}.so") == build(".")

    def test_flags(self, source: Path) -> None:
        """
        Further arguments reach the compiler.
        """
        source.write_text("int answer(void) { return ANSWER; }\n")

        assert 43 == answer(build(source, flags=["-DANSWER=43"]))

    def test_environment(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        $CFLAGS is honoured, and split as a shell does.
        """
        source.write_text("int answer(void) { return ANSWER; }\n")
        monkeypatch.setenv("CFLAGS", "-O0 '-DANSWER=40 + 4'")

        assert 44 == answer(build(source))

    def test_linked_libraries(self, source: Path) -> None:
        """
        A library named in the flags is found, whichever the linker's order.
        """
        source.write_text(
            "#include <math.h>\nvolatile double x = 1764;\n"
            "int answer(void) { return (int)sqrt(x); }\n"
        )

        assert 42 == answer(build(source, flags=["-Wl,--no-undefined", "-lm"]))

    @pytest.mark.usefixtures("public_umask")
    def test_mode(self, source: Path) -> None:
        """
        The plugin has the permissions that the compiler's own output has.
        """
        assert 0o755 == build(source).stat().st_mode & 0o777

    def test_warning_is_no_error(self, source: Path) -> None:
        """
        A warning does not fail the build.
        """
        source.write_text(ANSWER_C + "static int unused;\n")

        assert 42 == answer(build(source))

    def test_threads(self, source: Path) -> None:
        """
        Simultaneous builds of one plugin leave a whole one, and nothing else.
        """
        threads = [threading.Thread(target=build, args=(source,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {"answer.c", "answer.so"} == names(source.parent)
        assert 42 == answer(source.with_suffix(".so"))


class TestFailure:
    """What cannot be built."""

    def test_compile_error(self, source: Path) -> None:
        """
        A compile error names the source and the complaint, and carries all the output.
        """
        source.write_text(BROKEN_C)

        with pytest.raises(
            BuildError, match=r"cannot build '.*answer\.c': .*error:.*forty_two"
        ) as e:
            build(source)

        assert isinstance(e.value, PluginError)
        assert "forty_two" in e.value.output
        assert "\n" not in str(e.value)
        assert "\n" in e.value.output

    def test_old_plugin_stays(self, source: Path) -> None:
        """
        A failed build leaves the old plugin as it was, and no traces.
        """
        plugin = build(source)
        before = plugin.read_bytes()
        source.write_text(BROKEN_C)

        with pytest.raises(BuildError):
            build(source)

        assert before == plugin.read_bytes()
        assert {"answer.c", "answer.so"} == names(source.parent)

    def test_link_error(self, source: Path) -> None:
        """
        A linker's complaint is shown like a compiler's.
        """
        with pytest.raises(BuildError, match="cannot build") as e:
            build(source, flags=["-lnosuchlibrary"])

        assert "nosuchlibrary" in e.value.output

    def test_silent_compiler(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A compiler that fails without a word is reported with its exit status.
        """
        monkeypatch.setenv("CC", "false")

        with pytest.raises(BuildError, match=r"exit status 1$") as e:
            build(source)

        assert e.value.output == ""

    @pytest.mark.usefixtures("no_programs")
    def test_no_compiler(self, source: Path) -> None:
        """
        A machine without a C compiler is told so.
        """
        with pytest.raises(BuildError, match="no C compiler; install gcc or clang"):
            build(source)

    def test_wrong_cc(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A $CC that names no program is quoted.
        """
        monkeypatch.setenv("CC", "nosuchcc -g")

        with pytest.raises(BuildError, match="CC='nosuchcc -g' names no program"):
            build(source)

    def test_compiler_cannot_run(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A compiler that the system cannot execute is a build error, too.
        """
        program = source.with_name("mycc")
        program.write_text("#!/nonexistent/interpreter\n")
        program.chmod(0o755)
        monkeypatch.setenv("CC", str(program))

        with pytest.raises(BuildError, match="No such file or directory") as e:
            build(source)

        assert isinstance(e.value.__cause__, OSError)

    def test_unclosed_quote(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A $CFLAGS that no shell would take is named.
        """
        monkeypatch.setenv("CFLAGS", "-D'X")

        with pytest.raises(BuildError, match=r"CFLAGS=\"-D'X\": No closing quotation"):
            build(source)

    def test_missing_source(self, tmp_path: Path) -> None:
        """
        A source that does not exist is reported before any compiler runs.
        """
        with pytest.raises(BuildError, match=r"'.*missing\.c': no such file or directory"):
            build(tmp_path / "missing.c")

    def test_empty_directory(self, tmp_path: Path) -> None:
        """
        A directory without sources is no plugin.
        """
        with pytest.raises(BuildError, match="holds neither C nor Go files"):
            build(tmp_path)

    def test_other_file(self, tmp_path: Path) -> None:
        """
        A file in another language is refused.
        """
        (tmp_path / "plugin.pas").touch()

        with pytest.raises(BuildError, match="neither a C file nor a directory"):
            build(tmp_path / "plugin.pas")

    def test_go_file(self, package: Path) -> None:
        """
        A single Go file is refused with the advice to name its package.
        """
        with pytest.raises(BuildError, match="name the directory of the Go package"):
            build(package / "answer.go")

    def test_missing_output_directory(self, source: Path, tmp_path: Path) -> None:
        """
        An output in a directory that does not exist is a build error that names it.
        """
        with pytest.raises(BuildError, match=r"No such file or directory: .*nowhere"):
            build(source, tmp_path / "nowhere" / "answer.so")


class TestGo:
    """Go packages."""

    @needs_go
    @pytest.mark.timeout(300)  # the first build compiles the standard library
    def test_beside_package(self, package: Path) -> None:
        """
        The plugin of a Go package and its header stand beside the package, and nothing else.
        """
        plugin = build(package)

        assert package.with_suffix(".so") == plugin
        assert "Answer(void)" in package.with_suffix(".h").read_text()
        assert {"answer", "answer.so", "answer.h"} == names(package.parent)
        assert {"go.mod", "answer.go"} == names(package)

    @needs_go
    @pytest.mark.timeout(300)
    def test_relative(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A relative package and a relative output are both seen from the caller's directory.
        """
        monkeypatch.chdir(package.parent)

        assert Path("other.so") == build("answer", "other.so")
        assert {"answer", "other.so", "other.h"} == names(package.parent)

    @needs_go
    @pytest.mark.timeout(300)
    def test_no_exports(self, package: Path) -> None:
        """
        A package that exports nothing has no header.
        """
        (package / "answer.go").write_text('package main\n\nimport "C"\n\nfunc main() {}\n')

        assert build(package).exists()
        assert not package.with_suffix(".h").exists()

    @needs_go
    @pytest.mark.timeout(300)
    def test_no_home(self, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Go works for a user without a home directory.
        """
        for name in ("HOME", "XDG_CACHE_HOME", "GOPATH"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

        assert build(package, tmp_path / "homeless.so").exists()

    @needs_go
    @pytest.mark.timeout(300)
    def test_compile_error(self, package: Path) -> None:
        """
        A compile error shows the complaint, and leaves the old plugin and header as they were.
        """
        plugin, header = build(package), package.with_suffix(".h")
        before = plugin.read_bytes(), header.read_bytes()
        (package / "answer.go").write_text(ANSWER_GO.replace("42", "fortyTwo"))

        with pytest.raises(BuildError, match=r"answer\.go:6.*undefined: fortyTwo") as e:
            build(package)

        assert "# example.test/answer" in e.value.output
        assert before == (plugin.read_bytes(), header.read_bytes())
        assert {"answer", "answer.so", "answer.h"} == names(package.parent)

    def test_no_toolchain(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A machine without a recent Go is told what to install.
        """
        monkeypatch.setattr(programs, "go_toolchain", lambda: None)

        with pytest.raises(
            BuildError, match=r"no Go toolchain of version 1\.21 .*nativeplug\[go\]"
        ):
            build(package)

    def test_no_c_compiler(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Go needs a C compiler, and a machine without one is told so.
        """
        toolchain = programs.GoToolchain(Path("go"), (1, 21, 0), {})
        monkeypatch.setattr(programs, "go_toolchain", lambda: toolchain)
        monkeypatch.setattr(programs, "c_compiler", lambda: None)
        monkeypatch.delenv("CC", raising=False)

        with pytest.raises(BuildError, match="no C compiler"):
            build(package)


class TestGoEnvironment:
    """The environment of ``go build``."""

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Start without settings, with a home and a temporary directory of one's own.
        """
        for name in ("GOCACHE", "GOPATH", "GOFLAGS", "GOPROXY", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / "home").mkdir()
        (tmp_path / "tmp").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    @staticmethod
    def made() -> dict[str, str]:
        """
        Make the environment for an imaginary toolchain.
        """
        toolchain = programs.GoToolchain(Path("/go/bin/go"), (1, 21, 0), {"GOROOT": "/go"})
        return goenv.environment(toolchain, ["/usr/bin/cc", "-DTEXT=a b"])

    def test_settings(self) -> None:
        """
        Go uses our C compiler, its own root, and no Go but itself.
        """
        made = self.made()

        assert "/go" == made["GOROOT"]
        assert "local" == made["GOTOOLCHAIN"]
        assert "1" == made["CGO_ENABLED"]
        assert "/usr/bin/cc '-DTEXT=a b'" == made["CC"]

    def test_untouched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What the user set stays as it is; what the user did not set is left to Go.
        """
        monkeypatch.setenv("GOFLAGS", "-mod=vendor")
        made = self.made()

        assert "-mod=vendor" == made["GOFLAGS"]
        assert not made.keys() & {"GOPROXY", "GOCACHE", "GOPATH"}

    @pytest.mark.parametrize("home", [None, "", "/dev/null/home"])
    def test_no_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
    ) -> None:
        """
        Without a usable home directory the caches are kept in a private temporary directory.
        """
        if home is None:
            monkeypatch.delenv("HOME")
        else:
            monkeypatch.setenv("HOME", home)
        folder = tmp_path / "tmp" / f"nativeplug-go-{os.getuid()}"
        made = self.made()

        assert str(folder / "cache") == made["GOCACHE"]
        assert str(folder / "path") == made["GOPATH"]
        assert 0o700 == folder.stat().st_mode & 0o777

    def test_own_cache_without_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A cache that the user chose is used also without a home directory.
        """
        monkeypatch.delenv("HOME")
        monkeypatch.setenv("GOCACHE", "/somewhere")

        assert "/somewhere" == self.made()["GOCACHE"]

    def test_foreign_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A temporary directory that others can write is never used for a cache.
        """
        monkeypatch.delenv("HOME")
        foreign = tmp_path / "tmp" / f"nativeplug-go-{os.getuid()}"
        foreign.mkdir()
        foreign.chmod(0o777)
        cache = Path(self.made()["GOCACHE"])

        assert foreign != cache.parent
        assert 0o700 == cache.parent.stat().st_mode & 0o777
