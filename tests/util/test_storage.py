"""Files that are written whole, and directories that nobody else can write to."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nativeplug._util.storage import Directory, replacing
from support import descriptors, names

US = os.geteuid()
STRANGER = US + 4711

GiveAway = Callable[[Path], int]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a directory of ours."""
    path = tmp_path / "place"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> GiveAway:
    """Make a file another user's, by making ourselves another where the system forbids that."""

    def give(path: Path) -> int:
        if US == 0:
            os.chown(path, STRANGER, -1, follow_symlinks=False)
            return STRANGER
        monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
        return US

    return give


def fault_of(path: Path | str) -> str:
    """Return why a directory cannot be opened."""
    before = descriptors()
    with pytest.raises(PermissionError) as caught:
        Directory.open(path)
    caught.value.__traceback__ = None
    assert before == descriptors()
    return str(caught.value)


class TestReplacing:
    """A file that takes another's place."""

    @pytest.mark.parametrize("is_there", [True, False])
    def test_whole(self, place: Path, *, is_there: bool) -> None:
        """It is seen when it is whole, and nothing is left beside it."""
        path = place / "name"
        if is_there:
            path.write_text("old")
        with replacing(path, sync=True) as file:
            file.write(b"new")
            file.flush()
            assert is_there is path.exists()
        assert "new" == path.read_text()
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        assert {"name"} == names(place)

    def test_not(self, place: Path) -> None:
        """After an exception there is what there was."""
        path = place / "name"
        path.write_text("old")

        def write() -> None:
            with replacing(path) as file:
                file.write(b"new")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write()
        assert "old" == path.read_text()
        assert {"name"} == names(place)

    def test_no_replacement(self, place: Path) -> None:
        """What is there stays, where it is not to be replaced."""
        with replacing(place / "name", replace=False) as file:
            file.write(b"first")
        with pytest.raises(FileExistsError), replacing(place / "name", replace=False) as file:
            file.write(b"second")
        assert "first" == (place / "name").read_text()
        assert {"name"} == names(place)

    def test_mode(self, place: Path) -> None:
        """The umask is taken from its mode, as from that of any new file."""
        with replacing(place / "name", mode=0o777):
            pass
        (place / "other").touch(mode=0o777)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()}
        assert 1 == len(modes)

    def test_link(self, place: Path, tmp_path: Path) -> None:
        """A symlink is replaced, and what it leads to stays."""
        (tmp_path / "target").write_text("old")
        (place / "name").symlink_to(tmp_path / "target")
        with replacing(place / "name") as file:
            file.write(b"new")
        assert "new" == (place / "name").read_text()
        assert "old" == (tmp_path / "target").read_text()


class TestDirectory:
    """A directory of ours."""

    def test_made(self, place: Path) -> None:
        """What is missing is made, for this user alone."""
        path = place / "a" / "b"
        with Directory.open(path) as directory:
            assert str(path) == directory.path
            assert [] == directory.names()
        assert {0o700} == {stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)}

    def test_not_made(self, place: Path) -> None:
        """Nothing is made where that was not asked for."""
        with pytest.raises(FileNotFoundError):
            Directory.open(place / "a" / "b", make=False)
        assert set() == names(place)

    def test_dangling_link(self, place: Path, tmp_path: Path) -> None:
        """What a symlink of ours leads to is made, too."""
        (place / "link").symlink_to(tmp_path / "elsewhere" / "..")
        with Directory.open(place / "link" / "name") as directory:
            assert str(tmp_path / "name") == directory.path

    def test_file(self, place: Path) -> None:
        """A file in its place is an error."""
        (place / "file").touch(mode=0o600)
        with pytest.raises(NotADirectoryError):
            Directory.open(place / "file")

    def test_round_trip(self, place: Path) -> None:
        """What is written is read, listed by its name, and lies at its path."""
        with Directory.open(place) as directory:
            with directory.replacing("name") as file:
                file.write(b"content")
                assert [] == directory.names()
            assert b"content" == directory.read("name")
            assert b"con" == directory.read("name", 3)
            assert ["name"] == directory.names()
            assert "content" == Path(directory.path_of("name")).read_text()

    def test_closed(self, place: Path) -> None:
        """No descriptor stays open, whether files can be opened or not."""
        before = descriptors()
        with Directory.open(place) as directory, pytest.raises(FileNotFoundError):
            directory.read("name")
        assert before == descriptors()


class TestOthers:
    """What others could write to."""

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
    def test_writable(self, place: Path, mode: int) -> None:
        """A directory that others can write to is refused."""
        place.chmod(mode)
        expected = f"{str(place)!r} can be written by others (mode {mode:04o}): chmod go-w"
        assert expected == fault_of(place)

    def test_sticky(self, place: Path) -> None:
        """A sticky directory is none of ours, but one in it is, where it belongs to this user."""
        place.chmod(0o1777)
        assert "can be written by others" in fault_of(place)
        with Directory.open(place / "ours") as directory:
            assert str(place / "ours") == directory.path

    @pytest.mark.parametrize("mode", [0o777, 0o1777])
    def test_not_there(self, place: Path, mode: int) -> None:
        """Nothing is to be read where nothing is, whoever else could make it."""
        place.chmod(mode)
        with pytest.raises(FileNotFoundError):
            Directory.open(place / "ours", make=False)

    def test_sticky_of_a_stranger(self, place: Path, give_away: GiveAway) -> None:
        """Another's entry in a sticky directory is not passed through."""
        (place / "theirs").mkdir()
        place.chmod(0o1777)
        give_away(place / "theirs")
        assert str(place) in fault_of(place / "theirs")

    @pytest.mark.parametrize("name", ["", "ours"])
    def test_stranger(self, place: Path, give_away: GiveAway, name: str) -> None:
        """A directory of another user is refused, at the end of the way and before."""
        give_away(place)
        assert "belongs to user" in fault_of(place / name)

    def test_writable_way(self, place: Path) -> None:
        """So is one that others could put another in the place of; nothing is opened there."""
        (place / "ours").mkdir(mode=0o700)
        place.chmod(0o777)
        expected = f"the directory {str(place)!r} can be written by others (mode 0777): chmod go-w"
        assert expected == fault_of(place / "ours")

    def test_link_of_others(self, place: Path, tmp_path: Path) -> None:
        """A symlink is only followed where nobody else could have made it."""
        (tmp_path / "open").mkdir()
        (tmp_path / "open" / "link").symlink_to(place)
        with Directory.open(tmp_path / "open" / "link") as directory:
            assert str(place) == directory.path
        (tmp_path / "open").chmod(0o777)
        assert str(tmp_path / "open") in fault_of(tmp_path / "open" / "link")

    def test_files(self, place: Path, give_away: GiveAway) -> None:
        """A file is refused that others can write to, that is another's, a link or a pipe."""
        for name in ("writable", "stranger", "fine"):
            (place / name).touch(mode=0o600)
        (place / "writable").chmod(0o620)
        (place / "link").symlink_to("fine")
        os.mkfifo(place / "pipe", 0o600)
        before = descriptors()
        with Directory.open(place) as directory:
            assert b"" == directory.read("fine")
            for name in ("writable", "pipe"):
                with pytest.raises(PermissionError, match=repr(str(place / name))):
                    directory.open_file(name)
            with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
                directory.open_file("link")
            owner = give_away(place / "stranger")
            with pytest.raises(PermissionError, match=f"belongs to user {owner}"):
                directory.open_file("stranger")
        assert before == descriptors()
