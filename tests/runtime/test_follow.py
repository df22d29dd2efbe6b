"""Following a file: what is noticed, and when; by a clock that the test sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from following import SETTLE, Looks, let_clock_tick, link, put
from nativeplug.runtime.follow import Observer


def recreate(path: Path) -> None:
    """Delete a file and write another."""
    path.unlink()
    path.write_text("2")


def recreate_directory(path: Path) -> None:
    """Delete a file's directory, and write another."""
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_text("2")


def replace_directory(path: Path) -> None:
    """Rename a file's directory, and put another in its place."""
    path.parent.rename(path.parent.with_name("old"))
    recreated = path.parent.with_name("new")
    recreated.mkdir()
    (recreated / path.name).write_text("2")
    recreated.rename(path.parent)


WAYS: list[Callable[[Path], object]] = [
    lambda path: path.write_text("22"),
    lambda path: path.write_text("2"),
    lambda path: put(path, "2"),
    lambda path: os.truncate(path, 0),
    lambda path: os.utime(path, ns=(1, 1)),
    recreate,
    recreate_directory,
    replace_directory,
]
NAMES = "write write_same_size put truncate touch recreate recreate_directory replace_directory"


class TestChange:
    """Another file is noticed, once, however it came there."""

    @pytest.mark.parametrize("change", WAYS, ids=NAMES.split())
    def test_ways(self, followed: Path, change: Callable[[Path], object]) -> None:
        """Each way to change or replace a file is noticed."""
        looks = Looks(followed)
        let_clock_tick(followed)
        change(followed)
        assert 1 == looks.settle()
        assert 0 == looks.settle()

    def test_again(self, followed: Path) -> None:
        """Each change is noticed, not only the first."""
        looks = Looks(followed)
        for change in WAYS[:6]:
            let_clock_tick(followed)
            change(followed)
            assert 1 == looks.settle()

    def test_linked_file(self, followed: Path, tmp_path: Path) -> None:
        """A symbolic link's target counts, and so does where it leads."""
        place = tmp_path / "plugin.so"
        link(place, followed)
        looks = Looks(place)
        put(followed, "2")
        assert 1 == looks.settle()
        other = tmp_path / "other.so"
        other.write_text("1")
        link(place, other)
        assert 1 == looks.settle()
        put(followed, "3")
        assert 0 == looks.settle()

    def test_linked_directory(self, followed: Path, tmp_path: Path) -> None:
        """The link may be a directory above, which leads to another version."""
        link(tmp_path / "current", followed.parent)
        looks = Looks(tmp_path / "current" / followed.name)
        second = tmp_path / "v2"
        second.mkdir()
        (second / followed.name).write_text("2")
        link(tmp_path / "current", second)
        assert 1 == looks.settle()
        put(second / followed.name, "3")
        assert 1 == looks.settle()

    def test_relative(self, followed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path means what it did when the observer was made."""
        monkeypatch.chdir(followed.parent)
        looks = Looks(followed.name)
        monkeypatch.chdir("/")
        put(followed, "2")
        assert 1 == looks.settle()

    def test_missing(self, followed: Path) -> None:
        """Nothing is called while there is no file, but once it is back."""
        looks = Looks(followed)
        let_clock_tick(followed)
        followed.unlink()
        assert 0 == looks.settle()
        followed.write_text("1")
        assert 1 == looks.settle()

    def test_missing_at_first(self, followed: Path) -> None:
        """A file that was not there at first may come, and counts."""
        contents: list[str] = []

        def changed() -> bool:
            contents.append(followed.read_text())
            return True

        followed.rename(followed.with_suffix(".later"))
        observer = Observer(str(followed), changed, settle=SETTLE)
        assert [False, False] == [observer.look(0), observer.look(1)]
        followed.with_suffix(".later").rename(followed)
        assert [True, False] == [observer.look(2), observer.look(3)]
        assert ["1"] == contents

    def test_back(self, followed: Path) -> None:
        """A file that was out of sight, and is the same, is no other."""
        looks = Looks(followed)
        hidden = followed.parent.with_name("hidden")
        followed.parent.rename(hidden)
        assert 0 == looks.settle()
        hidden.rename(followed.parent)
        assert 0 == looks.settle()

    def test_others(self, followed: Path) -> None:
        """Other files of the directory are of no concern."""
        looks = Looks(followed)
        followed.with_suffix(".h").touch()
        assert 0 == looks.settle()

    def test_beside(self, followed: Path) -> None:
        """A second file may count as well: that it comes, changes and goes."""
        beside = followed.with_name("plugin.so.sha256")
        looks = Looks(followed, beside=".sha256")
        for _ in range(2):
            put(beside, "1")
            assert 1 == looks.settle()
        beside.unlink()
        assert 1 == looks.settle()


class TestSettling:
    """A file that changes is left alone."""

    def test_pieces(self, followed: Path) -> None:
        """There is one call, after the last change, however long they take together."""
        looks = Looks(followed)
        with followed.open("w") as stream:
            for _ in range(10):
                stream.write("piece")
                stream.flush()
                assert looks.look(SETTLE * 0.9)
        assert looks.look(SETTLE * 0.9)
        assert 1 == looks.calls
        assert not looks.look(SETTLE * 0.1)
        assert 2 == looks.calls

    def test_seen(self, followed: Path) -> None:
        """While it settles, each change is seen once, also one that comes meanwhile."""
        seen: list[str] = []

        def see() -> None:
            seen.append(followed.read_text())
            if len(seen) == 1:
                put(followed, "3")
            raise OSError("what is wrong is told later")

        looks = Looks(followed, seen=see)
        assert [] == seen  # the first one does not count
        put(followed, "2")
        assert looks.look()
        assert looks.look(SETTLE)
        assert looks.look()
        assert 1 == looks.settle()
        assert ["2", "3"] == seen


class TestChanged:
    """The function that is called may not be done, change the file, and fail."""

    def test_not_done(self, followed: Path) -> None:
        """It is called again, though the file is the same, until nothing remains to be done."""
        answers = [True, False, False]
        looks = Looks(followed, answers.pop)
        put(followed, "2")
        assert 1 == looks.settle()
        assert [False, False] == [looks.look(), looks.look()]
        assert [] == answers
        assert 0 == looks.settle()

    def test_change_meanwhile(self, followed: Path) -> None:
        """A change that comes while it runs is seen afterwards."""

        def changed() -> bool:
            if followed.read_text() == "2":
                put(followed, "3")
            return True

        looks = Looks(followed, changed)
        put(followed, "2")
        assert [1, 1, 0] == [looks.settle(), looks.settle(), looks.settle()]

    def test_error(self, followed: Path, caplog: pytest.LogCaptureFixture) -> None:
        """What it raises is logged, and the next change is noticed."""

        def changed() -> bool:
            raise OSError("no such luck")

        looks = Looks(followed, changed)
        put(followed, "2")
        assert [1, 0] == [looks.settle(), looks.settle()]
        put(followed, "3")
        assert 1 == looks.settle()
        message = f"cannot take up the change of plugin '{followed}'"
        assert [("nativeplug.follow", "ERROR", message)] * 2 == [
            (record.name, record.levelname, record.getMessage()) for record in caplog.records
        ]
        assert "OSError: no such luck" in caplog.text
