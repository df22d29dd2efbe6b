"""Who else could put a file in another's place."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from nativeplug import access
from support import descriptors

US = os.getuid()
TRUSTED = {0, US}
STRANGER = US + 4711
TMP = Path("/tmp")  # noqa: S108 - sticky, and root's


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Give a file, two directories down, none of which others can write to."""
    path = tmp_path / "one" / "two" / "plugin.so"
    path.parent.mkdir(parents=True)
    path.touch()
    for directory in (tmp_path, path.parent.parent, path.parent):
        directory.chmod(0o700)
    return path


def found(path: Path | str, trusted: set[int] = TRUSTED) -> list[str]:
    """Return what is found on the way to a path, below the directory that pytest has made."""
    own = f"{os.sep}pytest-of-"
    return [reason for reason in access.find_writable(str(path), trusted) if own in reason]


def writable(directory: Path, mode: int) -> str:
    """Return what is said of a directory."""
    return f"the directory '{directory}' can be written by others (mode {mode:04o}): chmod go-w"


class TestWay:
    """The directories that lead to a file."""

    def test_safe(self, deep: Path) -> None:
        """Where only the user can write there is nothing to say."""
        assert [] == found(deep)

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o2775])
    def test_writable(self, mode: int, deep: Path) -> None:
        """A directory that others can write to is named, with its mode, wherever it is."""
        deep.parent.parent.chmod(mode)
        assert [writable(deep.parent.parent, mode)] == found(deep)

    def test_several(self, deep: Path) -> None:
        """All are named."""
        for directory in (deep.parent, deep.parent.parent):
            directory.chmod(0o777)
        expected = [writable(deep.parent.parent, 0o777), writable(deep.parent, 0o777)]
        assert expected == found(deep)

    def test_not_there(self, deep: Path) -> None:
        """What is not there yet can be put there by whoever can write to where it would be."""
        missing = deep.parent / "libs" / "lib.so"
        assert f"the way to '{missing}' cannot be looked at: No such file or directory" in (
            found(missing)
        )
        assert [] == [*access.find_writable(str(missing), TRUSTED, is_there=False)]
        deep.parent.chmod(0o1777)
        assert [writable(deep.parent, 0o1777)] == [
            *access.find_writable(str(missing), TRUSTED, is_there=False)
        ]

    def test_relative(self, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path leads through the working directory; '..' leads up."""
        monkeypatch.chdir(deep.parent)
        deep.parent.parent.chmod(0o777)
        expected = [writable(deep.parent.parent, 0o777)]
        assert expected == found("plugin.so") == found("../two/./plugin.so")

    @pytest.mark.parametrize("absolute", [True, False])
    def test_link(self, deep: Path, tmp_path: Path, *, absolute: bool) -> None:
        """Of a symlink both ways count: to the link, and to what it names."""
        links = tmp_path / "links"
        links.mkdir()
        (links / "plugin.so").symlink_to(deep if absolute else "../one/two/plugin.so")
        assert [] == found(links / "plugin.so")
        links.chmod(0o777)
        deep.parent.chmod(0o777)
        expected = [writable(links, 0o777), writable(deep.parent, 0o777)]
        assert expected == found(links / "plugin.so")

    def test_link_to_directory(self, deep: Path, tmp_path: Path) -> None:
        """A symlink to a directory on the way is followed, too."""
        (tmp_path / "current").symlink_to("one")
        deep.parent.parent.chmod(0o777)
        assert [writable(deep.parent.parent, 0o777)] == found(tmp_path / "current/two/plugin.so")

    def test_circle(self, tmp_path: Path) -> None:
        """Links that lead nowhere are an end."""
        tmp_path.chmod(0o700)
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        expected = f"the way to '{tmp_path / 'a'}' cannot be looked at: too many symbolic links"
        assert [expected] == found(tmp_path / "a")

    def test_deleted_working_directory(
        self, deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the working directory is gone, absolute paths still lead somewhere."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert [] == found(deep)
        [reason] = access.find_writable("plugin.so", TRUSTED)
        assert "the way to 'plugin.so' cannot be looked at: No such file or directory" == reason

    def test_descriptors(self, deep: Path, tmp_path: Path) -> None:
        """No descriptor stays open, wherever the way ends."""
        (tmp_path / "a").symlink_to("one/../one/two")
        before = descriptors()
        for end in ("a/plugin.so", "a/none", "a/plugin.so/none"):
            found(tmp_path / end)
        next(access.walk(str(deep)))
        assert before == descriptors()

    def test_missing(self, tmp_path: Path) -> None:
        """What is gone by now cannot be looked at."""
        [reason] = found(tmp_path / "none" / "plugin.so")
        assert reason.endswith("cannot be looked at: No such file or directory")


class TestSticky:
    """A directory like /tmp."""

    def test_own(self, deep: Path) -> None:
        """What belongs to somebody who is trusted cannot be replaced in it."""
        deep.parent.chmod(0o1777)
        assert [] == found(deep)

    def test_of_others(self) -> None:
        """What belongs to another can be replaced by that one."""
        [fault] = access.find_writable(str(TMP / "*"), {0}, is_there=False)
        mode = stat.S_IMODE(TMP.stat().st_mode)
        assert writable(TMP, mode) == fault
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            if US == 0:
                os.chown(directory, STRANGER, -1)
            assert fault in [*access.find_writable(directory, {0})]
            assert [] == [*access.find_writable(directory, {0, STRANGER, US})]


class TestOwner:
    """Whose something is."""

    def test_strangers(self) -> None:
        """What a user owns who is not trusted is at fault, whatever its mode is."""
        expected = f"belongs to user {STRANGER}, who is not trusted"
        assert expected == access.find_fault(STRANGER, 0o400, TRUSTED)

    def test_directory_of_a_stranger(self, deep: Path) -> None:
        """So is each directory on the way, also a sticky one."""
        deep.parent.chmod(0o1777)
        reasons = found(deep, {STRANGER})
        expected = f"the directory '{deep.parent}' belongs to user {US}, who is not trusted"
        assert expected == reasons[-1]

    @pytest.mark.parametrize("mode", [0o100644, 0o100755, 0o104755])
    def test_ours(self, mode: int) -> None:
        """What only its owner can write to is fine."""
        assert None is access.find_fault(US, mode, TRUSTED)
