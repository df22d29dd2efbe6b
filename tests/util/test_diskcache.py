"""What is kept on disk; `test_compiled` tests what becomes of damaged files."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nativeplug._util import diskcache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the cache directory."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_round_trip(cache: Path) -> None:
    """What is stored is loaded, in a file of the user's own, under the name."""
    diskcache.store("kind/name", "things", b"content")
    assert b"content" == diskcache.load("kind/name", "things", bytes)
    assert 0o600 == (cache / "kind" / "name").stat().st_mode & 0o777
    assert ["name"] == [path.name for path in (cache / "kind").iterdir()]


@pytest.mark.usefixtures("cache")
def test_nothing_there() -> None:
    """What was not stored is not there, which is nothing to speak of."""
    assert diskcache.load("kind/name", "things", bytes) is None


def test_sticky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is new in a directory like /tmp is made there, and used from the start."""
    tmp_path.chmod(0o1777)
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "ours"))
    assert diskcache.load("kind/name", "things", bytes) is None
    diskcache.store("kind/name", "things", b"content")
    assert b"content" == diskcache.load("kind/name", "things", bytes)
    assert [] == caplog.records


def test_of_another_name(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was kept under one name is of no use under another."""
    diskcache.store("kind/name", "things", b"content")
    (cache / "kind" / "name").rename(cache / "kind" / "other")
    assert diskcache.load("kind/other", "things", bytes) is None
    assert "its digest does not fit" in caplog.text


@pytest.mark.usefixtures("cache")
def test_not_to_be_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """What its reader refuses is not there, and that is logged."""

    def refuse(_: memoryview) -> None:
        raise ValueError("not one of mine")

    diskcache.store("kind/name", "things", b"content")
    assert diskcache.load("kind/name", "things", refuse) is None
    (record,) = caplog.records
    assert "cannot use things in" in record.message
    assert record.message.endswith("not one of mine")


def forge(name: str, payload: bytes) -> bytes:
    """Return what a file of the cache holds: SHA-256 has no key, so anybody can write it."""
    return hashlib.sha256(name.encode() + b"\0" + payload).digest() + payload


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_link(
    cache: Path, make: Callable[[Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A link of others to a file of the user's is not believed, whatever that file holds."""
    upload = cache / "upload"
    upload.write_bytes(forge("kind/name", b"chosen"))
    (cache / "kind").mkdir(mode=0o700)
    make(cache / "kind" / "name", upload)
    (cache / "kind").chmod(0o777)
    assert diskcache.load("kind/name", "things", bytes) is None
    [record] = caplog.records
    assert "can be written by others (mode 0777): chmod go-w" in record.message
    assert record.message.endswith("; let NATIVEPLUG_CACHE_DIR name another directory")
    assert diskcache.load("kind/name", "things", bytes) is None
    assert [record] == caplog.records


def test_symlink_in_a_directory_of_ours(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A symlink in a file's place is not followed, and is replaced."""
    upload = cache / "upload"
    upload.write_bytes(forge("kind/name", b"chosen"))
    diskcache.store("kind/name", "things", b"content")
    (cache / "kind" / "name").unlink()
    (cache / "kind" / "name").symlink_to(upload)
    assert diskcache.load("kind/name", "things", bytes) is None
    assert os.strerror(errno.ELOOP) in caplog.text
    diskcache.store("kind/name", "things", b"content")
    assert b"content" == diskcache.load("kind/name", "things", bytes)
    assert forge("kind/name", b"chosen") == upload.read_bytes()


def test_not_stored_for_others(cache: Path) -> None:
    """Where others can write nothing is kept."""
    (cache / "kind").mkdir()
    (cache / "kind").chmod(0o777)
    diskcache.store("kind/name", "things", b"content")
    assert [] == [*(cache / "kind").iterdir()]


def test_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a directory nothing is kept."""
    monkeypatch.setattr(diskcache, "cache_directory", lambda: None)
    monkeypatch.chdir(tmp_path)
    diskcache.store("kind/name", "things", b"content")
    assert diskcache.load("kind/name", "things", bytes) is None
    assert [] == list(tmp_path.iterdir())
