"""check_update: the program looks at a new version before anything is switched to it."""

from __future__ import annotations

import queue
from typing import Any

import pytest

import nativeplug
from gates import PATIENCE, background
from nativeplug import ClosedError, Pin, UpdateError
from versions import Versions, refused

STATE = """
    void *nativeplug_save(size_t *size) { *size = sizeof number; return &number; }
    int nativeplug_restore(const void *data, size_t size) { memcpy(&number, data, size); return 0; }
"""


class TestView:
    """What the check is given."""

    def test_order(self, versions: Versions) -> None:
        """It comes before before_update, with a pin of the new version; the old one serves."""
        seen: list[object] = []

        def check(new: Pin) -> None:
            assert type(new) is Pin
            seen.extend(["check", new.version(), new.generation, plg.version(), plg.generation])

        versions.put(1)
        plg: Any = versions.open(
            check_update=check,
            before_update=lambda plg: seen.extend(["before", plg.version()]),
            after_update=lambda plg: seen.extend(["after", plg.version()]),
        )
        assert [] == seen
        versions.put(2)
        assert "updated" == plg.update()
        assert ["check", 2, 2, 1, 1, "before", 1, "after", 2] == seen

    def test_others_meanwhile(self, versions: Versions) -> None:
        """While it looks, every other thread gets the old version; afterwards the new one."""
        seen: list[object] = []

        def check(new: Pin) -> None:
            with background(kept, plg.version, plg.lookup("version")) as calls:
                seen.extend(call.result(PATIENCE) for call in calls)
            seen.append(new.version())

        versions.put(1)
        plg: Any = versions.open(check_update=check)
        kept = plg.version
        versions.put(2)
        plg.update()
        assert [1, 1, 1, 2] == seen
        assert 2 == kept()

    def test_symbols(self, versions: Versions) -> None:
        """It has what the new version has, as that declares it; all is in its own memory."""
        seen = []

        def check(new: Pin) -> None:
            new.number = 9
            seen.extend([new.fresh(), "fresh" in plg, new.triple().a])

        versions.put(1)
        versions.header()
        plg: Any = nativeplug.open(versions.path, check_update=check)
        versions.put(2, "int fresh(void) { return 7; }")
        versions.header("int fresh(void);")
        plg.update()
        assert [7, False, 2] == seen
        assert (7, 9) == (plg.fresh(), plg.number)

    def test_before_state(self, versions: Versions) -> None:
        """State is handed over after it: the new version has its own until then."""
        seen: list[int] = []
        versions.put(1, STATE)
        plg: Any = versions.open(check_update=lambda new: seen.append(new.number))
        plg.number = 41
        versions.put(2, STATE)
        plg.update()
        assert ([2], 41) == (seen, plg.number)

    def test_closed_afterwards(self, versions: Versions) -> None:
        """The view is closed when the check returns, and keeps nothing loaded."""
        kept: list[Any] = []
        versions.put(1)
        plg: Any = versions.open(
            check_update=lambda new: kept.extend([new, new.version]), unload="when_idle"
        )
        versions.put(2)
        plg.update()
        versions.put(3)
        plg.update()
        for use in (kept[1], lambda: kept[0].version):
            with pytest.raises(ClosedError, match="pin of plugin"):
                use()
        assert ["unloaded", "unloaded", "current"] == [each.state for each in plg.generations]


class TestRefusing:
    """What the check refuses changes nothing."""

    @pytest.mark.parametrize("way", ["update", "open", "follow"])
    def test_raising(self, versions: Versions, way: str) -> None:
        """What it raises refuses the update, however that came about; then a good one is taken."""
        outcomes: queue.Queue[UpdateError | None] = queue.Queue()

        def check(new: Any) -> None:
            if new.version() == 2:
                raise ValueError("not two")

        def take_up() -> UpdateError | None:
            if way == "follow":
                return outcomes.get(timeout=PATIENCE)
            try:
                plg.update() if way == "update" else nativeplug.open(versions.path)
            except UpdateError as error:
                return error
            return None

        versions.put(1)
        plg: Any = versions.open(check_update=check)
        if way == "follow":
            plg.follow(lambda _plg, error: outcomes.put(error))
        versions.put(2)
        error = take_up()
        assert error is not None
        assert ("check_update raised ValueError: not two",) == error.reasons
        assert (1, 1) == (plg.version(), plg.number)
        assert ["current", "unloaded"] == [each.state for each in plg.generations]
        versions.put(3)
        assert take_up() is None
        assert 3 == plg.version()
        plg.close()

    def test_cause(self, versions: Versions) -> None:
        """The error of the check is the cause of the refusal."""

        def check(new: Pin) -> None:
            assert new.version() == 1

        versions.put(1)
        plg = versions.open(check_update=check)
        versions.put(2)
        assert isinstance(refused(plg).__cause__, AssertionError)

    @pytest.mark.parametrize("result", [False, None, True, 0], ids=repr)
    def test_result(self, versions: Versions, result: object) -> None:
        """False refuses as well: a comparison that is returned was meant so; nothing else does."""
        versions.put(1)
        plg = versions.open(check_update=lambda _new: result)
        versions.put(2)
        if result is False:
            assert ("check_update returned False",) == refused(plg).reasons
        else:
            assert "updated" == plg.update()

    def test_hooks_left_out(self, versions: Versions) -> None:
        """Neither of the other hooks is called, as nothing was paused."""
        versions.put(1)
        called: list[object] = []
        plg = versions.open(
            check_update=lambda _new: False, before_update=called.append, after_update=called.append
        )
        versions.put(2)
        refused(plg)
        assert [] == called

    def test_interrupt(self, versions: Versions) -> None:
        """Ctrl-C in it is no refusal, and changes nothing either."""

        def interrupt(_new: Pin) -> None:
            raise KeyboardInterrupt

        versions.put(1)
        plg = versions.open(check_update=interrupt)
        versions.put(2)
        with pytest.raises(KeyboardInterrupt):
            plg.update()
        assert 1 == plg.version()
        assert ["current", "unloaded"] == [each.state for each in plg.generations]

    def test_closing(self, versions: Versions) -> None:
        """A plugin that is closed meanwhile stays closed, and the view is closed with it."""

        def check(new: Pin) -> None:
            plg.close()
            with pytest.raises(ClosedError, match=r"plugin .* is closed"):
                new.version()

        versions.put(1)
        plg = versions.open(check_update=check)
        versions.put(2)
        with pytest.raises(ClosedError):
            plg.update()

    def test_update_inside(self, versions: Versions) -> None:
        """An update from within the check would wait for itself."""
        versions.put(1)
        plg: Any = versions.open(check_update=lambda _new: plg.update())
        versions.put(2)
        assert "an update of it is under way in this thread" in str(refused(plg))


def test_rollback(versions: Versions) -> None:
    """A rollback is not asked about: it goes back to what was checked when it came."""
    checked: list[int] = []
    versions.put(1)
    plg: Any = versions.open(check_update=lambda new: checked.append(new.version()))
    versions.put(2)
    plg.update()
    plg.rollback()
    plg.rollback(2)
    assert ([2], 2) == (checked, plg.version())


def test_given_later(versions: Versions) -> None:
    """A further open gives a check, or another one in its place."""
    versions.put(1)
    plg = versions.open()
    nativeplug.open(versions.path, check_update=lambda _new: False)
    versions.put(2)
    refused(plg)
    with pytest.raises(UpdateError):  # it is not loaded again to be refused again
        nativeplug.open(versions.path)
    assert 2 == len(plg.generations)
    assert plg is nativeplug.open(versions.path, check_update=lambda _new: True)
    assert 2 == plg.version()
