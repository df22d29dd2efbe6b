"""Unloading what serves no more, and what keeps it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

import nativeplug
from gates import GATES, PATIENCE, Gate, background, wait_for
from nativeplug import UpdateError
from support import RunPython
from versions import DECLARED, FORKING, Versions, refused

pytestmark = pytest.mark.slow

# A function that calls back: one that is given what it calls, and one that was given it before.
APPLY = """
    int64_t apply(int64_t (*f)(int64_t), int64_t x) { return f(x) + number; }
    static int64_t (*handler)(int64_t);
    void handle(int64_t (*f)(int64_t)) { handler = f; }
    int64_t fire(int64_t x) { return handler(x) + number; }
"""
APPLY_DECLARED = """
    int64_t apply(int64_t (*f)(int64_t), int64_t x);
    void handle(int64_t (*f)(int64_t));
    int64_t fire(int64_t x);
"""


@pytest.fixture
def plg(versions: Versions) -> nativeplug.Plugin:
    """Give a plugin whose old generations are unloaded."""
    versions.put(1)
    return versions.open(unload="when_idle")


def states(plg: nativeplug.Plugin) -> list[str]:
    """Return the states of all generations."""
    return [each.state for each in plg.generations]


def count_mapped(versions: Versions) -> int:
    """Count the copies of the plugin that are mapped, whatever is said of them."""
    maps = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    found = {line.split()[4] for line in maps if line.endswith(f"/{versions.path.name}")}
    return len(found)


class TestUnloaded:
    """Nobody needs it."""

    def test_replaced(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What was replaced is gone from memory, whatever the program kept."""
        before = count_mapped(versions)
        version, number = plg.version, plg.lookup("number")
        assert 1 == version()
        for following in range(2, 6):
            versions.put(following)
            plg.update()
            assert (following, following) == (version(), number.value)  # type: ignore[union-attr]

        assert ["unloaded"] * 4 + ["current"] == states(plg)
        assert before == count_mapped(versions)

    def test_rejected(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """So is what was loaded in vain."""
        versions.put(2, "int nativeplug_loaded(void) { return 1; }")
        refused(plg)

        assert ["current", "unloaded"] == states(plg)

    def test_closed(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """So is what was closed."""
        plg.version()
        before = count_mapped(versions)
        plg.close()

        assert ["unloaded"] == states(plg)
        assert before - 1 == count_mapped(versions)

    def test_destructor(self, versions: Versions, tmp_path: Path) -> None:
        """Its destructors run."""
        marker = tmp_path / "marker"
        versions.put(
            1,
            f"""
            #include <fcntl.h>
            __attribute__((destructor)) static void end(void) {{
                close(open("{marker}", O_CREAT | O_WRONLY, 0600)); }}
            """,
        )
        plg = versions.open(unload="when_idle")
        versions.put(2)
        plg.update()

        assert marker.exists()

    def test_kept_values(self, versions: Versions) -> None:
        """What its variables pointed to is given back."""
        buffer = "void *buffer;"
        versions.put(1, buffer)
        plg = versions.open("extern void *buffer;", unload="when_idle")
        array = plg.ffi.new("char[]", 100)
        gone = weakref.ref(array)
        plg.buffer = array
        del array
        gc.collect()
        assert gone() is not None

        versions.put(2, buffer)
        plg.update()
        gc.collect()

        assert gone() is None

    def test_any_number(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Only what is mapped counts for max_generations."""
        nativeplug.open(versions.path, max_generations=2)
        for number in range(2, 8):
            versions.put(number)
            plg.update()

        assert 7 == plg.version()

    def test_asked_for_later(self, versions: Versions) -> None:
        """Without being asked for nothing is unloaded; from then on all that may be."""
        versions.put(1)
        plg = versions.open()
        versions.put(2)
        plg.update()
        assert ["retired", "current"] == states(plg)

        nativeplug.open(versions.path, unload="when_idle")

        assert ["unloaded", "current"] == states(plg)

    def test_rollback(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """There is no way back to it."""
        versions.put(2)
        plg.update()

        with pytest.raises(UpdateError, match="no earlier generation is retired and still mapped"):
            plg.rollback()


class TestWaiting:
    """As long as somebody needs it, it stays; then it goes by itself."""

    def test_call(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A call under way ends in its code."""
        with Gate() as gate, background(lambda: plg.gated(gate.arrived, gate.opened)) as (call,):
            gate.wait()
            versions.put(2)
            plg.update()

            assert ["retired", "current"] == states(plg)
            gate.open()
            assert 1 == call.result(PATIENCE)
        wait_for(lambda: plg._updates.history.infos()[0].state == "unloaded")

    @pytest.mark.parametrize("way", ["given", "released", "held"])
    def test_within_a_call(self, versions: Versions, way: str) -> None:
        """A callback updates the plugin twice: the code that it returns to is still there."""
        versions.put(1, APPLY)
        held = ["fire"] if way == "held" else []
        plg = versions.open(APPLY_DECLARED, unload="when_idle", hold_gil=held)
        following, seen = iter([2, 3]), []

        def update(x: int) -> int:
            for number in following:
                versions.put(number, APPLY)
                assert "updated" == plg.update()
                seen.append(plg.generations[0].calls)
            return x

        callback = plg.callback("int64_t (*)(int64_t)", update)

        def call() -> int:
            if way == "given":
                return int(plg.apply(callback, 40))
            plg.handle(callback)
            return int(plg.fire(40))

        assert (41, 43) == (call(), call())
        assert [1, 1] == seen
        wait_for(lambda: ["unloaded", "unloaded", "current"] == states(plg))

    def test_pin(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A pin holds it until the pin is closed, though functions of it are kept."""
        pin = plg.pin()
        kept = pin.version
        versions.put(2)
        plg.update()
        assert ["retired", "current"] == states(plg)
        assert 1 == kept()

        pin.close()

        assert ["unloaded", "current"] == states(plg)
        with pytest.raises(nativeplug.ClosedError, match="pin of plugin"):
            kept()

    def test_dropped_pin(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What is kept of a pin holds it as the pin itself does."""
        kept, variable = plg.pin().lookup("version"), plg.pin().lookup("number")
        versions.put(2)
        plg.update()
        gc.collect()
        assert (1, 1) == (kept(), variable.value)  # type: ignore[operator, union-attr]
        assert ["retired", "current"] == states(plg)

        del kept, variable
        gc.collect()

        wait_for(lambda: ["unloaded", "current"] == states(plg))


class TestResident:
    """What cannot be unloaded says why."""

    @pytest.mark.parametrize(
        "give_out",
        [
            lambda plg: plg.lookup("version").address,
            lambda plg: plg.lookup("number").address,
            lambda plg: plg.place(),
            lambda plg: plg.structure,
            lambda plg: plg.pointer,
            lambda plg: plg.boxed(),
        ],
        ids=["function", "variable", "result", "view", "pointer", "within a struct"],
    )
    def test_address(
        self, versions: Versions, give_out: Callable[[nativeplug.Plugin], object]
    ) -> None:
        """An address of it was given out, and nobody knows for how long it is kept."""
        more = """
            void *place(void) { return &number; }
            Triple structure; Triple *pointer = &structure;
            typedef struct { long n; void *p; long m; } Box;
            Box boxed(void) { return (Box){1, &number, 2}; }
        """
        versions.put(1, more)
        declared = """
            void *place(void); extern Triple structure; extern Triple *pointer;
            typedef struct { long n; void *p; long m; } Box; Box boxed(void);
        """
        plg = versions.open(declared, unload="when_idle")
        give_out(plg)
        versions.put(2, more)
        plg.update()

        assert ["resident (an address of it was given out)", "current"] == states(plg)

    def test_no_address(self, versions: Versions) -> None:
        """Values, texts and pointers to elsewhere are no addresses of it."""
        more = """
            const char *name = "name"; int numbers[2]; void *elsewhere;
            void *same(void *given) { return given; }
            const char *text(void) { return name; }
        """
        versions.put(1, more)
        plg = versions.open(
            "extern const char *name; const char *text(void); void *same(void *given); "
            "extern void *elsewhere;",
            unload="when_idle",
        )
        box = plg.ffi.new("int[2]")
        plg.elsewhere = box
        assert (plg.name, plg.text()) == ("name", "name")
        assert box == plg.same(box) == plg.elsewhere
        assert (1, 1) == (plg.number, plg.triple().a)
        versions.put(2, more)
        plg.update()

        assert ["unloaded", "current"] == states(plg)

    def test_says_so(self, versions: Versions, tmp_path: Path) -> None:
        """A file may ask to stay."""
        from nativeplug import build

        def put(number: int) -> None:
            (tmp_path / "stay.c").write_text(f"int version(void) {{ return {number}; }}")
            build.build(tmp_path / "stay.c", versions.path, flags=["-Wl,-z,nodelete"])

        put(1)
        plg = nativeplug.open(versions.path, "int version(void);", unload="when_idle")
        put(2)
        plg.update()

        assert ["resident (the file says so (DF_1_NODELETE))", "current"] == states(plg)
        assert 2 == plg.version()


def test_fork(versions: Versions, run_python: RunPython) -> None:
    """A child unloads what its parent was waiting to unload."""
    versions.put(1)
    code = """
        import os, sys, nativeplug
        from gates import wait_for
        path, following, declared = sys.argv[1:]
        plg = nativeplug.open(path, declared, unload="when_idle")
        pin = plg.pin()
        os.replace(following, path)
        plg.update()
        states = lambda: [each.state for each in plg._updates.history.infos()]
        assert ["retired", "current"] == states()
        child = os.fork()
        if not child:
            pin._symbols.unpin()
            wait_for(lambda: ["unloaded", "current"] == states())
            os._exit(0)
        assert 0 == os.waitpid(child, 0)[1]
        assert ["retired", "current"] == states()
    """
    env = {**FORKING, **GATES}
    result = run_python(code, versions.path, versions.build(2), DECLARED, env=env)

    assert (0, "") == (result.returncode, result.stderr)
