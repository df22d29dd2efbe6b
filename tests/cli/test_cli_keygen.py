"""The command ``keygen``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nativeplug.cli.keys import PASSWORD
from nativeplug.trust import secret_key
from nativeplug.trust.minisign import PublicKey
from nativeplug.trust.secret_key import SecretKey
from support import names, refused, run


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let passwords need little memory, and the user be somebody without keys."""
    monkeypatch.setattr(secret_key, "_WORK", 1 << 20)
    monkeypatch.setattr(secret_key, "_MEMORY", 1 << 25)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(PASSWORD, raising=False)
    monkeypatch.chdir(tmp_path)


def test_open(tmp_path: Path) -> None:
    """The public key is printed, and written; the secret one is nobody else's to read."""
    result = run("keygen", "-p", "key.pub", "-s", "key", "--no-password")
    assert 0 == result.exit_code, result.output
    secret, public = (tmp_path / "key").read_text(), (tmp_path / "key.pub").read_text()
    key = SecretKey.parse(secret)
    assert f"{key.public}\n" == result.output
    assert f"untrusted comment: minisign public key {key.public.name}\n{key.public}\n" == public
    assert 0o600 == (tmp_path / "key").stat().st_mode & 0o777
    assert {"key", "key.pub"} == names(tmp_path)


def test_places(tmp_path: Path) -> None:
    """Without names the files are where minisign looks for them, in a directory of the user's."""
    assert 0 == run("keygen", "--no-password").exit_code
    assert 0o700 == (tmp_path / "home" / ".minisign").stat().st_mode & 0o777
    SecretKey.parse((tmp_path / "home" / ".minisign" / "minisign.key").read_text())
    PublicKey.parse((tmp_path / "minisign.pub").read_text())


def test_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is asked for twice, or comes from the environment."""
    result = run("keygen", "-s", "key", typed="secret\nsecret\n")
    assert 0 == result.exit_code, result.output
    assert "secret" not in result.output
    SecretKey.parse((tmp_path / "key").read_text(), "secret")
    monkeypatch.setenv(PASSWORD, "other")
    assert 0 == run("keygen", "-s", "key", "--force").exit_code
    SecretKey.parse((tmp_path / "key").read_text(), "other")


@pytest.mark.parametrize("name", ["key", "key.pub"])
def test_there_already(name: str, tmp_path: Path) -> None:
    """A file that is there already stays as it is, unless the user insists."""
    (tmp_path / name).write_text("precious")
    options = ["keygen", "-p", "key.pub", "-s", "key", "--no-password"]
    assert f"cannot write '{name}': it is there already" in refused(run(*options))
    assert ("precious", {name}) == ((tmp_path / name).read_text(), names(tmp_path))
    assert 0 == run(*options, "--force").exit_code
    assert "precious" != (tmp_path / name).read_text()


def test_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the package that knows the algorithm the user is told which it is."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    assert "pip install 'nativeplug[sign]'" in refused(run("keygen", "-s", "key", "--no-password"))
    assert set() == names(tmp_path)
