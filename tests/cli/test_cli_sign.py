"""The command ``sign``."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from minisign_files import ENCRYPTED, ENCRYPTED_PUBLIC, KEY, OPEN
from minisign_files import PASSWORD as WORD
from nativeplug.cli.keys import PASSWORD
from nativeplug.trust.comment import Comment
from nativeplug.trust.minisign import PublicKey, SignatureFile
from support import names, refused, run

DATA = b"a plugin"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file to sign, beside keys to sign it with."""
    monkeypatch.delenv(PASSWORD, raising=False)
    (tmp_path / "open.key").write_text(OPEN)
    (tmp_path / "encrypted.key").write_text(ENCRYPTED)
    path = tmp_path / "plugin.so"
    path.write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    return path


def comment(key: PublicKey = KEY) -> str:
    """Return the trusted comment of the signature file, which is verified."""
    signature = SignatureFile.parse(Path("plugin.so.minisig").read_bytes())
    signature.verify(DATA, (key,))
    return signature.comment


@pytest.mark.usefixtures("plugin")
class TestSign:
    """A signature file beside a plugin."""

    def test_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its path is printed; its trusted comment is what minisign writes, and what was asked."""
        monkeypatch.setattr(time, "time", lambda: 1795748543.9)
        result = run("sign", "plugin.so", "-s", "open.key")
        assert (0, "plugin.so.minisig\n") == (result.exit_code, result.output)
        assert "timestamp:1795748543\tfile:plugin.so\thashed" == comment()
        options = ["--version", "1.2", "--expires", "2027-01-01", "--comment", "by hand"]
        assert 0 == run("sign", "plugin.so", "-s", "open.key", *options).exit_code
        expected = "\tfile:plugin.so\thashed\tversion:1.2\texpires:2027-01-01\tby hand"
        assert comment().endswith(expected)

    def test_other_name(self) -> None:
        """It may be signed for the name under which it will be opened."""
        assert 0 == run("sign", "plugin.so", "-s", "open.key", "--name", "link.so").exit_code
        assert "\tfile:link.so\t" in comment()

    def test_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The key's password is asked for, or comes from the environment."""
        key = PublicKey.parse(ENCRYPTED_PUBLIC)
        result = run("sign", "plugin.so", "-s", "encrypted.key", typed=f"{WORD}\n")
        assert (0, "plugin.so.minisig\n") == (result.exit_code, result.stdout)
        comment(key)
        Path("plugin.so.minisig").unlink()
        monkeypatch.setenv(PASSWORD, WORD)
        assert 0 == run("sign", "plugin.so", "-s", "encrypted.key").exit_code
        comment(key)
        monkeypatch.setenv(PASSWORD, "wrong")
        message = refused(run("sign", "plugin.so", "-s", "encrypted.key"))
        assert "cannot use secret key 'encrypted.key': its password is wrong" in message

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--version", "1.2-rc1"], "the version '1.2-rc1' is not numbers"),
            (["--expires", "soon"], "the time 'soon' is not written as"),
            (["--comment", "version:1 version:2"], "says 'version:' twice"),
            (["--comment", "two\nlines"], "it has four lines"),
            (["--name", "my\tplugin.so"], "its name has a tab, which ends it"),
            (["--name", "bad\udcff.so"], "its name is not UTF-8; name another with --name"),
            (["--comment", "bad\udcff"], "its trusted comment cannot be written in UTF-8"),
            (["-s", "none.key"], "no secret key 'none.key': name one with --secret-key"),
            (["-s", "plugin.so"], "cannot use secret key 'plugin.so': not a minisign secret key"),
        ],
    )
    def test_refused(self, options: list[str], expected: str, tmp_path: Path) -> None:
        """What would not be read again is not signed, and nothing is written."""
        before = names(tmp_path)
        assert expected in refused(run("sign", "plugin.so", "-s", "open.key", *options))
        assert before == names(tmp_path)

    def test_names(self, plugin: Path) -> None:
        """A name may have spaces; one that is not UTF-8 can be signed under another."""
        plugin.rename("my plugin.so")
        assert 0 == run("sign", "my plugin.so", "-s", "open.key").exit_code
        signature = SignatureFile.parse(Path("my plugin.so.minisig").read_bytes())
        assert "my plugin.so" == Comment.parse(signature.comment).file
        Path("my plugin.so").rename("bad\udcff.so")
        message = refused(run("sign", "bad\udcff.so", "-s", "open.key"))
        assert r"cannot sign 'bad\udcff.so': its name is not UTF-8" in message
        done = run("sign", "bad\udcff.so", "-s", "open.key", "--name", "good.so")
        assert (0, b"bad\xff.so.minisig\n") == (done.exit_code, done.stdout_bytes)

    def test_no_text(self) -> None:
        """A key's file that is no text is none."""
        Path("bad.key").write_bytes(b"\xff")
        message = refused(run("sign", "plugin.so", "-s", "bad.key"))
        assert "cannot use secret key 'bad.key': not a minisign secret key" in message

    def test_missing(self) -> None:
        """A plugin that is not there is one line."""
        assert "none.so" in refused(run("sign", "none.so", "-s", "open.key"))

    def test_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who has no key is told how to make one."""
        monkeypatch.setenv("HOME", str(tmp_path))
        message = refused(run("sign", "plugin.so"))
        assert f"no secret key '{tmp_path}/.minisign/minisign.key'" in message
        assert "make a pair of keys by 'nativeplug keygen'" in message

    def test_pipe(self) -> None:
        """A pipe is refused: reading it would wait for a writer."""
        os.mkfifo("pipe.so")
        assert "not a regular file" in refused(run("sign", "pipe.so", "-s", "open.key"))
