"""What is kept on disk; `test_compiled` tests what becomes of damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug import kept


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the cache directory."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_round_trip(cache: Path) -> None:
    """What is stored is loaded, in a file of the user's own, under the name."""
    kept.store("kind/name", "things", b"content")
    assert b"content" == kept.load("kind/name", "things", bytes)
    assert 0o600 == (cache / "kind" / "name").stat().st_mode & 0o777
    assert ["name"] == [path.name for path in (cache / "kind").iterdir()]


@pytest.mark.usefixtures("cache")
def test_nothing_there() -> None:
    """What was not stored is not there, which is nothing to speak of."""
    assert kept.load("kind/name", "things", bytes) is None


def test_of_another_name(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was kept under one name is of no use under another."""
    kept.store("kind/name", "things", b"content")
    (cache / "kind" / "name").rename(cache / "kind" / "other")
    assert kept.load("kind/other", "things", bytes) is None
    assert "its digest does not fit" in caplog.text


@pytest.mark.usefixtures("cache")
def test_not_to_be_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """What its reader refuses is not there, and that is logged."""

    def refuse(_: memoryview) -> None:
        raise ValueError("not one of mine")

    kept.store("kind/name", "things", b"content")
    assert kept.load("kind/name", "things", refuse) is None
    (record,) = caplog.records
    assert "cannot use things in" in record.message
    assert record.message.endswith("not one of mine")


def test_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a directory nothing is kept."""
    monkeypatch.setattr(kept, "cache_directory", lambda: None)
    monkeypatch.chdir(tmp_path)
    kept.store("kind/name", "things", b"content")
    assert kept.load("kind/name", "things", bytes) is None
    assert [] == list(tmp_path.iterdir())
