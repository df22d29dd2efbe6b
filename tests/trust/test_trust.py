"""Opening and updating only what comes from where it must: nothing else ever runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import nativeplug
from gates import PATIENCE, at_once, background, count_waiting, wait_for
from nativeplug import OpenError, OriginError, Policy, UpdateError
from nativeplug.loader.files import Content, read_file
from signing import FAR, Deployed, Signer
from versions import refused


@pytest.fixture
def default() -> Iterator[None]:
    """Leave what is demanded of all plugins as it was."""
    before = nativeplug.get_policy()
    yield
    nativeplug.set_policy(before)


class TestOpen:
    """What ``open`` is told."""

    def test_good(self, deployed: Deployed) -> None:
        """What comes from where it must is opened, and runs."""
        policy = deployed.signer.policy(require_version=True, require_expiry=True)
        with deployed.open(policy, deployed.sha256().upper()) as plg:
            assert 1 == plg.version()
        assert [1] == deployed.run

    def test_pinned(self, deployed: Deployed) -> None:
        """Another content than the pinned one does not run."""
        assert f"its SHA-256 is {deployed.sha256()}" in deployed.refusal(Policy(), 64 * "0")

    @pytest.mark.usefixtures("default")
    def test_default(self, deployed: Deployed) -> None:
        """What is demanded of all plugins is demanded where nothing else is said."""
        nativeplug.set_policy(Policy(directories=["/usr"]))
        with pytest.raises(OriginError, match="it lies in"):
            deployed.open()
        assert [] == deployed.run
        with deployed.open(Policy()) as plg:
            assert 1 == plg.version()

    def test_wrong(self, deployed: Deployed) -> None:
        """A mistake is told, also of a plugin that is open."""
        with deployed.open():
            with pytest.raises(ValueError, match="64 hexadecimal digits"):
                nativeplug.open(deployed.path, sha256="abc")
            with pytest.raises(TypeError, match="policy must be Policy, not bool"):
                nativeplug.open(deployed.path, policy=True)  # type: ignore[call-overload]

    def test_system_library(self) -> None:
        """A system library, of which nothing can be known, is opened only where that is allowed."""
        text = "const char *zlibVersion(void);"
        for policy in (Policy(owners=[0]), Signer().policy()):
            with pytest.raises(OriginError, match="whose origin cannot be checked"):
                nativeplug.open("libz.so.1", text, policy=policy)
        with pytest.raises(OriginError, match="whose content cannot be pinned"):
            nativeplug.open("libz.so.1", text, sha256=64 * "0")
        policy = Policy(owners=[0], allow_system=True)
        with nativeplug.open("libz.so.1", text, policy=policy) as plg:
            assert plg.zlibVersion().startswith("1.")
            with pytest.raises(OriginError, match="whose origin cannot be checked"):
                nativeplug.open("libz.so.1", policy=Policy(owners=[0]))


class TestCopies:
    """What somebody can try who can write to a directory in which a copy is made."""

    def test_kept(
        self, deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No copy of what is demanded is loaded from there, but of anything else."""
        folder = tmp_path / "kept"
        folder.mkdir()
        folder.chmod(0o777)
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", str(folder))
        for demands in ((deployed.policy, None), (None, deployed.sha256())):
            with pytest.raises(OpenError, match=r"kept' can be written by others .*KEEP_COPIES"):
                deployed.open(*demands)
        assert [] == deployed.run
        for policy in (None, Policy(require_checked=False)):
            deployed.open(policy).close()
        folder.chmod(0o755)
        deployed.open(deployed.policy, deployed.sha256()).close()
        assert [1, 1, 1] == deployed.run


