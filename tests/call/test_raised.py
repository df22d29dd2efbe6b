"""What a plugin tells of a call that has failed becomes an exception, ``PluginRaised``."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from gates import background
from nativeplug import PluginRaised
from support import CPlugin, OpenPlugin, needs_go
from versions import Versions

NO_ROOT = "negative:\n  no root"
#: A version that tells of errors, in C alone, as a plugin in any language may.
TELLS = """
    static __thread const char *noted;
    const char *nativeplug_take_error(void) {
        const char *text = noted;
        noted = NULL;
        return text; }
    int64_t checked(int64_t n) { noted = n < 0 ? "less than 0" : NULL; return n; }
"""
PLAIN = "int64_t checked(int64_t n) { return n; }"
CHECKED = "int64_t checked(int64_t n);"


@pytest.fixture
def plg(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Give a fresh plugin that tells of errors."""
    return open_plugin(c_plugin("raising"), free={"name": "release"}, save_errno=["root"])


def told(call: Callable[..., object], *args: object) -> str:
    """Return the text of the error that a call raises."""
    with pytest.raises(PluginRaised) as caught:
        call(*args)
    return caught.value.text


class TestCalls:
    """An error is that of one call."""

    def test_error(self, plg: nativeplug.Plugin) -> None:
        """It has the plugin's text, the function and the plugin; the message is one line."""
        with pytest.raises(PluginRaised) as caught:
            plg.root(-1)
        error = caught.value
        assert (plg.path, "root", NO_ROOT) == (error.path, error.symbol, error.text)
        assert f"'root' of plugin {plg.path!r} raised: negative: no root" == str(error)
        assert isinstance(error, nativeplug.PluginError)

    def test_none(self, plg: nativeplug.Plugin) -> None:
        """A call that does not fail returns its result, also after one that has failed."""
        assert 2 == plg.root(4)
        assert NO_ROOT == told(plg.root, -1)
        assert 2 == plg.root(4)

    def test_last(self, plg: nativeplug.Plugin) -> None:
        """The last error of a call counts, and what is not UTF-8 is shown."""
        assert "second, not UTF-8: \\xff" == told(plg.twice)

    def test_errno(self, plg: nativeplug.Plugin) -> None:
        """The errno of the call is kept all the same."""
        told(plg.root, -1)
        assert 33 == nativeplug.get_errno()  # EDOM

    def test_released(self, plg: nativeplug.Plugin) -> None:
        """The result of a call that has failed is released unread."""
        assert "fine" == plg.name(0)
        assert "no name" == told(plg.name, 1)
        assert 0 == plg.calls

    def test_struct(self, plg: nativeplug.Plugin) -> None:
        """Functions that cffi calls for the core raise as well."""
        assert 3 == plg.length((1, 2), 0)
        assert "a point" == told(plg.length, (1, 2), 1)

    def test_arguments(self, plg: nativeplug.Plugin) -> None:
        """Arguments are checked as ever, by position and by name."""
        with pytest.raises(TypeError, match=r"root\(\)"):
            plg.root()
        with pytest.raises(TypeError, match=r"root\(\) argument 'square' must be real"):
            plg.root("4")
        assert NO_ROOT == told(lambda: plg.root(square=-1))

    def test_held(self, open_plugin: OpenPlugin, c_plugin: CPlugin) -> None:
        """So do functions that hold the GIL."""
        plg = open_plugin(c_plugin("raising"), hold_gil=True)
        assert NO_ROOT == told(plg.root, -1)

    def test_closed(self, plg: nativeplug.Plugin) -> None:
        """A closed plugin is closed, not asked."""
        root = plg.root
        plg.close()
        with pytest.raises(nativeplug.ClosedError):
            root(-1)

    def test_threads(self, plg: nativeplug.Plugin) -> None:
        """Each thread gets the errors of its own calls."""

        def work(number: int) -> None:
            for turn in range(300):
                if turn % 3 == number:
                    told(plg.root, -1)
                else:
                    plg.root(4)

        with background(*(partial(work, number) for number in range(3))):
            pass


class TestCallbacks:
    """Calls within callbacks are calls of their own."""

    def test_within(self, plg: nativeplug.Plugin) -> None:
        """An error of a call within a callback is raised there, and no other call's."""
        seen: list[str] = []

        def use(n: int) -> int:
            seen.append(told(plg.root, -n))
            return n

        assert (5, [NO_ROOT]) == (plg.around(use, 5, 0), seen)
        assert ("around", [NO_ROOT] * 2) == (told(plg.around, use, 5, 1), seen)

    def test_passed_on(self, plg: nativeplug.Plugin) -> None:
        """What the callback lets pass is raised by the outer call."""
        with pytest.raises(PluginRaised) as caught:
            plg.around(lambda n: plg.root(-n), 1, 0)
        assert "root" == caught.value.symbol

    def test_both(self, plg: nativeplug.Plugin) -> None:
        """Where both fail, the callback's error is raised."""

        def fail(n: int) -> int:
            raise KeyError(n)

        with pytest.raises(KeyError):
            plg.around(fail, 1, 1)
        assert 2 == plg.root(4)


