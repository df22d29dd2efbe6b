"""Which version counts as run: one that was loaded, and that the program has accepted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nativeplug import OriginError, Plugin
from nativeplug.trust import version_store
from nativeplug.trust.version_store import Entry
from signing import Deployed
from support import refuse
from versions import refused


def noted() -> list[str]:
    """Return the versions that are noted: of one plugin, one."""
    return [*version_store.noted().values()]


def put_back(deployed: Deployed, old: tuple[bytes, bytes]) -> None:
    """Put an older version and its signature in place again."""
    deployed.path.write_bytes(old[0])
    deployed.signature.write_bytes(old[1])


@pytest.fixture
def old(deployed: Deployed) -> tuple[bytes, bytes]:
    """Give version 1 and its signature, after which version 2 was put in place."""
    made = deployed.path.read_bytes(), deployed.signature.read_bytes()
    deployed.put(2, "version:2")
    return made


def fail(_: Any) -> None:
    """Accept no version."""
    raise ValueError("not this one")


class TestUpdate:
    """A version that comes by an update."""

    @pytest.mark.parametrize("hook", ["check_update", "before_update", "after_update"])
    def test_refused(self, deployed: Deployed, old: tuple[bytes, bytes], hook: str) -> None:
        """One that the program refuses does not count, so the one before can be put back."""
        new = deployed.path.read_bytes(), deployed.signature.read_bytes()
        put_back(deployed, old)
        options: dict[str, Any] = {"policy": deployed.policy, hook: fail}
        with deployed.versions.open(**options) as plg:
            put_back(deployed, new)
            assert f"{hook} raised ValueError: not this one" in refused(plg).reasons
            assert 1 == plg.version()
        assert ["1"] == noted()
        put_back(deployed, old)
        with deployed.open(deployed.policy) as plg:
            assert 1 == plg.version()

    def test_accepted(self, deployed: Deployed) -> None:
        """It counts once ``after_update`` has returned."""
        seen: list[list[str]] = []

        def see(_: Plugin) -> None:
            seen.append(noted())

        with deployed.versions.open(
            policy=deployed.policy, check_update=see, before_update=see, after_update=see
        ) as plg:
            deployed.put(2, "version:2")
            assert "updated" == plg.update()
            assert [["1"]] * 3 == seen
            assert ["2"] == noted()

    def test_newer_meanwhile(self, deployed: Deployed) -> None:
        """Where another program has accepted a newer one meanwhile, it is taken back."""

        def accept_another(_: Plugin) -> None:
            Entry(deployed.signer.public, deployed.path.name).advance("3")

        with deployed.versions.open(policy=deployed.policy, after_update=accept_another) as plg:
            deployed.put(2, "version:2")
            [reason] = refused(plg).reasons
            assert reason.startswith("version 2 is older than version 3, which was run")
            assert 1 == plg.version()
        assert ["3"] == noted()

    def test_not_noted(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where it cannot be noted it does not serve."""
        with deployed.open(deployed.policy) as plg:
            deployed.put(2, "version:2")
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", refuse(errno.ENOSPC))
                assert "No space left on device" in refused(plg).reasons[0]
            assert 1 == plg.version()
        assert ["1"] == noted()


class TestOpen:
    """A version that is opened."""

    def test_not_loaded(self, deployed: Deployed, old: tuple[bytes, bytes]) -> None:
        """One that the dynamic loader refuses does not count."""
        deployed.versions.put(2, "extern int nobody_has_it(void); int (*p)(void) = nobody_has_it;")
        deployed.signer.sign(deployed.path, "version:2")
        with pytest.raises(OSError, match="nobody_has_it"):
            deployed.open(deployed.policy)
        assert [] == noted()
        put_back(deployed, old)
        deployed.open(deployed.policy).close()
        assert ["1"] == noted()

    def test_not_noted(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where it cannot be noted it is closed again, and the next one to ask opens it."""
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse(errno.ENOSPC))
            with pytest.raises(OriginError, match="No space left on device"):
                deployed.open(deployed.policy)
        with deployed.open(deployed.policy) as plg:
            assert 1 == plg.version()
        assert [1, 1] == deployed.run

    def test_newer_before_loading(
        self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that has become too old since it was judged is not loaded."""
        judge: Callable[[Entry, str | None], None] = Entry.check
        entry = Entry(deployed.signer.public, deployed.path.name)

        def check(self: Entry, version: str | None) -> None:
            judge(self, version)
            entry.advance("2")

        monkeypatch.setattr(Entry, "check", check)
        assert deployed.refusal(deployed.policy).startswith("version 1 is older than version 2")
        assert [] == deployed.run


def test_way_out(deployed: Deployed, old: tuple[bytes, bytes], tmp_path: Path) -> None:
    """The refusal names the version store and the way out, which is one."""
    deployed.open(deployed.policy).close()
    put_back(deployed, old)
    expected = (
        "version 1 is older than version 2, which was run, as "
        f"'{tmp_path / 'state' / 'versions.json'}' says; if that is to be so, "
        "'nativeplug versions --forget plugin.so' forgets it"
    )
    assert expected == deployed.refusal(deployed.policy)
    Entry(deployed.signer.public, "plugin.so").forget()
    with deployed.open(deployed.policy) as plg:
        assert 1 == plg.version()
