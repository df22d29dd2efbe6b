"""Stand-ins: a callable takes a function's place as an attribute, for tests of programs."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

import nativeplug
from nativeplug import ClosedError, Plugin
from support import BuildC
from versions import Versions

TEXT = """
    int value = 3;
    const int limit = 4;
    int path(void) { return 7; }
    int twice(int x) { return 2 * x; }
    int other(int x) { return x; }
"""
DECLARATIONS = """
    extern int value; extern const int limit;
    int path(void); int twice(int x); int other(int x);
"""


@pytest.fixture
def plg(build_c: BuildC) -> Iterator[Plugin]:
    """Give an open plugin."""
    with nativeplug.open(build_c(TEXT), DECLARATIONS) as opened:
        yield opened


def is_native(plg: Plugin) -> bool:
    """Tell whether the function is the plugin's own, however it is reached."""
    twice = plg.twice
    assert vars(plg)["twice"] is twice is plg.twice
    return type(twice) is types.BuiltinFunctionType and twice.__self__ is plg.lookup("twice")


class TestPatch:
    """mock.patch and monkeypatch put something in place, and take it away again."""

    def test_function(self, plg: Plugin) -> None:
        """mock.patch.object lets a callable stand in for a function, looked up before or not."""
        for _ in range(2):
            with mock.patch.object(plg, "twice", lambda x: x - 1):
                assert 4 == plg.twice(5)
            assert is_native(plg)
            assert 10 == plg.twice(5)

    def test_mock(self, plg: Plugin) -> None:
        """A mock that is made by patch stands in, one with autospec too."""
        with mock.patch.object(plg, "twice", return_value=1) as made:
            assert 1 == plg.twice(5)
        made.assert_called_once_with(5)
        with mock.patch.object(plg, "twice", autospec=True) as made:
            plg.twice(6)
        made.assert_called_once_with(6)
        assert is_native(plg)

    def test_nested(self, plg: Plugin) -> None:
        """Patches within each other end one by one."""
        with mock.patch.object(plg, "twice", return_value="outer"):
            with mock.patch.object(plg, "twice", return_value="inner"):
                assert "inner" == plg.twice(1)
            assert "outer" == plg.twice(1)
        assert is_native(plg)

    def test_variable(self, plg: Plugin) -> None:
        """A variable is written, and written back."""
        with mock.patch.object(plg, "value", 9):
            assert 9 == plg.value == plg.lookup("value").value  # type: ignore[union-attr]
        assert 3 == plg.value

    def test_variable_of_another_type(self, plg: Plugin) -> None:
        """What the variable cannot hold is refused, and nothing changes."""
        with pytest.raises(TypeError, match="'value'"), mock.patch.object(plg, "value", "text"):
            pass
        assert 3 == plg.value

    @pytest.mark.parametrize("name", ["limit", "LIMIT", "path", "close"])
    def test_refused(self, plg: Plugin, name: str) -> None:
        """What cannot be set cannot be patched."""
        with pytest.raises(AttributeError), mock.patch.object(plg, name, abs):
            pass

    def test_monkeypatch(self, plg: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
        """So does pytest's monkeypatch."""
        monkeypatch.setattr(plg, "twice", lambda x: x - 1)
        monkeypatch.setattr(plg, "value", 8)
        assert (4, 8) == (plg.twice(5), plg.value)
        monkeypatch.undo()
        assert is_native(plg)
        assert 3 == plg.value

    def test_undone_after_close(self, plg: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
        """A stand-in ends with the plugin, and undoing it then is no error."""
        monkeypatch.setattr(plg, "twice", lambda x: x - 1)
        with mock.patch.object(plg, "other", abs):
            plg.close()
        with pytest.raises(ClosedError):
            plg.twice(5)
        monkeypatch.undo()
        with pytest.raises(ClosedError):
            plg.twice = abs


class TestAssigning:
    """What may be assigned to a function's name, and for whom it counts."""

    def test_delete(self, plg: Plugin) -> None:
        """Deleting a stand-in brings the function back; then there is nothing to delete."""
        plg.twice = abs
        assert 5 == plg.twice(-5)
        del plg.twice
        assert is_native(plg)
        with pytest.raises(AttributeError, match="cannot be deleted"):
            del plg.twice

    @pytest.mark.parametrize("value", [3, None, "text", [abs]])
    def test_mistake(self, plg: Plugin, value: object) -> None:
        """What cannot be called cannot stand in: that is a mistake."""
        words = "is a function: <nativeplug.Function 'int twice.*>; only a callable can stand in"
        with pytest.raises(AttributeError, match=words):
            plg.twice = value
        assert is_native(plg)

    def test_function_itself(self, plg: Plugin) -> None:
        """Assigning the function itself, in either form, ends the standing in."""
        for own in (plg.twice, plg.lookup("twice")):
            plg.twice = abs
            plg.twice = own
            assert is_native(plg)

    def test_scope(self, plg: Plugin) -> None:
        """It counts for the attribute alone: not for lookup, pins, and what was kept."""
        kept = plg.twice
        plg.twice = abs
        with plg.pin() as pinned:
            assert [10] * 3 == [kept(5), plg.lookup("twice")(5), pinned.twice(5)]  # type: ignore[operator]
            pinned.twice = str
            assert ("5", 5) == (pinned.twice(5), plg.twice(5))
        assert nativeplug.open(plg.path) is plg

    def test_update(self, versions: Versions) -> None:
        """An update leaves it in place, and moves the function behind it."""
        versions.put(1)
        plg: Any = versions.open()
        plg.version = lambda: "mine"
        versions.put(2)
        assert "updated" == plg.update()
        assert "mine" == plg.version()
        del plg.version
        assert 2 == plg.version()
