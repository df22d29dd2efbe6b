"""Plugins that end the process which loads them: it is another one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nativeplug
from gates import PATIENCE
from nativeplug import FormatError, OpenError
from nativeplug.loader import child, private_copy, probe
from nativeplug.loader.child_programs import load
from samples import FLUSH
from support import BuildC, CPlugin, RunPython, call_int, descriptors, load_generation, needs_go

pytestmark = pytest.mark.slow

ENDED = "loading it in a process of its own ended that: "
NUMBER = "int number(void);"
#: A plugin whose constructor does something.
CONSTRUCTED = """
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int number(void) {{ return 7; }}
{before}
__attribute__((constructor)) static void start(void) {{ {statements} }}
"""
# A sanitizer would have a say otherwise.
CRASH = "signal(SIGSEGV, SIG_DFL); *(volatile int *)0 = 1;"
#: More than a pipe has room for.
PRINTS = 'for (int n = 0; n < 99999; n++) { puts("out"); fputs("error\\n", stderr); }'
#: Writes to the file that $LOG names what it is constructed for.
NOTE = """
FILE *log = fopen(getenv("LOG"), "a");
fputs(getenv("NATIVEPLUG_PROBE") == NULL ? "loaded " : "probed ", log);
fclose(log);
"""


Constructed = Callable[..., Path]


@pytest.fixture
def constructed(build_c: BuildC) -> Constructed:
    """Give a function that builds a plugin whose constructor does something."""

    def make(statements: str, before: str = "", *flags: str) -> Path:
        text = CONSTRUCTED.format(statements=statements, before=before)
        return build_c(text, "plugin", "-O0", *flags)

    return make


def probed(path: Path, seconds: float = PATIENCE, *, unloads: bool = False) -> probe.Probed:
    """Return what becomes of a plugin in a process of its own."""
    with (
        contextlib.closing(private_copy.copy(str(path), path.read_bytes())) as copy,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(probe, "SECONDS", seconds)
        return probe.probe_copy(str(path), copy, unloads=unloads)


def death_of(path: Path, seconds: float = PATIENCE) -> str | None:
    """Return what is found of a plugin."""
    return probed(path, seconds).death


def error_of(path: Path) -> OpenError:
    """Return the error that opening a plugin with a probe raises."""
    with pytest.raises(OpenError) as caught:
        nativeplug.open(path, NUMBER, probe=True)
    return caught.value


class TestDeaths:
    """Whatever ends the process is found."""

    @pytest.mark.parametrize(
        ("statements", "words"),
        [
            (CRASH, "killed by SIGSEGV (Segmentation fault)"),
            ("abort();", "killed by SIGABRT (Aborted)"),
            ("if (ftruncate(4, 1) == 0) abort();", "killed by SIGABRT (Aborted)"),
            ("exit(0);", "exited with status 0"),
            ("_exit(3);", "exited with status 3"),
            ("raise(SIGKILL);", "killed by SIGKILL (Killed)"),
            ('fputs("why\\n", stderr); abort();', "killed by SIGABRT (Aborted): why"),
            (f"{PRINTS} abort();", "killed by SIGABRT (Aborted): error"),
            (
                f"pid_t other = fork(); if (other != 0) {{ waitpid(other, NULL, 0); {CRASH} }}",
                "killed by SIGSEGV (Segmentation fault)",
            ),
            ('if (getenv("NATIVEPLUG_PROBE") != NULL) { _exit(5); }', "exited with status 5"),
        ],
    )
    def test_constructor(self, constructed: Constructed, statements: str, words: str) -> None:
        """A constructor that ends the process, in one way or another."""
        assert ENDED + words == death_of(constructed(statements))

    def test_time_limit(self, constructed: Constructed) -> None:
        """A constructor that does not end."""
        expected = f"{ENDED}did not end within 0.3 s and was killed"
        assert expected == death_of(constructed("for (;;) {}"), 0.3)

    def test_thread(self, constructed: Constructed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A thread that the constructor starts, and that has work for some time."""
        monkeypatch.setattr(probe, "_MOST", PATIENCE)
        thread = """
            static void *work(void *none) {
                for (volatile long left = 30000000; left > 0; left--) {}
                abort();
                return none;
            }
        """
        path = constructed("pthread_t t; pthread_create(&t, NULL, work, NULL);", thread, "-pthread")
        assert f"{ENDED}killed by SIGABRT (Aborted)" == death_of(path)

    @needs_go
    @pytest.mark.parametrize(("word", "told"), [("panic", "no way"), ("late", "no database")])
    def test_go(
        self,
        go_plugin: CPlugin,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        word: str,
        told: str,
    ) -> None:
        """An init function of Go's, which runs after dlopen has returned, however late it fails."""
        said = tmp_path / "said"
        said.write_text(word)
        monkeypatch.setenv("NATIVEPLUG_GO_INIT", str(said))
        assert (death_of(go_plugin("inits")) or "").endswith(f": panic: {told}")

    @needs_go
    def test_go_blocks(
        self, go_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An init function of Go's that does not end."""
        said = tmp_path / "said"
        said.write_text("block")
        monkeypatch.setenv("NATIVEPLUG_GO_INIT", str(said))
        expected = f"{ENDED}did not end within 0.5 s and was killed"
        assert expected == death_of(go_plugin("inits"), 0.5)

    def test_library_beside(self, build_c: BuildC, tmp_path: Path) -> None:
        """What is found relative to the plugin's place is found there, too."""
        soname = f"libdeadly_{tmp_path.name}.so"
        text = "#include <stdlib.h>\nint deadly(void) { abort(); }"
        build_c(text, soname.removesuffix(".so"), f"-Wl,-soname,{soname}")
        path = build_c(
            "int deadly(void);\n__attribute__((constructor)) void start(void) { deadly(); }",
            "plugin",
            f"-L{tmp_path}",
            f"-l:{soname}",
            "-Wl,-rpath,$ORIGIN",
        )
        before = sorted(tmp_path.rglob("*"))
        assert f"{ENDED}killed by SIGABRT (Aborted)" == death_of(path)
        assert before == sorted(tmp_path.rglob("*"))

    def test_no_files_in_memory(
        self, constructed: Constructed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the host has no memfd, the copy is a file, there as here."""
        path = constructed("abort();")
        monkeypatch.delattr(os, "memfd_create")
        assert f"{ENDED}killed by SIGABRT (Aborted)" == death_of(path)

    def test_nobody_can_tell(self, constructed: Constructed, run_python: RunPython) -> None:
        """Where SIGCHLD is ignored it is found all the same."""
        code = """
            import signal, sys, nativeplug
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            try:
                print(nativeplug.open(sys.argv[1], "int number(void);", probe=True).number())
            except nativeplug.FormatError as error:
                print(error.reason)
        """
        unknown = "ended, and nobody can tell how: SIGCHLD is ignored, or others reap"
        for statements, told in (("", "7"), ("abort();", ENDED + unknown)):
            assert f"{told}\n" == run_python(code, constructed(statements)).stdout


class TestSurvived:
    """What does not end the process is none of the probe's business."""

    @pytest.mark.parametrize(
        "statements",
        [
            "",
            "for (int n = 3; n < 100; n++) { close(n); }",
            "for (int n = 0; n < 100; n++) { close(n); }",
            "if (fork() == 0) { pause(); }",
            "if (fork() == 0) { abort(); }",
            PRINTS,
        ],
        ids=["nothing", "closes", "closes all", "leaves a process", "child dies", "prints"],
    )
    def test_constructor(
        self, constructed: Constructed, statements: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A constructor that lives is no finding, and nothing that it prints is seen."""
        assert death_of(constructed(statements)) is None
        assert ("", "") == capfd.readouterr()

    def test_no_proc(
        self, constructed: Constructed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Where there is no /proc it is loaded and unloaded as well; and its death is its own."""
        text = Path(load.__file__).read_text(encoding="utf-8")
        assert '"/proc/self"' in text
        program = tmp_path / "load_without_proc.py"
        program.write_text(text.replace('"/proc/self"', '"/nowhere"'), encoding="utf-8")
        monkeypatch.setattr(probe, "_MOST", 0.0)
        monkeypatch.setattr(probe, "_PROGRAM", str(program))
        assert probe.Probed() == probed(constructed(""), unloads=True)
        path = constructed(CRASH)
        assert "SIGSEGV" in str(death_of(path))

    def test_refused_by_the_loader(self, c_plugin: CPlugin) -> None:
        """What the dynamic loader refuses there may be there here."""
        path = c_plugin("undefined_symbol")
        assert death_of(path) is None
        expected = f"{path}: undefined symbol: nobody_defines_this"
        assert probe.Probed(None, expected) == probed(path, unloads=True)

    @needs_go
    def test_go(self, go_plugin: CPlugin) -> None:
        """A Go runtime may start."""
        assert death_of(go_plugin("greeter")) is None

    def test_nothing_stays(
        self, constructed: Constructed, run_python: RunPython, tmp_path: Path
    ) -> None:
        """No descriptor, and no process."""
        own = {"NATIVEPLUG_CACHE_DIR": str(tmp_path / "cache")}  # where nobody tidies up meanwhile
        code = """
            import os, sys, nativeplug
            for turn in range(8):
                try:
                    nativeplug.open(sys.argv[1], probe=True)
                except nativeplug.FormatError:
                    print(len(os.listdir("/proc/self/fd")))
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                print("no child")
        """
        *counts, last = run_python(code, constructed("abort();"), env=own).stdout.splitlines()
        assert (8, 1, "no child") == (len(counts), len({*counts}), last)


class TestUnloading:
    """The copy is unloaded there, where it may be unloaded here."""

    ENDED = "unloading it in a process of its own ended that: "
    END = "__attribute__((destructor)) static void end(void) {{ {} }}"

    def test_destructors(self, constructed: Constructed, tmp_path: Path) -> None:
        """The destructors run there if that is asked for, and not otherwise."""
        made = tmp_path / "made"
        path = constructed("", self.END.format(f'fopen("{made}", "w");'))
        assert (probe.Probed(), False) == (probed(path), made.exists())
        assert (probe.Probed(), True) == (probed(path, unloads=True), made.exists())

    @pytest.mark.parametrize(
        ("statements", "words"),
        [
            (CRASH, "killed by SIGSEGV (Segmentation fault)"),
            ("_exit(0);", "exited with status 0"),
            ('fputs("why\\n", stderr); abort();', "killed by SIGABRT (Aborted): why"),
        ],
    )
    def test_death(self, constructed: Constructed, statements: str, words: str) -> None:
        """A destructor that ends the process, in one way or another."""
        path = constructed("", self.END.format(statements))
        assert f"{self.ENDED}{words}" == probed(path, unloads=True).death

    def test_time_limit(self, constructed: Constructed) -> None:
        """A destructor that does not end."""
        path = constructed("", self.END.format("for (;;) {}"))
        expected = f"{self.ENDED}did not end within 0.5 s and was killed"
        assert expected == probed(path, 0.5, unloads=True).death

    def test_library(self, build_c: BuildC, tmp_path: Path) -> None:
        """The libraries that it needs stay there, as they do here: their destructors do not run."""
        name = f"libended_{tmp_path.name}.so"
        end = self.END.format("abort();")
        build_c(f"#include <stdlib.h>\nint one(void) {{ return 1; }}\n{end}", name[:-3])
        path = build_c(
            "int one(void);\nint two(void) { return one() + 1; }",
            "plugin",
            f"-L{tmp_path}",
            f"-l:{name}",
            "-Wl,-rpath,$ORIGIN",
        )
        assert probe.Probed() == probed(path, unloads=True)

    def test_resident(self, constructed: Constructed) -> None:
        """A plugin that is to stay mapped here, as it starts threads, is not unloaded there."""
        work = "static void *work(void *none) { for (;;) pause(); return none; }"
        end = self.END.format('if (getenv("NATIVEPLUG_PROBE") != NULL) abort();')
        path = constructed(
            "pthread_t t; pthread_create(&t, NULL, work, NULL);", work + end, "-pthread"
        )
        assert nativeplug.open(path, NUMBER, probe=True).number() == 7


class TestAltered:
    """What constructors alter of how the thread computes."""

    ROUNDS = "#include <fenv.h>\n"

    @pytest.mark.parametrize("mode", ["FE_UPWARD", "FE_DOWNWARD", "FE_TOWARDZERO"])
    def test_rounding(self, constructed: Constructed, mode: str) -> None:
        """The rounding mode."""
        path = constructed(f"fesetround({mode});", self.ROUNDS, "-lm")
        words = "its constructors change how numbers are rounded, in the thread that loads it"
        assert (words,) == probed(path).altered

    def test_denormals(self, constructed: Constructed) -> None:
        """Denormal numbers count as zero."""
        path = constructed(f"{FLUSH} (void)fegetround();", self.ROUNDS, "-lm")
        words = (
            "its constructors make denormal numbers zero, in the thread that loads it "
            "(-ffast-math?)"
        )
        assert (words,) == probed(path).altered


class TestImpossible:
    """A probe that cannot be made is an error, not left out."""

    def test_no_python(self, constructed: Constructed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is no Python to start."""
        path = constructed("")
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        monkeypatch.delitem(sys.modules, "multiprocessing.spawn", raising=False)
        error = error_of(path)
        reason = (
            "cannot probe it: cannot start Python '/nowhere/python': No such file or directory; "
            "probe=False does without"
        )
        assert (str(path), reason) == (error.path, error.reason)
        assert f"cannot open plugin '{path}': {reason}" == str(error)
        assert not isinstance(error, FormatError)
        assert 7 == nativeplug.open(path, NUMBER, probe=False).number()

    def test_other_program(self, constructed: Constructed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where what is started is no Python."""
        path = constructed("")
        monkeypatch.setattr(sys, "executable", "/bin/ls")
        monkeypatch.delitem(sys.modules, "multiprocessing.spawn", raising=False)
        assert error_of(path).reason.startswith("cannot probe it: Python exited with status 2: ")


class TestOpen:
    """When a probe is made."""

    @pytest.fixture
    def noted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
        """Give a function that returns what was noted since."""
        log = tmp_path / "log"
        monkeypatch.setenv("LOG", str(log))

        def read() -> str:
            text = log.read_text().strip() if log.exists() else ""
            log.unlink(missing_ok=True)
            return text

        return read

    @pytest.mark.parametrize(
        ("asked", "first", "update"),
        [
            (None, "loaded", "probed loaded"),
            (True, "probed loaded", "probed loaded"),
            (False, "loaded", "loaded"),
        ],
    )
    def test_asked(
        self,
        constructed: Constructed,
        noted: Callable[[], str],
        asked: bool | None,  # noqa: FBT001 - a row of the table
        first: str,
        update: str,
    ) -> None:
        """Of the first version if that is asked for, of others unless that is declined."""
        path = constructed(NOTE)
        plg = nativeplug.open(path, NUMBER, probe=asked)
        assert first == noted()
        assert plg is nativeplug.open(path, probe=asked)
        assert "unchanged" == plg.update()
        constructed(NOTE, "int more;")
        assert "updated" == plg.update()
        assert update == noted()
        plg.rollback()
        assert (1, "") == (plg.generation, noted())

    def test_said_later(self, constructed: Constructed, noted: Callable[[], str]) -> None:
        """What is said when it is open counts for what comes."""
        path = constructed(NOTE)
        plg = nativeplug.open(path, NUMBER, probe=True)
        assert plg is nativeplug.open(path, probe=False)
        assert "probed loaded" == noted()
        constructed(NOTE, "int more;")
        assert plg is nativeplug.open(path)
        assert (2, "loaded") == (plg.generation, noted())

    def test_refused(self, constructed: Constructed, noted: Callable[[], str]) -> None:
        """A file that the probe has died of is not loaded."""
        path = constructed(f"{NOTE} abort();")
        error = error_of(path)
        assert isinstance(error, FormatError)
        assert (str(path), f"{ENDED}killed by SIGABRT (Aborted)") == (error.path, error.reason)
        assert f"cannot open plugin '{path}': {error.reason}" == str(error)
        assert "probed" == noted()

    def test_kept_copy(
        self, constructed: Constructed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy that stays is made once, and found where the probe has died of it."""
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", str(tmp_path / "kept"))
        path = constructed("abort();")
        assert ENDED in str(error_of(path))
        (folder,) = (tmp_path / "kept").iterdir()
        assert path.read_bytes() == (folder / path.name).read_bytes()

    def test_without(self, constructed: Constructed) -> None:
        """What loads a file without a word has none."""
        assert 7 == call_int(
            load_generation(constructed('if (getenv("NATIVEPLUG_PROBE")) abort();')), "number"
        )

    def test_threads_and_descriptors(self, constructed: Constructed, run_python: RunPython) -> None:
        """Threads that open the same file and others have one probe for each file."""
        code = """
            import shutil, sys, nativeplug
            from concurrent.futures import ThreadPoolExecutor
            paths = [shutil.copy(sys.argv[1], f"{number}.so") for number in range(4)]
            with ThreadPoolExecutor(16) as pool:
                open = lambda n: nativeplug.open(paths[n % 4], "int number(void);", probe=True)
                print({plg.number() for plg in pool.map(open, range(32))})
            print(sorted(__import__("pathlib").Path(sys.argv[2]).read_text().split()))
        """
        log = constructed(NOTE).with_name("log")
        done = run_python(code, log.with_name("plugin.so"), log, env={"LOG": str(log)})
        expected = ["{7}", str(["loaded"] * 4 + ["probed"] * 4)]
        assert expected == done.stdout.splitlines(), done.stderr


class TestSystem:
    """A system library is probed by its name."""

    CODE = """
        import sys, nativeplug
        from nativeplug import Policy
        asked = {"option": {"probe": True}, "policy": {"policy": Policy(probe=True)}, "not": {}}
        options = asked[sys.argv[1]]
        try:
            print(nativeplug.open("libours.so.1", "int number(void);", **options).number())
        except nativeplug.OpenError as error:
            print(f"{type(error).__name__}: {error}")
    """

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [("option", "probed loaded"), ("policy", "probed loaded"), ("not", "loaded")],
    )
    def test_asked(
        self,
        constructed: Constructed,
        run_python: RunPython,
        tmp_path: Path,
        asked: str,
        expected: str,
    ) -> None:
        """It is where that is asked for, by option or by policy."""
        constructed(NOTE).rename(tmp_path / "libours.so.1")
        env = {"LOG": str(tmp_path / "log"), "LD_LIBRARY_PATH": str(tmp_path)}
        assert "7\n" == run_python(self.CODE, asked, env=env).stdout
        assert expected == (tmp_path / "log").read_text().strip()

    def test_death(self, constructed: Constructed, run_python: RunPython, tmp_path: Path) -> None:
        """One that ends the other process is refused."""
        constructed("abort();").rename(tmp_path / "libours.so.1")
        found = run_python(self.CODE, "option", env={"LD_LIBRARY_PATH": str(tmp_path)}).stdout
        expected = f"FormatError: cannot open plugin 'libours.so.1': {ENDED}killed by SIGABRT"
        assert expected == found[: len(expected)]

    def test_missing(self) -> None:
        """One that is not there is refused by the dynamic loader, in its words."""
        with pytest.raises(OpenError, match=r"libqqqq\.so\.9: cannot open shared object file"):
            nativeplug.open("libqqqq.so.9", NUMBER, probe=True)

    def test_not_possible(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no process can be started, that is an error."""
        monkeypatch.setattr(child, "_find_python", lambda: "/nowhere/python")
        with pytest.raises(OpenError, match="cannot probe it: cannot start Python '/nowhere/"):
            nativeplug.open("libanl.so.1", NUMBER, probe=True)


def test_no_descriptor_stays(constructed: Constructed) -> None:
    """Neither of what is survived, nor of what is not."""
    deadly, before = constructed("abort();"), descriptors()
    for _ in range(5):
        assert death_of(deadly)
    assert before == descriptors()
