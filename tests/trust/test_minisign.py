"""Keys and signature files of the program minisign, version 0.11, and what is none."""

from __future__ import annotations

import base64
import sys

import pytest

from minisign_files import DATA, KEY, LEGACY, PUBLIC, PUBLIC_FILE, SIGNATURE
from nativeplug.trust import minisign
from nativeplug.trust.minisign import PublicKey, SignatureFile, UntrustedError

# The order of the group, RFC 8032, section 5.1.
ORDER = 2**252 + 27742317777372353535851937790883648493


def changed(old: bytes, new: bytes, data: bytes = SIGNATURE) -> bytes:
    """Return a signature file with something else in it."""
    assert 1 == data.count(old)
    return data.replace(old, new)


def reason(data: bytes, signed: bytes = DATA, key: PublicKey = KEY) -> str:
    """Return why a signature file is refused."""
    with pytest.raises(UntrustedError) as caught:
        SignatureFile.parse(data).verify(signed, (key,))
    return str(caught.value)


class TestPublicKey:
    """A public key."""

    def test_text_and_file(self) -> None:
        """What minisign prints and what it writes is the same key, with its number."""
        assert KEY == PublicKey.parse(PUBLIC_FILE) == PublicKey.parse(PUBLIC_FILE.rstrip("\n"))
        assert KEY == PublicKey.parse(f"{PUBLIC}\n")
        assert ("10075872A608C7F1", PUBLIC) == (KEY.name, str(KEY))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "a line has 0 bytes in place of 42"),
            ("RW", "a line is not Base64"),
            (PUBLIC + "=", "a line's Base64 is not canonical"),
            (PUBLIC[:-4], "a line has 39 bytes in place of 42"),
            (PUBLIC + " ", "a line is not Base64"),
            ("é" + PUBLIC[1:], "a line is not Base64"),
            ("RU" + PUBLIC[2:], "its algorithm is b'ED'"),
            (PUBLIC_FILE + "\n", "an untrusted comment and a key"),
            (f"{PUBLIC}\n{PUBLIC}\n", "an untrusted comment and a key"),
            (f"comment: mine\n{PUBLIC}\n", "an untrusted comment and a key"),
        ],
    )
    def test_none(self, text: str, expected: str) -> None:
        """What minisign would not write is no key, and the error says why."""
        with pytest.raises(UntrustedError, match="not a minisign public key") as caught:
            PublicKey.parse(text)
        assert expected in str(caught.value)


class TestSignature:
    """A signature file of minisign's."""

    def test_verified(self) -> None:
        """Its key has signed the data, and the trusted comment, which is given as it is."""
        signature = SignatureFile.parse(SIGNATURE)
        assert KEY == signature.verify(DATA, (KEY,))
        assert "timestamp:1795748543\tfile:greeter.so\thashed" == signature.comment

    def test_untrusted_comment(self) -> None:
        """What nobody signs is free text, and nothing of it comes through."""
        data = changed(b"signature from minisign secret key", b"anything")
        assert SignatureFile.parse(SIGNATURE) == SignatureFile.parse(data)

    def test_two_keys_of_one_number(self) -> None:
        """Of keys that happen to have the same number each is tried."""
        other = PublicKey(KEY.id, bytes(31) + b"\1")
        assert KEY == SignatureFile.parse(SIGNATURE).verify(DATA, (other, KEY))

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (b"timestamp:1", b"timestamp:2", "its trusted comment is not what the key"),
            (b"\tfile", b" file", "its trusted comment is not what the key"),
            (b"RUTx", b"RUTy", "signed by the key 10075872A608C7F2; trusted is 10075872A608C7F1"),
            (b"2PQAA=", b"2PQQA=", "its content is not what the key 10075872A608C7F1 has signed"),
            (b"u4Bg==", b"u4Ag==", "its trusted comment is not what the key"),
            # The same bytes, written otherwise.
            (b"2PQAA=", b"2PQAB=", "a line's Base64 is not canonical"),
            (b"u4Bg==", b"u4Bh==", "a line's Base64 is not canonical"),
            (b"2PQAA=", b"2PQAA", "a line is not Base64"),
            (b"2PQAA=", b"2PQAA=\r", "a line is not Base64"),
            (b"2PQAA=", b" 2PQAA=", "a line is not Base64"),
            (b"hashed\n", b"hashed\r\n", "its trusted comment has control characters"),
            (b"hashed", b"\x1b[2Jed", "its trusted comment has control characters"),
            (b"hashed", b"\xffashed", "it is not UTF-8"),
            (
                b"trusted comment: t",
                b"trusted comment:t",
                "does not begin with 'trusted comment: '",
            ),
            (b"untrusted comment: s", b"comment: s", "begin with 'untrusted comment: '"),
            (b"u4Bg==\n", b"u4Bg==", "it has four lines, each with its end"),
            (b"u4Bg==\n", b"u4Bg==\n\n", "it has four lines, each with its end"),
            (b"u4Bg==\n", b"u4Bg==\nmore", "it has four lines, each with its end"),
            (b"\nwh1k", b"\n\nwh1k", "it has four lines, each with its end"),
            (b"RUTx", b"RVTx", "signed by an algorithm that is not known, b'ET'"),
        ],
    )
    def test_damaged(self, old: bytes, new: bytes, expected: str) -> None:
        """Any other text than minisign's is refused, with its reason."""
        assert expected in reason(changed(old, new))

    def test_other_data(self) -> None:
        """Data that was not signed is refused."""
        assert "its content is not what the key" in reason(SIGNATURE, DATA + b"\0")

    def test_wrong_key(self) -> None:
        """An error about a key that is not trusted names both."""
        other = PublicKey(bytes(7) + b"\1", KEY.key)
        assert (
            "signed by the key 10075872A608C7F1; trusted is 0100000000000000: take the file from "
            "whom you trust, or trust that key"
        ) == reason(SIGNATURE, key=other)

    def test_not_hashed(self) -> None:
        """The older algorithm, which minisign has left, is refused and named."""
        assert reason(LEGACY).startswith("signed without hashing, as minisign did before 0.8: ")

    def test_too_long(self) -> None:
        """A file that has no end is not read to it."""
        assert "more than 16384 bytes" in reason(SIGNATURE + bytes(minisign.MOST_BYTES))

    def test_second_number(self) -> None:
        """A signature whose number is only congruent, by the group's order, is none."""
        line = SIGNATURE.split(b"\n")[1]
        raw = base64.b64decode(line)
        number = int.from_bytes(raw[-32:], "little") + ORDER
        forged = base64.b64encode(raw[:-32] + number.to_bytes(32, "little"))
        assert "its content is not what the key" in reason(changed(line, forged))

    def test_no_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the package that knows the algorithm everything is refused, and it is named."""
        for name in [name for name in sys.modules if name.startswith("cryptography")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "cryptography", None)
        assert "pip install 'nativeplug[sign]'" in reason(SIGNATURE)
