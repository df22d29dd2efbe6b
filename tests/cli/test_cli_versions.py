"""The command ``versions``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nativeplug.trust import version_store
from nativeplug.trust.version_store import Entry
from signing import Signer
from support import names, refused, run

OURS, THEIRS = Signer().public, Signer().public


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory of the notes."""
    monkeypatch.setenv("NATIVEPLUG_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def _noted() -> None:
    """Note three versions."""
    for key, name, version in ((OURS, "a.so", "1.2"), (THEIRS, "a.so", "3"), (OURS, "b.so", "2")):
        Entry(key, name).advance(version)


def test_nothing(tmp_path: Path) -> None:
    """Where nothing was noted nothing is shown, nor made."""
    assert (0, "no version was noted\n") == (run("versions").exit_code, run("versions").stdout)
    assert [] == json.loads(run("versions", "--json").stdout)
    assert set() == names(tmp_path)


@pytest.mark.usefixtures("_noted")
def test_shown() -> None:
    """Each file, version and key is a line, or an object; one key's alone where that is asked."""
    lines = run("versions").stdout.splitlines()
    for words in (("a.so", "1.2", OURS), ("a.so", "3", THEIRS), ("b.so", "2", OURS)):
        assert 1 == sum(all(f" {word} " in line for word in words) for line in lines)
    ours = json.loads(run("versions", "--json", "-P", OURS).stdout)
    assert [
        {"file": "a.so", "key": OURS, "version": "1.2"},
        {"file": "b.so", "key": OURS, "version": "2"},
    ] == sorted(ours, key=lambda row: str(row["file"]))


@pytest.mark.usefixtures("_noted")
def test_forget() -> None:
    """What is forgotten may run again in any version; the rest stays."""
    result = run("versions", "--forget", "a.so", "-P", OURS)
    expected = f"forgot version 1.2 of a.so, signed by {OURS}\n"
    assert (0, "", expected) == (result.exit_code, result.stdout, result.stderr)
    Entry(OURS, "a.so").check("0.1")
    assert {Entry(THEIRS, "a.so"): "3", Entry(OURS, "b.so"): "2"} == version_store.noted()
    assert 2 == run("versions", "--forget", "a.so", "--forget", "b.so").stderr.count("forgot")
    assert {} == version_store.noted()


@pytest.mark.usefixtures("_noted")
def test_not_noted() -> None:
    """Forgetting what was not noted is a mistake, and what was is kept."""
    assert "no version of 'c.so' was noted" in refused(run("versions", "--forget", "c.so"))
    assert 3 == len(version_store.noted())


def test_wrong_key() -> None:
    """What is no public key is wrong use."""
    result = run("versions", "-P", "RW")
    assert 2 == result.exit_code
    assert "cannot use public key 'RW'" in result.stderr


def test_damaged(state: Path) -> None:
    """Damaged notes are an error that names them."""
    state.mkdir(mode=0o700)
    (state / "versions.json").write_text("{")
    assert f"cannot remember versions in '{state / 'versions.json'}'" in refused(run("versions"))
