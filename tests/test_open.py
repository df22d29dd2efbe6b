"""Opening and closing plugins."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import ClosedError, DeclarationError, FormatError, OpenError, Plugin, plugin
from nativeplug.load.generation import load_file
from nativeplug.load.image import FileChangedError
from support import BuildC, CPlugin, RunPython

MANY = 64
NUMBER = "int number(void);"
SEVEN = "int number(void) { return 7; }"
EIGHT = "int number(void) { return 8; }"


@pytest.fixture
def greeter(c_plugin: CPlugin) -> Iterator[Plugin]:
    """Give an open plugin; it is closed after the test."""
    with nativeplug.open(c_plugin("greeter")) as plg:
        yield plg


@pytest.fixture
def slow(
    c_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Path]:
    """Give a function that copies a plugin whose constructor takes so many milliseconds."""

    def make(milliseconds: int) -> Path:
        monkeypatch.setenv("NATIVEPLUG_SLOW_MS", str(milliseconds))
        monkeypatch.setenv("NATIVEPLUG_CONSTRUCTOR_LOG", str(tmp_path / "log"))
        return Path(shutil.copy(c_plugin("slow_constructor"), tmp_path / "slow.so"))

    return make


def constructor_runs(path: Path) -> int:
    """Return how often the constructor of a plugin ran."""
    return len((path.parent / "log").read_text().splitlines())


def open_at_once(path: Path, count: int = MANY) -> list[Plugin | BaseException]:
    """Open a plugin in threads at once; return what each got."""
    outcomes: list[Plugin | BaseException] = []
    gate = threading.Barrier(count)

    def work() -> None:
        gate.wait()
        try:
            outcomes.append(nativeplug.open(path, "int constructed(void);"))
        except OpenError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestDescriptors:
    """An open plugin has a descriptor; a closed one has none."""

    def test_closing_gives_it_back(self, c_plugin: CPlugin, tmp_path: Path) -> None:
        """Opening and closing again and again uses up no descriptors."""
        path = shutil.copy(c_plugin("greeter"), tmp_path / "greeter.so")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            nativeplug.open(path).close()
        assert before == len(os.listdir("/proc/self/fd"))


class TestInPlace:
    """A file that has to be loaded itself, as no copy can be made where it would work."""

    @pytest.fixture
    def path(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Give such a file."""

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr("tempfile.mkstemp", refuse)
        return build_c("int number(void) { return 1; }", "plugin", "-Wl,-rpath,$ORIGIN")

    def test_again(self, path: Path) -> None:
        """It can be opened again after it was closed."""
        for _ in range(2):
            with nativeplug.open(path, "int number(void);") as plg:
                assert 1 == plg.number()

    def test_newer(self, path: Path) -> None:
        """A newer version is refused where the loader would give the old one again."""
        nativeplug.open(path).close()
        os.utime(path, (1, 1))
        with pytest.raises(OpenError, match="an older version is loaded"):
            nativeplug.open(path)


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
        assert 1 == len({nativeplug.open(spelling) for spelling in spellings})  # type: ignore[arg-type]
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
            import os, sys, nativeplug.plugin
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

        def change(*_args: object) -> None:
            raise FileChangedError

        monkeypatch.setattr("nativeplug.plugin.load_file", change)
        with pytest.raises(OpenError, match=r"the file changes while it is read$"):
            nativeplug.open(c_plugin("variables"))

    def test_changed_once(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that changes while it is opened is opened as it is then."""
        path = build_c(SEVEN)

        def change(*args: object) -> object:
            monkeypatch.undo()
            build_c(EIGHT)
            return load_file(*args)  # type: ignore[arg-type]

        monkeypatch.setattr("nativeplug.plugin.load_file", change)
        assert 8 == nativeplug.open(path, NUMBER).number()

    @pytest.mark.parametrize("path", [None, 3, ["greeter.so"]])
    def test_no_path(self, path: object) -> None:
        """What is no path is a TypeError."""
        with pytest.raises(TypeError, match="expected str"):
            nativeplug.open(path)  # type: ignore[arg-type]

    def test_wrong_declarations_load_nothing(self, slow: Callable[[int], Path]) -> None:
        """A mistake in the declarations is found before any of the plugin's code runs."""
        path = slow(0)
        with pytest.raises(DeclarationError):
            nativeplug.open(path, "int constructed(")
        assert not (path.parent / "log").exists()


class TestConstructors:
    """Constructors run once, without the GIL and without our locks."""

    def test_other_threads_run(self, slow: Callable[[int], Path]) -> None:
        """While a constructor takes its time, other threads run."""
        path, ticks, done = slow(300), [], threading.Event()

        def tick() -> None:
            while not done.wait(0.001):
                ticks.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        start = time.monotonic()
        nativeplug.open(path)
        end = time.monotonic()
        done.set()
        thread.join()
        assert 0.3 <= end - start
        # With the GIL held there would be next to none of some 300.
        assert 20 <= sum(start + 0.05 < tick < end - 0.05 for tick in ticks)

    def test_no_lock_of_ours(self, slow: Callable[[int], Path], greeter: Plugin) -> None:
        """While a constructor runs, other plugins are opened again, called, and closed."""
        path = slow(1500)
        function = greeter.lookup("Add")
        thread = threading.Thread(target=nativeplug.open, args=(path,))
        thread.start()
        while all(entry.done.is_set() for entry in list(plugin._cache._entries.values())):
            time.sleep(0.001)
        time.sleep(0.05)  # for the dynamic loader to begin
        assert greeter is nativeplug.open(greeter.path, "int Add2(void);")
        assert 5 == greeter.Add(2, 3)
        assert function is greeter.lookup("Add")
        with pytest.raises(OpenError):
            nativeplug.open("/nowhere/plugin.so")
        greeter.close()
        assert thread.is_alive()  # so nothing of this has waited for the constructor
        thread.join()

    def test_many_threads(self, slow: Callable[[int], Path]) -> None:
        """64 threads that open one fresh plugin cause one run and get one object."""
        path = slow(50)
        plugins = open_at_once(path)
        assert 1 == len(set(plugins))
        assert MANY == len(plugins)
        assert 1 == nativeplug.open(path).constructed() == constructor_runs(path)

    def test_many_failures(self, build_c: BuildC) -> None:
        """64 threads whose plugin does not load get equal errors, each its own; then it may."""
        path = build_c("int nobody_qqqq(void); int constructed(void) { return nobody_qqqq(); }")
        errors = open_at_once(path)
        assert MANY == len({id(error) for error in errors})
        message = f"cannot open plugin '{path}': {path}: undefined symbol: nobody_qqqq"
        assert {(OpenError, message)} == {(type(error), str(error)) for error in errors}
        build_c("int constructed(void) { return 1; }")
        assert 1 == nativeplug.open(path, "int constructed(void);").constructed()

    def test_open_and_close_at_once(self, c_plugin: CPlugin) -> None:
        """Threads that open and close one plugin never get it closed by its opening."""
        path, errors = c_plugin("variables"), list[BaseException]()

        def work() -> None:
            try:
                for _ in range(20):
                    nativeplug.open(path).close()
            except nativeplug.PluginError as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [] == errors

    def test_reentrant(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A load that opens the plugin itself is refused, not waited for."""
        path = build_c(SEVEN)

        def reenter(*args: object) -> object:
            with pytest.raises(OpenError, match="its own constructor, or a signal handler"):
                nativeplug.open(path)
            return load_file(*args)  # type: ignore[arg-type]

        monkeypatch.setattr("nativeplug.plugin.load_file", reenter)
        assert 7 == nativeplug.open(path, NUMBER).number()

    def test_interrupt(self, slow: Callable[[int], Path], run_python: RunPython) -> None:
        """An interrupt of the thread that loads lets one that waits take over."""
        path = slow(300)
        code = """
            import signal, sys, threading, time, nativeplug.plugin
            waiter = threading.Thread(target=lambda: (
                time.sleep(0.05), print(nativeplug.open(sys.argv[1], "int constructed(void);"))))
            waiter.start()
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.15)
            try:
                nativeplug.open(sys.argv[1])
            except KeyboardInterrupt:
                print("interrupted")
            waiter.join()
            print(nativeplug.open(sys.argv[1]).constructed())
        """
        done = run_python(code, path)
        expected = f"interrupted\n<nativeplug.Plugin '{path}', generation 1>\n1\n"
        assert (expected, "") == (done.stdout, done.stderr)


class TestClosing:
    """close() closes for everyone, for good, and for this object only."""

    def test_everything_is_closed(self, greeter: Plugin) -> None:
        """Whatever came from the plugin raises ClosedError, kept functions too."""
        function: Any = greeter.lookup("GetName")
        variable: Any = greeter.lookup("Name")
        add = greeter.Add
        other = nativeplug.open(greeter.path)
        greeter.close()
        uses: list[Callable[..., object]] = [
            *(function, lambda: add(2, 3), lambda: add("wrong")),
            *(lambda: variable.value, lambda: setattr(variable, "value", "x")),
            *(lambda: other.lookup("Add"), lambda: other.lookup("qqqq"), lambda: other.Add),
            *(lambda: other.Name, lambda: setattr(other, "Name", "x"), lambda: other.qqqq),
            *(lambda: other.ffi, lambda: "Add" in other, lambda: list(other)),
            *(lambda: other.callback("int(*)(void)", abs), other.__enter__),
        ]
        for use in uses:
            with pytest.raises(ClosedError) as caught:
                use()
            expected = f"plugin '{greeter.path}' is closed; open it again"
            assert (expected, greeter.path) == (str(caught.value), caught.value.path)

    def test_what_still_works(self, greeter: Plugin) -> None:
        """A closed plugin says that it is one."""
        path = greeter.path
        states = [greeter.closed]
        greeter.close()
        assert [False, True] == [*states, greeter.closed]
        assert f"<nativeplug.Plugin {path!r}, closed>" == repr(greeter)
        assert "lookup" in dir(greeter)
        assert "Add" not in dir(greeter)
        assert path == greeter.path

    def test_idempotent(self, greeter: Plugin) -> None:
        """To close a closed plugin does nothing, also when the file is open again."""
        greeter.close()
        again = nativeplug.open(greeter.path)
        greeter.close()
        assert not again.closed
        assert again is nativeplug.open(greeter.path)

    def test_reopened(self, build_c: BuildC) -> None:
        """The file opened again is a fresh object with fresh variables."""
        path = build_c("int x = 1;")
        first = nativeplug.open(path, "extern int x;")
        first.x = 5
        first.close()
        second = nativeplug.open(path, "extern int x;")
        assert first is not second
        assert 1 == second.x
        with pytest.raises(ClosedError):
            first.x  # noqa: B018

    def test_with(self, c_plugin: CPlugin) -> None:
        """``with`` closes at its end, also when that is an exception."""
        plg = nativeplug.open(c_plugin("greeter"))
        with pytest.raises(ZeroDivisionError), plg as entered:
            entered.Add(1, 1 // 0)
        assert entered is plg
        assert plg.closed

    def test_dropped(self, build_c: BuildC) -> None:
        """A plugin that nobody holds stays open."""
        path = build_c("int x = 1;")
        nativeplug.open(path, "extern int x;").x = 5
        gc.collect()
        assert 5 == nativeplug.open(path).x

    def test_calls_under_way(self, build_c: BuildC) -> None:
        """A call that began before the plugin was closed ends as usual."""
        text = """
            #define _GNU_SOURCE
            #include <unistd.h>
            int nap(void) { usleep(200000); return 7; }
        """
        plg, results = nativeplug.open(build_c(text), "int nap(void);"), []
        thread = threading.Thread(target=lambda nap: results.append(nap()), args=(plg.nap,))
        thread.start()
        time.sleep(0.05)
        plg.close()
        assert [] == results
        thread.join()
        assert [7] == results

    def test_lookup_meanwhile(self, c_plugin: CPlugin) -> None:
        """A function that is looked up while the plugin is closed is closed too."""
        for _ in range(30):
            plg, kept = nativeplug.open(c_plugin("numbers")), list[Any]()

            def work(plg: Plugin, kept: list[Any]) -> None:
                with contextlib.suppress(ClosedError):
                    kept.extend(plg.lookup(name) for name in plg)

            thread = threading.Thread(target=work, args=(plg, kept))
            thread.start()
            plg.close()
            thread.join()
            for function in kept:
                with pytest.raises(ClosedError):
                    function(1)


class TestFiles:
    """The user's file may go its own way while the plugin serves."""

    CODE = """
        import os, sys, nativeplug
        path, action = sys.argv[1:]
        plg = nativeplug.open(path, "int number(void); extern char text[];")
        assert plg.number() == 7
        if action == "overwrite":
            size = os.path.getsize(path)
            with open(path, "r+b") as file:
                file.write(bytes(size))
        elif action == "truncate":
            os.truncate(path, 0)
        elif action == "delete":
            os.unlink(path)
        elif action == "close descriptors":
            os.closerange(3, 4096)
        print(plg.number(), plg.text[0:1], "numbr" in plg)
    """
    TEXT = SEVEN + "char text[100000] = {'a'};"

    @pytest.mark.parametrize("action", ["overwrite", "truncate", "delete", "close descriptors"])
    def test_calls_go_on(self, build_c: BuildC, run_python: RunPython, action: str) -> None:
        """Calls go on, and memory that was not touched yet can be read."""
        done = run_python(self.CODE, build_c(self.TEXT), action)
        assert (0, "7 a False\n", "") == (done.returncode, done.stdout, done.stderr)

    def test_changed_file(self, build_c: BuildC) -> None:
        """A changed file that is opened runs the new code; the old object serves the old."""
        path = build_c(SEVEN)
        first = nativeplug.open(path, NUMBER)
        data = build_c(EIGHT, "other").read_bytes()
        path.write_bytes(data)
        second = nativeplug.open(path, NUMBER)
        assert (7, 8) == (first.number(), second.number())
        assert second is nativeplug.open(path)

    def test_changed_at_once(self, build_c: BuildC, tmp_path: Path) -> None:
        """A file of the same size, written right after it was opened, runs the new code."""
        versions = [build_c(text, name).read_bytes() for text, name in [(SEVEN, "a"), (EIGHT, "b")]]
        assert len(versions[0]) == len(versions[1])
        path = tmp_path / "plugin.so"
        for turn in range(20):
            path.write_bytes(versions[turn % 2])
            assert 7 + turn % 2 == nativeplug.open(path, NUMBER).number()

    def test_replaced_file(self, build_c: BuildC) -> None:
        """A file that was renamed over the first runs the new code."""
        path = build_c(SEVEN)
        assert 7 == nativeplug.open(path, NUMBER).number()
        build_c(EIGHT, "new").rename(path)
        assert 8 == nativeplug.open(path, NUMBER).number()

    def test_descriptors_closed(self, build_c: BuildC, run_python: RunPython) -> None:
        """A program that closes descriptors it does not know gets the right code all the same."""
        code = """
            import os, sys, nativeplug
            numbers = []
            for _ in range(3):
                for path in sys.argv[1:]:
                    with nativeplug.open(path, "int number(void);") as plg:
                        numbers.append(plg.number())
                    os.closerange(3, 4096)
            print(numbers)
        """
        done = run_python(code, build_c(SEVEN, "seven"), build_c(EIGHT, "eight"))
        assert ("[7, 8, 7, 8, 7, 8]\n", "") == (done.stdout, done.stderr)

    def test_failures_leak_nothing(self, c_plugin: CPlugin, tmp_path: Path) -> None:
        """A hundred failed attempts of each kind leave no descriptor open."""
        (tmp_path / "text.so").write_text("text")
        before = len(os.listdir("/proc/self/fd"))
        for path in (tmp_path / "text.so", tmp_path, c_plugin("undefined_symbol"), "/nowhere"):
            for _ in range(100):
                with pytest.raises(OpenError):
                    nativeplug.open(path)
        assert before == len(os.listdir("/proc/self/fd"))


class TestSignals:
    """A signal handler may open what the program opens."""

    def test_handler(self, greeter: Plugin) -> None:
        """A handler that opens and looks up cannot lock the thread that it interrupts."""
        runs = []

        def handle(_number: int, _frame: object) -> None:
            runs.append(nativeplug.open(greeter.path).lookup("Add"))

        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            while len(runs) < 50:
                nativeplug.open(greeter.path).lookup("Add")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert {greeter.lookup("Add")} == set(runs)
