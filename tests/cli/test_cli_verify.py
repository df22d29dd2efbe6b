"""The command ``verify``."""

from __future__ import annotations

from pathlib import Path

import pytest

from minisign_files import DATA, PUBLIC, PUBLIC_FILE, SIGNATURE
from nativeplug.loader import files
from nativeplug.loader.files import FileChangedError
from support import names, refused, run


@pytest.fixture(autouse=True)
def _signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file in place that minisign has signed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NATIVEPLUG_STATE_DIR", str(tmp_path / "state"))
    Path("greeter.so").write_bytes(DATA)
    Path("greeter.so.minisig").write_bytes(SIGNATURE)
    Path("minisign.pub").write_text(PUBLIC_FILE)


@pytest.mark.parametrize("options", [[], ["-p", "minisign.pub"], ["-P", PUBLIC]])
def test_good(options: list[str], tmp_path: Path) -> None:
    """The key and the trusted comment are printed; no version is looked up, or noted."""
    result = run("verify", "greeter.so", *options)
    expected = (
        "signed by the key 10075872A608C7F1\n"
        "trusted comment: timestamp:1795748543 file:greeter.so hashed\n"
    )
    assert (0, expected) == (result.exit_code, result.output)
    assert "state" not in names(tmp_path)


def test_bad() -> None:
    """A wrong signature is one line and exit status 1; a missing file cannot be verified: 2."""
    Path("other.so").write_bytes(DATA)
    Path("other.so.minisig").write_bytes(SIGNATURE)
    assert "for the file 'greeter.so', not for 'other.so'" in refused(run("verify", "other.so"), 1)
    Path("greeter.so").write_bytes(DATA + b"\0")
    assert "its content is not what the key" in refused(run("verify", "greeter.so"), 1)
    assert "No such file or directory" in refused(run("verify", "none.so"))


def test_no_key() -> None:
    """Where the key is not there, the error says what to give."""
    Path("minisign.pub").unlink()
    expected = "no public key 'minisign.pub': name one with --public-key or --public-key-text"
    assert f"nativeplug: {expected}\n" == refused(run("verify", "greeter.so"))


def test_changing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is being written cannot be verified."""

    def change(_path: str) -> None:
        raise FileChangedError

    monkeypatch.setattr(files, "read_file", change)
    assert "it changes while it is read" in refused(run("verify", "greeter.so"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-P", "RW"], "cannot use public key 'RW'"),
        (["-p", "greeter.so"], "cannot use public key 'greeter.so'"),
        (["-P", PUBLIC, "-p", "minisign.pub"], "exclude each other"),
    ],
)
def test_usage(options: list[str], expected: str) -> None:
    """What is no key is a mistake of the command."""
    result = run("verify", "greeter.so", *options)
    assert 2 == result.exit_code
    assert expected in result.stderr
