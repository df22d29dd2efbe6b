"""Updates, closing and unloading in the middle of something."""

from __future__ import annotations

import gc
import itertools
import os
import threading
from pathlib import Path

import pytest

import building
import nativeplug
from gates import GATE_C, GATES, PATIENCE, interrupted
from nativeplug import ClosedError, DeclarationError, UpdateError
from support import RunPython
from versions import DECLARED, Versions, refused

TWICE = "int64_t twice(int64_t x) { return 2 * x; }"
TWICE_DECLARED = "int64_t twice(int64_t x);"


class Closing:
    """A number that closes something when it is asked for."""

    def __init__(self, view: nativeplug.Plugin | nativeplug.Pin) -> None:
        self._view = view

    def __index__(self) -> int:
        """Close it."""
        self._view.close()
        return 21


class TestInTheMiddleOfACall:
    """What an argument's own code does counts for the call."""

    @pytest.mark.parametrize("invoker", ["core", "cffi"])
    @pytest.mark.parametrize("unload", ["never", "when_idle"])
    @pytest.mark.parametrize("hold", [(), ["twice"]], ids=["released", "held"])
    @pytest.mark.parametrize("pinned", [False, True], ids=["plugin", "pin"])
    def test_closed(  # noqa: PLR0913 - all combinations
        self,
        versions: Versions,
        monkeypatch: pytest.MonkeyPatch,
        *,
        invoker: str,
        unload: str,
        hold: list[str],
        pinned: bool,
    ) -> None:
        """A call that an argument's code closes the plugin of has begun, and ends as usual."""
        monkeypatch.setenv("NATIVEPLUG_INVOKER", invoker)
        versions.put(1, TWICE)
        plg = versions.open(
            TWICE_DECLARED, unload=unload, hold_gil=hold if invoker == "core" else ()
        )
        view = plg.pin() if pinned else plg
        twice = view.twice

        assert 42 == twice(Closing(view))
        with pytest.raises(ClosedError):
            twice(21)

    def test_updated(self, versions: Versions) -> None:
        """A call that an argument's code updates the plugin of ends where it has begun."""

        class Updating:
            def __index__(self) -> int:
                """Update it."""
                versions.put(2, TWICE.replace("2 * x", "20 * x"))
                plg.update()
                return 21

        versions.put(1, TWICE)
        plg = versions.open(TWICE_DECLARED, unload="when_idle")

        assert (42, 420) == (plg.twice(Updating()), plg.twice(21))
        assert [0, 0] == [each.calls for each in plg.generations]

    def test_by_the_garbage_collector(self, versions: Versions) -> None:
        """What a collection does in the middle of a map is no harm."""
        from array import array

        versions.put(1, TWICE)
        plg = versions.open(TWICE_DECLARED, unload="when_idle")
        twice = plg.lookup("twice")

        def update(phase: str, _info: object) -> None:
            if phase == "start":
                gc.callbacks.remove(update)
                versions.put(2, TWICE)
                plg.update()

        threshold = gc.get_threshold()
        gc.callbacks.append(update)
        gc.set_threshold(1)
        try:
            found = twice.map(array("q", [1, 2]))  # type: ignore[union-attr]
        finally:
            gc.set_threshold(*threshold)

        assert [2, 4] == found.tolist()
        assert 2 == plg.version()
        assert {0} == {each.calls for each in plg.generations}


class TestHeldCalls:
    """Calls that hold the GIL are counted where unloading depends on it."""

    def test_too_late(self, versions: Versions) -> None:
        """What was looked up uncounted cannot be counted later."""
        versions.put(1)
        plg = versions.open(hold_gil=["version"])
        assert 1 == plg.version()

        with pytest.raises(DeclarationError, match="unload= comes too late: 'version'"):
            versions.open(unload="when_idle")
        assert plg._updates.options.unload is None
        assert plg is versions.open(max_generations=7)


class TestSignals:
    """A signal handler may update, wherever it comes."""

    @pytest.mark.slow
    def test_handler(self, versions: Versions) -> None:
        """As a service does that reloads at SIGHUP."""
        numbers, data = itertools.count(), versions.build(2).read_bytes()
        versions.put(1)
        plg = versions.open(unload="when_idle")
        seen: list[str] = []

        def reload() -> None:
            versions.path.write_bytes(data + b"%d" % next(numbers))
            try:
                seen.append(plg.update())
            except UpdateError as error:
                seen.append(error.reasons[0])

        reload()
        with plg.pin():  # so there is always something to wait for
            interrupted(plg.update, reload, "runtime/")

        assert {"updated", "an update of it is under way in this thread"} == {*seen}
        versions.put(3)
        assert "updated" == plg.update()
        assert 3 == plg.version()

    def test_unfollow_in_a_hook(self, versions: Versions) -> None:
        """A hook that ends following does not wait for itself."""
        versions.put(1)
        plg = versions.open(before_update=lambda plg: plg.unfollow())
        done = threading.Event()
        plg.follow(lambda *_: done.set())
        versions.put(2)

        assert done.wait(PATIENCE)
        assert 2 == plg.version()