class TestMap:
    """``Function.map`` ends at the first call that fails."""

    @pytest.fixture
    def root(
        self, c_plugin: CPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> nativeplug.Function:
        """Give a function of the core, which alone maps."""
        monkeypatch.delenv("NATIVEPLUG_INVOKER", raising=False)
        return nativeplug.open(shutil.copy(c_plugin("raising"), tmp_path)).function("root")

    def test_stops(self, root: nativeplug.Function) -> None:
        """Those before have their results, none after it is called."""
        out = array("d", [9] * 1000)
        numbers = array("d", [2] * 500 + [-1] + [2] * 499)
        assert NO_ROOT == told(lambda: root.map(numbers, out=out))
        assert [1] * 500 + [9] * 499 == [*out[:500], *out[501:]]
        assert [1] * 500 == list(root.map(numbers[:500]))

    def test_both(self, versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a kept callback fails in the same call, its error is raised."""
        monkeypatch.delenv("NATIVEPLUG_INVOKER", raising=False)
        versions.put(
            1,
            TELLS
            + """
            static int64_t (*kept)(int64_t);
            void keep(int64_t (*callback)(int64_t)) { kept = callback; }
            int64_t call(int64_t n) { int64_t got = kept(n); noted = "told"; return got; }
            """,
        )
        declared = "void keep(int64_t (*callback)(int64_t)); int64_t call(int64_t n);"
        plg: Any = versions.open(declared)
        callback = plg.callback("int64_t (*)(int64_t)", {1: 2}.__getitem__)
        plg.keep(callback)
        for call in (plg.call, lambda n: plg.function("call").map(array("q", [n]))):
            assert "told" == told(call, 1)
            with pytest.raises(KeyError):
                call(3)

    def test_threads(self, root: nativeplug.Function) -> None:
        """An error of any thread is raised."""
        numbers = array("d", [2] * 999 + [-1])
        assert NO_ROOT == told(lambda: root.map(numbers, threads=3))


class TestUpdates:
    """Each version is asked if it tells, by its own function."""

    def test_over_updates(self, called_by_each: Versions) -> None:
        """A function that was kept is asked after an update to a version that tells, and back."""
        versions = called_by_each
        versions.put(1, PLAIN)
        plg: Any = versions.open(CHECKED)
        checked = plg.checked
        assert -1 == checked(-1)
        before = plg.pin()
        versions.put(2, TELLS)
        plg.update()
        assert ("less than 0", 1) == (told(checked, -1), checked(1))
        with before, plg.pin() as pinned:
            assert (-1, "less than 0") == (before.checked(-1), told(pinned.checked, -1))
        plg.rollback()
        assert -1 == checked(-1)
        plg.rollback(2)
        assert "less than 0" == told(checked, -1)
        plg.close()
        with pytest.raises(nativeplug.ClosedError):
            checked(-1)

    def test_variable(self, versions: Versions) -> None:
        """A variable of that name tells nothing."""
        versions.put(1, PLAIN + "int nativeplug_take_error;")
        plg: Any = versions.open(CHECKED)
        assert -1 == plg.checked(-1)


@needs_go
class TestGo:
    """Panics of Go that the export recovers from."""

    @pytest.fixture
    def go(self, go_plugin: CPlugin) -> nativeplug.Plugin:
        """Give the plugin."""
        return nativeplug.open(go_plugin("raising"))

    def test_recovered(self, go: nativeplug.Plugin) -> None:
        """They have their texts, and the next call goes on."""
        assert "runtime error: integer divide by zero" == told(go.Divide, 1, 0)
        assert "runtime error: index out of range [5] with length 2" == told(
            go.At, array("q", [1, 2]), 5
        )
        assert "größer: no" == told(go.Nothing)
        assert 3 == go.Divide(7, 2)


def test_released_text(versions: Versions) -> None:
    """A plugin is asked again once its text is copied, so that it can release that."""
    counting = """
        int64_t taken;
        static const char *noted;
        const char *nativeplug_take_error(void) {
            const char *text = noted;
            noted = NULL;
            taken++;
            return text; }
        void fail(void) { noted = "failed"; }
    """
    versions.put(1, counting)
    plg: Any = versions.open("void fail(void); extern int64_t taken;")
    assert ("failed", 2) == (told(plg.fail), plg.taken)
    plg.version()
    assert 3 == plg.taken