class TestAgain:
    """Opening what is open already."""

    def test_same(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was judged is not judged again by the same policy."""
        with deployed.open(deployed.policy) as plg:
            monkeypatch.setattr("nativeplug.runtime.updater.read_file", pytest.fail)
            assert plg is deployed.open(deployed.policy)

    def test_other(self, deployed: Deployed) -> None:
        """What is open is judged by what is demanded now, and stays open if it is refused."""
        with deployed.open() as plg:
            assert plg is deployed.open(deployed.policy, deployed.sha256())
            deployed.refusal(Signer().policy())
            deployed.refusal(Policy(), 64 * "0")
            assert 1 == plg.version()
            assert plg is deployed.open()

    @pytest.mark.usefixtures("default")
    def test_default(self, deployed: Deployed) -> None:
        """So it is by what has been demanded of all plugins meanwhile."""
        with deployed.open() as plg:
            nativeplug.set_policy(Signer().policy())
            with pytest.raises(OriginError, match="signed by the key"):
                nativeplug.open(deployed.path)
            nativeplug.set_policy(deployed.policy)
            assert plg is nativeplug.open(deployed.path)

    def test_other_path(self, deployed: Deployed, tmp_path: Path) -> None:
        """Another path that leads to it is judged for itself."""
        (tmp_path / "link.so").symlink_to("plugin.so")
        expected = "for the file 'plugin.so', not for 'link.so'"
        with deployed.open(deployed.policy), pytest.raises(OriginError, match=expected):
            nativeplug.open(tmp_path / "link.so", policy=deployed.policy)

    def test_rolled_back(self, deployed: Deployed) -> None:
        """After a rollback what serves is known by what it was judged by, and by nothing else."""
        with deployed.open(deployed.policy) as plg:
            deployed.put(2, "version:2")
            plg.update()
            plg.rollback()
            assert (plg, 1) == (deployed.open(deployed.policy), plg.version())
            assert "since a rollback or within an update" in deployed.refusal(Policy(owners=[0]))

    def test_changed_meanwhile(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is replaced while what serves is judged is taken up, and judged itself."""

        def read_late(path: str, **options: bool) -> Content:
            if deployed.run == [1]:
                deployed.put(2, "version:2")
            return read_file(path, **options)

        monkeypatch.setattr("nativeplug.runtime.updater.read_file", read_late)
        with deployed.open() as plg:
            assert plg is deployed.open(deployed.policy)
            assert 2 == plg.version()

    def test_touched(self, deployed: Deployed) -> None:
        """A file that was only touched is what serves."""
        with deployed.open() as plg:
            os.utime(deployed.path)
            assert plg is deployed.open(deployed.policy)

    def test_within_an_update(self, deployed: Deployed) -> None:
        """A hook of an update can open the plugin by what it was judged by, and by nothing else."""
        seen = []

        def hook(plg: nativeplug.Plugin) -> None:
            assert plg is deployed.open(deployed.policy)
            seen.append(deployed.refusal(Policy(owners=[0])))

        with deployed.versions.open(policy=deployed.policy, before_update=hook) as plg:
            deployed.put(2, "version:2")
            assert "updated" == plg.update()
        assert "since a rollback or within an update" in seen[0]


class TestUpdate:
    """Updates must satisfy what was demanded."""

    def test_signed(self, deployed: Deployed) -> None:
        """One that does is made; one that does not is refused, for all reasons, and never runs."""
        with deployed.open(deployed.signer.policy(require_expiry=True)) as plg:
            deployed.put(2, "version:2", FAR)
            assert ("updated", 2) == (plg.update(), plg.version())
            deployed.put(3, "version:1")
            expiry, version = refused(plg).reasons
            assert "its signature does not say when it expires" == expiry
            assert version.startswith("version 1 is older than version 2, which was run")
            assert 2 == plg.version()
        assert [1, 2, 2] == deployed.run  # the second in its probe, too

    def test_pinned(self, deployed: Deployed) -> None:
        """No other content is taken up, until another one is pinned."""
        with deployed.open(sha256=deployed.sha256()) as plg:
            deployed.put(2)
            assert "its SHA-256 is" in refused(plg).reasons[0]
            with pytest.raises(UpdateError, match="its SHA-256 is"):
                deployed.open(sha256=64 * "0")
            with pytest.raises(UpdateError, match="its SHA-256 is"):
                deployed.open()
            assert [1] == deployed.run
            assert plg is deployed.open(sha256=deployed.sha256())
            assert 2 == plg.version()
            deployed.put(3)
            assert "its SHA-256 is" in refused(plg).reasons[0]

    def test_all_callers(self, deployed: Deployed) -> None:
        """What one who opens it demands is not dropped because another demands less."""
        with deployed.open(deployed.signer.policy()) as plg:
            assert plg is deployed.open(nativeplug.Policy())
            deployed.put(2)
            deployed.signature.unlink()
            assert "it is not signed" in refused(plg).reasons[0]
        assert [1] == deployed.run

    def test_rollback_to_another_pin(self, deployed: Deployed) -> None:
        """What a pin excludes is not come back to."""
        with deployed.open() as plg:
            deployed.put(2)
            assert "updated" == plg.update()
            assert plg is deployed.open(sha256=deployed.sha256())
            with pytest.raises(UpdateError, match="its SHA-256 is"):
                plg.rollback()
            assert 2 == plg.version()

    def test_rollback_to_what_was_not_judged(self, deployed: Deployed) -> None:
        """Nor is what a policy has not judged; what it has is."""
        with deployed.open() as plg:
            for number in (2, 3):
                deployed.put(number, f"version:{number}")
                assert plg is deployed.open(deployed.signer.policy())
                assert number == plg.version()
            plg.rollback(2)
            with pytest.raises(UpdateError, match="was not judged by the policy that holds now"):
                plg.rollback(1)
            assert 2 == plg.version()

    def test_refused_settings(self, deployed: Deployed) -> None:
        """What an open that is refused says of updates does not count."""
        with deployed.open() as plg:
            before = plg._updates.options
            with pytest.raises(OriginError):
                nativeplug.open(deployed.path, sha256=64 * "0", probe=False, max_generations=1)
            assert before == plg._updates.options

    @pytest.mark.usefixtures("default")
    def test_default(self, deployed: Deployed) -> None:
        """What is demanded of all plugins by then counts where ``open`` was told nothing."""
        with deployed.open() as plg, deployed.open(Policy()):
            pass
        with deployed.open() as plg:
            nativeplug.set_policy(Signer().policy())
            deployed.put(2)
            assert "signed by the key" in refused(plg).reasons[0]

    def test_own_policy(self, deployed: Deployed) -> None:
        """What ``open`` was told last counts for updates from then on; what failed does not."""
        with deployed.open() as plg:
            deployed.refusal(Signer().policy())
            deployed.put(2)
            assert "updated" == plg.update()
            deployed.open(deployed.policy)
            deployed.versions.put(3)
            assert "its content is not what the key" in refused(plg).reasons[0]

    def test_follow(self, deployed: Deployed) -> None:
        """A followed plugin is not updated to what is not signed."""
        told: list[UpdateError | None] = []
        happened = threading.Event()

        def tell(_plg: nativeplug.Plugin, error: UpdateError | None) -> None:
            told.append(error)
            happened.set()

        with deployed.open(deployed.policy) as plg:
            plg.follow(tell)
            deployed.versions.put(2)
            assert happened.wait(PATIENCE)
            plg.unfollow()
            assert told[0] is not None
            assert "its content is not what the key" in told[0].reasons[0]
            assert 1 == plg.version()


class TestTogether:
    """Threads that open the same file at the same time."""

    def test_others_refusal(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who waits for an open that is refused for its own demands is not refused with it."""
        entered = threading.Event()
        judge = nativeplug.trust.OriginRequirements.check

        def check(self: nativeplug.trust.OriginRequirements, content: Content) -> object:
            entered.set()
            if self.sha256:
                wait_for(lambda: count_waiting() == 1)
            return judge(self, content)

        def strictly() -> None:
            with pytest.raises(OriginError):
                deployed.open(sha256=64 * "0")

        monkeypatch.setattr("nativeplug.trust.OriginRequirements.check", check)
        with background(strictly):
            assert entered.wait(PATIENCE)
            with deployed.open() as plg:
                assert 1 == plg.version()

    def test_not_known_to_the_first(self, deployed: Deployed) -> None:
        """Who waits for an open that demands less is refused nevertheless."""

        def lenient() -> str:
            deployed.open()
            return "opened"

        def strict() -> str:
            with pytest.raises(OriginError):
                deployed.open(sha256=64 * "0")
            return "refused"

        assert ["opened", "refused"] * 4 == at_once(*[lenient, strict] * 4)
        deployed.open().close()