class TestClosedMeanwhile:
    """A plugin that is closed while it is opened or updated is nobody's plugin."""

    def test_by_a_hook(self, versions: Versions) -> None:
        """The next to open the file gets a fresh one."""
        versions.put(1)
        first = versions.open(after_update=lambda plg: plg.close())
        versions.put(2)
        second = versions.open()

        assert first is not second
        assert first.closed
        assert second is nativeplug.open(versions.path)
        assert 2 == second.version()

    def test_update_of_a_closed_one(self, versions: Versions) -> None:
        """It does not disturb the one that is open."""
        versions.put(1)
        first = versions.open()
        first.close()
        second = versions.open()
        with pytest.raises(ClosedError):
            first.update()
        versions.put(2)

        assert second is versions.open()
        assert 2 == second.version()

    def test_what_is_kept_of_a_pin(self, versions: Versions) -> None:
        """What outlives its pin is closed with the plugin all the same."""
        versions.put(1)
        plg = versions.open(unload="when_idle")
        function, variable = plg.pin().lookup("version"), plg.pin().lookup("number")
        gc.collect()
        assert (1, 1) == (function(), variable.value)  # type: ignore[operator, union-attr]
        plg.close()

        with pytest.raises(ClosedError):
            function()  # type: ignore[operator]
        with pytest.raises(ClosedError):
            variable.value  # type: ignore[union-attr]  # noqa: B018 - reading it is the use
        assert ["unloaded"] == [each.state for each in plg.generations]


class TestRefusedAgain:
    """A version that was loaded in vain is not loaded again and again."""

    def test_once(self, versions: Versions, tmp_path: Path) -> None:
        """Only `update` tries it again; another content is tried at once."""
        marker = tmp_path / "marker"
        more = f"""
            #include <stdio.h>
            int nativeplug_loaded(void) {{
                FILE *file = fopen("{marker}", "a"); fputc('x', file); fclose(file); return 1; }}
        """
        versions.put(1)
        plg = versions.open()
        versions.put(2, more)
        for _ in range(3):
            with pytest.raises(UpdateError, match=r"nativeplug_loaded\(\) .* returned 1"):
                nativeplug.open(versions.path)
        assert "x" == marker.read_text()
        refused(plg)
        assert "xx" == marker.read_text()

        versions.put(3)
        assert plg is nativeplug.open(versions.path)
        assert 3 == plg.version()


