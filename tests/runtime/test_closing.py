"""Closing plugins."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable
from typing import Any

import pytest

import nativeplug
from gates import GATE_C, PATIENCE, Gate, background
from nativeplug import ClosedError, Plugin
from support import BuildC, CPlugin


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
        text = GATE_C + "int gated(int arrived, int opened) { return pass_gate(arrived, opened); }"
        plg = nativeplug.open(build_c(text), "int gated(int arrived, int opened);")
        gated = plg.gated
        with Gate() as gate, background(lambda: gated(gate.arrived, gate.opened)) as (call,):
            gate.wait()
            plg.close()
            assert not call.done()
            gate.open()
            assert 1 == call.result(PATIENCE)

    @pytest.mark.slow
    def test_lookup_meanwhile(self, c_plugin: CPlugin) -> None:
        """A function that is looked up while the plugin is closed is closed too."""
        for _ in range(30):
            plg, kept = nativeplug.open(c_plugin("scalars")), list[Any]()

            def work(plg: Plugin, kept: list[Any]) -> None:
                with contextlib.suppress(ClosedError):
                    kept.extend(plg.lookup(name) for name in plg)

            with background(functools.partial(work, plg, kept)):
                plg.close()
            for function in kept:
                with pytest.raises(ClosedError):
                    function(1)
