"""Building plugins from C sources, and what cannot be built."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import at_once
from nativeplug.build import build
from nativeplug.errors import BuildError, PluginError
from support import names

ANSWER_C = "int answer(void) { return 42; }\n"
BROKEN_C = "int answer(void) { return forty_two; }\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """
    Give a C file that exports one function.
    """
    path = tmp_path / "answer.c"
    path.write_text(ANSWER_C)
    return path


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
        at_once(*[lambda: build(source)] * 4)

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

    def test_undeclared_function(self, tmp_path: Path) -> None:
        """
        A call of a function that nobody declared is an error: C would take its result for an int.
        """
        source = tmp_path / "plugin.c"
        source.write_text("char *copy(const char *text) { return strdup(text); }\n")
        with pytest.raises(BuildError, match="implicit declaration of function"):
            build(source)

    def test_warning(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """
        What the compiler warns of is logged, and the plugin is built.
        """
        source = tmp_path / "plugin.c"
        source.write_text("int f(void) { int unused; return 1; }\n")
        assert build(source).exists()
        assert "unused variable" in caplog.text

    def test_missing_output_directory(self, source: Path, tmp_path: Path) -> None:
        """
        An output in a directory that does not exist is a build error that names it.
        """
        with pytest.raises(BuildError, match=r"there is no directory .*nowhere"):
            build(source, tmp_path / "nowhere" / "answer.so")