class TestSurroundings:
    """What a plugin needs, and what it was given."""

    def test_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new version finds its libraries beside the file, wherever the program is by now."""
        folder = tmp_path / "plugins"
        folder.mkdir()
        for number in (1, 2):
            (folder / f"need{number}.c").write_text(f"int need(void) {{ return {number}; }}")
            building.build(folder / f"need{number}.c", folder / f"libneed{number}.so")

        def put(number: int) -> None:
            source = folder / "plugin.c"
            source.write_text("int need(void); int version(void) { return need(); }")
            flags = [f"-L{folder}", f"-lneed{number}", "-Wl,-rpath,$ORIGIN"]
            building.build(source, folder / "next.so", flags=flags)
            os.replace(folder / "next.so", folder / "plugin.so")

        put(1)
        monkeypatch.chdir(folder)
        plg = nativeplug.open("./plugin.so", "int version(void);")
        monkeypatch.chdir(tmp_path)
        put(2)

        assert "updated" == plg.update()
        assert 2 == plg.version()

    def test_threads_of_a_library(self, run_python: RunPython, tmp_path: Path) -> None:
        """A library that the plugin needs stays: it may have started threads."""
        text = """
            #include <pthread.h>
            static int descriptors[4];
            static void *run(void *unused) {
                pass_gate(descriptors[0], descriptors[1]);
                pass_gate(descriptors[2], descriptors[3]);
                return unused;
            }
            void need(int a, int b, int c, int d) {
                descriptors[0] = a, descriptors[1] = b, descriptors[2] = c, descriptors[3] = d;
                pthread_t thread;
                pthread_create(&thread, 0, run, 0);
            }
        """
        (tmp_path / "need.c").write_text(GATE_C + text)
        building.build(tmp_path / "need.c", tmp_path / "libneed.so")
        declared = "void start(int a, int b, int c, int d);"
        (tmp_path / "plugin.c").write_text("""
            void need(int a, int b, int c, int d);
            void start(int a, int b, int c, int d) { need(a, b, c, d); }
        """)
        flags = [f"-L{tmp_path}", "-lneed", "-Wl,-rpath,$ORIGIN"]
        building.build(tmp_path / "plugin.c", tmp_path / "plugin.so", flags=flags)
        code = """
            import sys, nativeplug
            from gates import Gate
            plg = nativeplug.open(*sys.argv[1:], unload="when_idle")
            with Gate() as begun, Gate() as ended:
                plg.start(begun.arrived, begun.opened, ended.arrived, ended.opened)
                begun.wait()
                plg.close()
                print([each.state for each in plg.generations])
                begun.open()
                ended.wait()  # so the thread has gone on in the library
        """
        done = run_python(code, tmp_path / "plugin.so", declared, env=GATES)

        assert (0, "['unloaded']\n", "") == (done.returncode, done.stdout, done.stderr)

    def test_texts(self, versions: Versions) -> None:
        """A text that a variable was given stays, though the variable is unloaded."""
        more = "const char *text; const void *where(void) { return text; }"
        versions.put(1, more)
        plg = versions.open("extern const char *text; const void *where(void);", unload="when_idle")
        plg.text = "a text that is long enough to be noticed"
        where = plg.ffi.cast("const char *", plg.where())
        versions.put(2, more)
        plg.update()
        assert ["unloaded", "current"] == [each.state for each in plg.generations]
        gc.collect()
        noise = [bytes(41) for _ in range(1000)]

        assert b"a text that is long enough to be noticed" == plg.ffi.string(where)
        assert noise

    def test_state_with_pointers(self, versions: Versions) -> None:
        """What the state of a version points to stays as long as the version that took it over."""
        more = """
            int64_t *shared;
            void *nativeplug_save(size_t *size) { *size = sizeof shared; return &shared; }
            int nativeplug_restore(const void *data, size_t size) {
                memcpy(&shared, data, size); return 0; }
            int64_t first(void) { return *shared; }
        """
        versions.put(1, more)
        plg = versions.open("extern int64_t *shared; int64_t first(void);", unload="when_idle")
        plg.shared = plg.ffi.new("int64_t[1000]", [7])
        for number in (2, 3):
            versions.put(number, more)
            plg.update()
        gc.collect()
        noise = [bytearray(8000) for _ in range(100)]

        assert 7 == plg.first()
        assert ["unloaded", "unloaded", "current"] == [each.state for each in plg.generations]
        assert noise


def test_no_more_threads(versions: Versions, run_python: RunPython) -> None:
    """Where no thread can be started nothing is lost: what is to go goes with the next update."""
    versions.put(1)
    code = """
        import os, sys, threading, nativeplug
        path, following, declared = sys.argv[1:]
        plg = nativeplug.open(path, declared, unload="when_idle")
        pin = plg.pin()
        def refuse(self):
            raise RuntimeError("can't start new thread")
        start, threading.Thread.start = threading.Thread.start, refuse
        os.replace(following, path)
        print(plg.update())
        threading.Thread.start = start
        pin._symbols.unpin()
        print(plg.update(), [each.state for each in plg.generations])
    """
    done = run_python(code, versions.path, versions.build(2), DECLARED)
    words = "nothing is unloaded before the next update: can't start new thread\n"

    assert "updated\nunchanged ['unloaded', 'current']\n" == done.stdout
    assert words == done.stderr


def test_calls_outlive_the_interpreter(versions: Versions, run_python: RunPython) -> None:
    """A generation that is unloading as the interpreter exits is no harm."""
    ending = "__attribute__((destructor)) static void end(void) { pass_gate(arrived, opened); }"
    versions.put(1, f"int arrived, opened; {ending}")
    code = """
        import atexit, sys, threading
        from gates import Gate
        gate = Gate()
        atexit.register(gate.open)  # the first to be registered is the last to be called
        import nativeplug
        plg = nativeplug.open(*sys.argv[1:], unload="when_idle")
        plg.arrived, plg.opened = gate.arrived, gate.opened
        threading.Thread(target=plg.close, daemon=True).start()
        gate.wait()
        print("end")
    """
    declared = DECLARED + "extern int arrived, opened;"
    done = run_python(code, versions.path, declared, env=GATES)

    assert (0, "end\n", "") == (done.returncode, done.stdout, done.stderr)
