"""What a file needs of others, and whose symbols its own calls find: told before it is loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nativeplug.checking import CheckOptions, check
from nativeplug.elf import defects
from nativeplug.loader import dlopen, linking
from nativeplug.loader.files import read_file
from samples import SEVEN
from support import BuildC, CPlugin, RunPython

#: What the test's process exports in any case, as Python needs it.
GLOBAL = "Py_GetVersion"


def missing(path: Path) -> tuple[str, ...]:
    """Return what is missing for a file."""
    return linking.find(read_file(str(path))).missing


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "nativeplug", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


class TestMissing:
    """What nobody could give the file."""

    def test_nothing(self, build_c: BuildC) -> None:
        """Nothing of a plugin that needs libc, and of one that needs what Python exports."""
        text = "#include <stdio.h>\nint f(void) { return puts(Py_GetVersion()); }"
        path = build_c(f"const char *{GLOBAL}(void);\n{text}")
        assert () == missing(path)

    def test_go(self, go_plugin: CPlugin) -> None:
        """Nothing of a Go plugin, which is not started for that."""
        assert () == missing(go_plugin("greeter"))

    def test_library(self, build_c: BuildC, tmp_path: Path) -> None:
        """A library that is gone, or that one of the libraries needs, but no symbol of it."""
        library = build_c("int g(void) { return 1; }", "libgone", "-Wl,-soname,libgone_qqqq.so.3")
        middle = build_c(
            "int g(void); int h(void) { return g(); }",
            "libmiddle",
            "-Wl,-soname,libmiddle_qqqq.so",
            str(library),
        )
        middle.rename(tmp_path / "libmiddle_qqqq.so")
        plugin = build_c(
            "int h(void); int f(void) { return h(); }",
            "plugin",
            str(tmp_path / "libmiddle_qqqq.so"),
            "-Wl,--allow-shlib-undefined,-rpath,$ORIGIN",
        )
        expected = "a library is not found: 'libgone_qqqq.so.3'"
        assert (expected,) == missing(plugin)
        shutil.move(library, tmp_path / "libgone_qqqq.so.3")
        assert (expected,) == missing(plugin)  # whose directory the one between does not name

    def test_library_beside(self, build_c: BuildC, tmp_path: Path) -> None:
        """A library that is found as the file says is not missing."""
        library = build_c("int g(void) { return 1; }", "libthere", "-Wl,-soname,libthere_q.so")
        library.rename(tmp_path / "libthere_q.so")
        flags = (str(tmp_path / "libthere_q.so"), "-Wl,-rpath,$ORIGIN")
        plugin = build_c("int g(void); int f(void) { return g(); }", "plugin", *flags)
        assert () == missing(plugin)

    def test_version(self, build_c: BuildC, tmp_path: Path) -> None:
        """A version that the library has not, as of a newer glibc, and what was needed of it."""
        (tmp_path / "map").write_text("GLIBC_2.99 { global: newer; local: *; };")
        flags = ("-nostdlib", "-Wl,-soname,libc.so.6", f"-Wl,--version-script={tmp_path / 'map'}")
        stub = build_c("int newer(void) { return 0; }", "stub", *flags)
        path = build_c("int newer(void); int f(void) { return newer(); }", "plugin", str(stub))
        first, second = missing(path)
        assert first.startswith("'")
        assert first.endswith("libc.so.6' has no version 'GLIBC_2.99', which it needs")
        assert "nobody defines 'newer' of version 'GLIBC_2.99', which it needs" == second

    def test_symbol(self, c_plugin: CPlugin) -> None:
        """A symbol that nobody defines."""
        expected = "nobody defines 'nobody_defines_this', which it needs"
        assert (expected,) == missing(c_plugin("undefined_symbol"))

    def test_weak_symbol(self, build_c: BuildC) -> None:
        """One that need not be there is not missing."""
        text = "__attribute__((weak)) int none_qqqq(void); int f(void) { return !!none_qqqq; }"
        assert () == missing(build_c(text))

    def test_sanitizer(self, build_c: BuildC, run_python: RunPython) -> None:
        """A sanitizer's runtime that this process has not."""
        code = """
            import sys
            from nativeplug.loader import linking
            from nativeplug.loader.files import read_file
            print(*linking.find(read_file(sys.argv[1])).missing, sep="\\n")
        """
        plugin = build_c(SEVEN, "plugin", "-fsanitize=address")
        done = run_python(code, plugin, env={"LD_PRELOAD": ""})
        (told,) = done.stdout.splitlines()
        assert told.startswith("it is built with AddressSanitizer (-fsanitize=address)")

    def test_nothing_runs(self, build_c: BuildC, tmp_path: Path) -> None:
        """Neither constructors run, nor what chooses functions."""
        text = f"""
            #include <stdlib.h>
            static int chosen(void) {{ return 1; }}
            static void *choose(void) {{ abort(); return chosen; }}
            int f(void) __attribute__((ifunc("choose")));
            int user(void) {{ return f(); }}
            __attribute__((constructor)) static void start(void) {{
                system("touch {tmp_path / "ran"}");
            }}
        """
        assert () == missing(build_c(text))
        assert not (tmp_path / "ran").exists()


