"""Secret keys of the program minisign, version 0.11, and our own."""

from __future__ import annotations

import base64

import pytest

from minisign_files import DATA, ENCRYPTED, ENCRYPTED_PUBLIC, OPEN, PASSWORD, PUBLIC, SIGNATURE
from nativeplug.trust import secret_key
from nativeplug.trust.minisign import PublicKey, SignatureFile, UntrustedError
from nativeplug.trust.secret_key import SecretKey


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new keys need less than a gigabyte for their passwords."""
    monkeypatch.setattr(secret_key, "_WORK", 1 << 20)
    monkeypatch.setattr(secret_key, "_MEMORY", 1 << 25)


def stored(*changes: tuple[int, bytes], text: str = OPEN) -> str:
    """Return the text of a key's file with other bytes at some offsets."""
    comment, line, _ = text.split("\n")
    data = bytearray(base64.b64decode(line))
    for offset, new in changes:
        data[offset : offset + len(new)] = new
    return f"{comment}\n{base64.b64encode(bytes(data)).decode()}\n"


class TestReading:
    """What minisign has written."""

    def test_open(self) -> None:
        """A key that lies open signs as minisign does, to the last bit."""
        key = SecretKey.parse(OPEN)
        expected = SignatureFile.parse(SIGNATURE)
        made = SignatureFile.parse(key.sign(DATA, expected.comment).encode())
        assert (PublicKey.parse(PUBLIC), expected) == (key.public, made)

    def test_encrypted(self) -> None:
        """A key that lies under a password is found with that."""
        key = SecretKey.parse(ENCRYPTED, PASSWORD)
        assert ENCRYPTED_PUBLIC == str(key.public)
        assert (True, False) == (secret_key.is_encrypted(ENCRYPTED), secret_key.is_encrypted(OPEN))

    def test_secret(self) -> None:
        """What is secret is not shown."""
        assert "seed" not in repr(SecretKey.parse(OPEN))

    @pytest.mark.parametrize(
        ("text", "password", "expected"),
        [
            (ENCRYPTED, None, "it lies under a password: give that"),
            (ENCRYPTED, "wrong", "its password is wrong, or it is damaged"),
            ("", None, "it has a comment and a key"),
            (OPEN + "\n", None, "it has a comment and a key"),
            (OPEN.replace("untrusted ", ""), None, "it has a comment and a key"),
            (OPEN.replace("AAA=", "=AAA"), None, "a line is not Base64"),
            (stored((0, b"ED")), None, "algorithms that are not known"),
            (stored((2, b"Ar")), None, "algorithms that are not known"),
            (stored((4, b"B3")), None, "algorithms that are not known"),
            (stored((70, b"\1")), None, "its two halves do not belong together"),
            (stored((157, b"\1")), None, "its password is wrong, or it is damaged"),
            (stored((45, b"\1"), text=ENCRYPTED), "", "needs more memory than minisign's own"),
            (stored((53, b"\1"), text=ENCRYPTED), "", "needs more memory than minisign's own"),
        ],
    )
    def test_refused(self, text: str, password: str | None, expected: str) -> None:
        """What cannot be used is refused, with its reason."""
        with pytest.raises(UntrustedError, match=expected):
            SecretKey.parse(text, password)

    def test_little_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is too little memory for a password, the error says so."""

        def fail(*_args: object, **_options: object) -> bytes:
            raise ValueError("memory limit exceeded")

        monkeypatch.setattr("hashlib.scrypt", fail)
        with pytest.raises(UntrustedError, match="on its password: memory limit exceeded"):
            SecretKey.parse(ENCRYPTED, PASSWORD)


class TestWriting:
    """What we write."""

    @pytest.mark.usefixtures("little")
    @pytest.mark.parametrize("password", [None, "", "käse"])
    def test_again(self, password: str | None) -> None:
        """A new key is read again, with its password."""
        key = SecretKey.generate()
        assert key == SecretKey.parse(key.format(password), password)

    def test_open_as_minisign(self) -> None:
        """A key that lies open is written as minisign writes it."""
        assert OPEN == SecretKey.parse(OPEN).format()

    @pytest.mark.parametrize("comment", ["two\nlines", "\x1b[2J", "x" * 20_000])
    def test_comment(self, comment: str) -> None:
        """A trusted comment that would not be read again is not signed."""
        with pytest.raises(UntrustedError, match="minisign signature file"):
            SecretKey.generate().sign(DATA, comment)


@pytest.mark.parametrize(
    ("work", "memory", "expected"),
    [
        (1 << 25, 1 << 30, (1 << 20, 1)),  # minisign's own
        (1 << 20, 1 << 25, (1 << 15, 1)),
        (1 << 19, 1 << 24, (1 << 14, 1)),  # libsodium's "interactive"
        (0, 1 << 30, (1 << 10, 1)),
        (1 << 25, 1 << 20, (1 << 10, 1024)),
    ],
)
def test_parameters(work: int, memory: int, expected: tuple[int, int]) -> None:
    """The limits become scrypt's N and p as libsodium has them."""
    assert expected == secret_key._parameters(work, memory)
