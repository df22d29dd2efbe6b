"""The versions that were run."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nativeplug.trust import version_store
from nativeplug.trust.minisign import UntrustedError
from nativeplug.trust.version_store import Entry
from support import RunPython, names, refuse

ENTRY = Entry("RWkey", "plugin.so")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory of a version store that knows nothing yet."""
    folder = tmp_path / "a" / "state"
    monkeypatch.setenv("NATIVEPLUG_STATE_DIR", str(folder))
    return folder


def reason(version: str | None, entry: Entry = ENTRY) -> str:
    """Return why a version may not run."""
    with pytest.raises(UntrustedError) as caught:
        entry.check(version)
    with pytest.raises(UntrustedError) as again:
        entry.advance(version)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


class TestVersions:
    """What may run."""

    def test_first(self, state: Path) -> None:
        """Of a file that is not known any version may run, also none; looking notes nothing."""
        for version in ("1.0", None):
            ENTRY.check(version)
        ENTRY.advance(None)
        assert {"versions.lock"} == names(state)

    def test_older(self, state: Path) -> None:
        """A version that is older than the highest that was run may not, nor may none."""
        for version in ("1.9", "1.10", "1.10.0", "1.10"):
            ENTRY.advance(version)
        way_out = (
            f", as '{state / 'versions.json'}' says; if that is to be so, "
            "'nativeplug versions --forget plugin.so' forgets it"
        )
        older = "version 1.9.9 is older than version 1.10, which was run"
        assert older + way_out == reason("1.9.9")
        none = "its signature tells no version, and version 1.10 was run"
        assert none + way_out == reason(None)
        assert {"RWkey": {"plugin.so": "1.10"}} == json.loads((state / "versions.json").read_text())

    @pytest.mark.usefixtures("state")
    def test_others(self) -> None:
        """Other keys, and other files of a key, have versions of their own."""
        ENTRY.advance("2")
        for other in (Entry("RWkey", "other.so"), Entry("RWother", "plugin.so")):
            other.advance("1")
            other.check("1")
        assert "version 1 is older" in reason("1")

    def test_forgotten(self, state: Path) -> None:
        """What is forgotten may run in any version; forgetting it again changes nothing."""
        other = Entry("RWkey", "other.so")
        assert {} == version_store.noted()
        ENTRY.advance("2")
        other.advance("3")
        assert {ENTRY: "2", other: "3"} == version_store.noted()
        for _ in range(2):
            ENTRY.forget()
        ENTRY.check("1")
        assert {other: "3"} == version_store.noted()
        other.forget()
        assert {} == json.loads((state / "versions.json").read_text())

    @pytest.mark.usefixtures("state")
    def test_threads(self) -> None:
        """Of many that note at the same time no version is lost."""
        entries = [Entry("RWkey", f"{number}.so") for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda entry: entry.advance("2"), entries))
        assert 40 == sum("is older" in reason("1", entry) for entry in entries)


class TestPlace:
    """The directory and its files."""

    def test_modes(self, state: Path) -> None:
        """Nobody else sees it."""
        ENTRY.advance("1")
        modes = {path.name: path.stat().st_mode & 0o777 for path in (state, *state.iterdir())}
        assert {"state": 0o700, "versions.json": 0o600, "versions.lock": 0o600} == modes

    @pytest.mark.parametrize("name", ["", "versions.json", "versions.lock"])
    def test_writable(self, name: str, state: Path) -> None:
        """What others could have written is not believed."""
        ENTRY.advance("1")
        (state / name).chmod(0o770)
        assert f"'{state / name}' can be written by others (mode 0770)" in reason("2")

    def test_writable_way(self, state: Path) -> None:
        """Nor is what others could put in the place of its directory."""
        ENTRY.advance("1")
        state.parent.chmod(0o777)
        expected = f"the directory '{state.parent}' can be written by others (mode 0777): chmod"
        assert expected in reason("2")

    @pytest.mark.parametrize("name", ["versions.json", "versions.lock"])
    def test_link(self, name: str, state: Path) -> None:
        """A symlink in a file's place is not followed."""
        ENTRY.advance("1")
        (state / name).rename(state / "elsewhere")
        (state / name).symlink_to("elsewhere")
        assert os.strerror(errno.ELOOP) in reason("2")

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"RWkey": 7}', '{"RWkey": {"plugin.so": "old"}}', '{"k": {"n": 7.5e9}}'],
    )
    def test_damaged(self, text: str, state: Path) -> None:
        """A damaged version store is an error that names it, and stays as it is."""
        ENTRY.advance("1")
        (state / "versions.json").write_text(text)
        found = reason("2")
        assert found.startswith(f"cannot remember versions in '{state / 'versions.json'}': ")
        assert "it is damaged" in found
        assert text == (state / "versions.json").read_text()

    def test_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a place for it nothing is believed."""
        monkeypatch.setattr(version_store, "state_directory", lambda: None)
        assert "set NATIVEPLUG_STATE_DIR" in reason("1")

    def test_not_made(self, state: Path) -> None:
        """A directory that cannot be made is an error in the system's words."""
        state.parent.parent.mkdir(exist_ok=True)
        state.parent.write_text("in the way")
        assert os.strerror(errno.ENOTDIR) in reason("1")

    def test_not_written(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What cannot be noted is an error, and leaves what there was, and nothing beside."""
        ENTRY.advance("1")
        monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
        with pytest.raises(UntrustedError, match="No space left on device"):
            ENTRY.advance("2")
        monkeypatch.undo()
        os.environ["NATIVEPLUG_STATE_DIR"] = str(state)
        ENTRY.check("1")
        assert {"versions.json", "versions.lock"} == names(state)

    def test_locked(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process is waited for, but not for ever."""
        ENTRY.advance("1")
        monkeypatch.setattr(version_store, "_PATIENCE", 0.05)
        with open(state / "versions.lock") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert "another process has held 'versions.lock' for 0.05 s" in reason("1")
        ENTRY.check("1")

    def test_fork(self, run_python: RunPython, state: Path) -> None:
        """A child process that is forked while it is locked neither keeps it so nor unlocks it."""
        code = """
            import os, signal
            from nativeplug.trust import version_store
            def is_free(directory):
                with open(directory.path_of("versions.lock")) as file:
                    return version_store._try_to_lock(file.fileno())
            with version_store._opened() as directory:
                staying = os.fork()
                if staying == 0:
                    signal.alarm(200)
                    signal.pause()
                leaving = os.fork()
                if leaving:
                    print(os.waitpid(leaving, 0)[1], is_free(directory))
                held = len(version_store._held)
            if leaving == 0:
                os._exit(held)
            print(held, is_free(directory))
            os.kill(staying, signal.SIGKILL)
        """
        done = run_python(code, env={"NATIVEPLUG_STATE_DIR": str(state)})
        assert ["0 False", "1 True"] == done.stdout.splitlines(), done.stderr


def test_processes(run_python: RunPython, state: Path) -> None:
    """Another process knows what was run here."""
    ENTRY.advance("3")
    done = run_python(
        """
        from nativeplug.trust.version_store import Entry
        Entry("RWkey", "plugin.so").check("2")
        """,
        env={"NATIVEPLUG_STATE_DIR": str(state)},
    )
    assert "version 2 is older than version 3, which was run" in done.stderr