class TestNotAsked:
    """Where the loader cannot be asked, it says why."""

    def test_audit(self, build_c: BuildC) -> None:
        """A file that names libraries for auditing is not given to it: they would run."""
        path = build_c(SEVEN, "plugin", "-Wl,--audit=libaudit_qqqq.so")
        with pytest.raises(linking.LinkingError, match=r"auditing \(DT_AUDIT\), which would run$"):
            missing(path)

    def test_other_libc(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another libc's loader is asked otherwise."""
        monkeypatch.setattr(defects, "host_libc", lambda: "musl")
        with pytest.raises(linking.LinkingError, match=r"^only glibc can be asked"):
            missing(build_c(SEVEN))

    def test_no_loader(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A loader that is not there is told."""
        monkeypatch.setattr(linking, "_find_loader", lambda: "/nowhere/ld.so")
        with pytest.raises(linking.LinkingError, match=r"cannot be asked: .*/nowhere/ld\.so"):
            missing(build_c(SEVEN))

    def test_file_gone(self, build_c: BuildC) -> None:
        """Nor what it cannot read itself."""
        path = build_c(SEVEN)
        content = read_file(str(path))
        path.unlink()
        with pytest.raises(linking.LinkingError, match=r"gave up \(status \d+\): .*No such file"):
            linking.find(content)


class TestInterposed:
    """Own symbols that the program has as well."""

    TEXT = f"""
        #include <string.h>
        const char *{GLOBAL}(void) {{ return "mine"; }}
        int own(void) {{ return 1; }}
        int used(void) {{ return own() + (int)strlen({GLOBAL}()); }}
    """

    def found(self, path: Path) -> frozenset[str]:
        """Return the names."""
        return linking.find(read_file(str(path))).interposed

    def test_called(self, build_c: BuildC) -> None:
        """Those that it uses itself."""
        assert dlopen.is_global(GLOBAL)
        assert {GLOBAL} == self.found(build_c(self.TEXT))

    def test_not_called(self, build_c: BuildC) -> None:
        """Not those that it only exports."""
        assert frozenset() == self.found(build_c(f"int {GLOBAL}(void) {{ return 1; }}"))

    @pytest.mark.parametrize(
        "remedy",
        ["-Wl,-Bsymbolic", "-fvisibility=hidden", "-fvisibility=protected"],
    )
    def test_remedies(self, build_c: BuildC, remedy: str) -> None:
        """Nor where its author has seen to it."""
        assert frozenset() == self.found(build_c(self.TEXT, "plugin", remedy))


@pytest.mark.slow
class TestCommands:
    """What the command line makes of it."""

    def test_check(self, build_c: BuildC) -> None:
        """Both are findings of check, with exit status 1."""
        text = TestInterposed.TEXT + "int nobody_q(void); int f(void) { return nobody_q(); }"
        done = command("check", build_c(text), "--json")
        told = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
        assert 1 == done.returncode
        assert "finding" == told["libraries"]["verdict"]
        assert ["nobody defines 'nobody_q', which it needs"] == told["libraries"]["texts"]
        (text,) = told["own symbols"]["texts"]
        assert text.startswith(f"its own calls of '{GLOBAL}' reach the program's function")

    def test_sound(self, build_c: BuildC) -> None:
        """Neither is one of a sound plugin; functions that may be replaced are none."""
        weak = TestInterposed.TEXT.replace("const char *Py", "__attribute__((weak)) const char *Py")
        report = check(read_file(str(build_c(weak))), CheckOptions())
        assert ["ok", "ok"] == [
            each.verdict for each in report.checks if each.name in {"libraries", "own symbols"}
        ]

    def test_inspect(self, c_plugin: CPlugin) -> None:
        """Inspect tells that it cannot be loaded here, and why."""
        expected = "nobody defines 'nobody_defines_this', which it needs"
        done = command("inspect", c_plugin("undefined_symbol"), "--json")
        assert [expected] == json.loads(done.stdout)["missing"]
        assert f"no: {expected}" in command("inspect", c_plugin("undefined_symbol")).stdout
        assert [] == json.loads(command("inspect", c_plugin("greeter"), "--json").stdout)["missing"]

    def test_inspect_what_cannot_be_asked(self, build_c: BuildC, tmp_path: Path) -> None:
        """Of what the loader is not asked about nothing is said."""
        audited = build_c(SEVEN, "plugin", "-Wl,--audit=libaudit_qqqq.so")
        assert json.loads(command("inspect", audited, "--json").stdout)["missing"] is None
        cut = tmp_path / "cut.so"
        cut.write_bytes(audited.read_bytes()[:-64])
        assert json.loads(command("inspect", cut, "--json").stdout)["missing"] is None
