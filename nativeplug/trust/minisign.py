"""
Ed25519 in minisign's format: public keys, and the files that say who has signed what.

The format is https://jedisct1.github.io/minisign/. It is read strictly: what minisign writes, to
the last bit, and nothing else, so that no two texts mean the same. Of such a file one thing
is signed by nobody, the free text of its untrusted comment: it is never looked at, and never shown.
Of the two algorithms only the one that minisign uses itself since 0.8 is accepted, which signs the
BLAKE2b-512 of the data ("ED"); of a file signed by the other ("Ed") the error says so.

`cryptography` is imported when the first key is used, not with this module.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

UNTRUSTED: Final = "untrusted comment: "
TRUSTED: Final = "trusted comment: "
#: How a file's name goes on where its signature file lies beside it.
SUFFIX: Final = ".minisig"
#: The longest signature file; minisign's comments have up to 1 KiB and 8 KiB.
MOST_BYTES: Final = 16384

KEY: Final = b"Ed"
HASHED: Final = b"ED"
_LEGACY: Final = b"Ed"
_ID_SIZE: Final = 8
_KEY_SIZE: Final = 32
_SIGNED_SIZE: Final = 64
_LINES_OF_A_SIGNATURE: Final = 4
_LINES_OF_A_KEY: Final = 2


class UntrustedError(ValueError):
    """A key or a signature file is damaged or not the right one; the text is one reason."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, and the number by which signature files name it."""

    id: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """
        Read a public key.

        Args:
            text: What minisign prints (``RW...``), or what it writes into a file.

        Raises:
            UntrustedError: It is none.
        """
        lines = text.split("\n")
        if lines[-1] == "" and len(lines) > 1:
            lines.pop()
        if len(lines) == _LINES_OF_A_KEY and lines[0].startswith(UNTRUSTED):
            lines.pop(0)
        if len(lines) != 1:
            raise UntrustedError("not a minisign public key: it has an untrusted comment and a key")
        data = decode(lines[0], len(KEY) + _ID_SIZE + _KEY_SIZE, "minisign public key")
        if not data.startswith(KEY):
            raise UntrustedError(f"not a minisign public key: its algorithm is {data[:2]!r}")
        data = data[len(KEY) :]
        return cls(data[:_ID_SIZE], data[_ID_SIZE:])

    @property
    def name(self) -> str:
        """The key's number as minisign writes it."""
        return name_of(self.id)

    def __str__(self) -> str:
        """Return the key as minisign prints it."""
        return base64.b64encode(KEY + self.id + self.key).decode()

    def has_signed(self, signed: bytes, data: File) -> bool:
        """Tell whether this key has signed data; a number that is only congruent does not do."""
        algorithm = ed25519()
        from cryptography.exceptions import InvalidSignature

        try:
            algorithm.Ed25519PublicKey.from_public_bytes(self.key).verify(signed, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """What is in a signature file."""

    key_id: bytes
    #: What was signed of the data.
    signed: bytes
    #: The trusted comment, and what was signed of it together with *signed*.
    comment: str
    signed_comment: bytes

    @classmethod
    def parse(cls, data: bytes) -> SignatureFile:
        """
        Read a signature file.

        Raises:
            UntrustedError: It is damaged, or of an algorithm that is not accepted.
        """
        what = "minisign signature file"
        if len(data) > MOST_BYTES:
            raise UntrustedError(f"not a {what}: it has more than {MOST_BYTES} bytes")
        try:
            lines = data.decode().split("\n")
        except UnicodeDecodeError:
            raise UntrustedError(f"not a {what}: it is not UTF-8") from None
        if len(lines) != _LINES_OF_A_SIGNATURE + 1 or lines.pop():
            raise UntrustedError(f"not a {what}: it has four lines, each with its end")
        untrusted, first, trusted, second = lines
        for line, start in ((untrusted, UNTRUSTED), (trusted, TRUSTED)):
            if not line.startswith(start):
                raise UntrustedError(f"not a {what}: a line does not begin with {start!r}")
        by_key = decode(first, len(HASHED) + _ID_SIZE + _SIGNED_SIZE, what)
        signed_comment = decode(second, _SIGNED_SIZE, what)
        comment = trusted[len(TRUSTED) :]
        if not comment.replace("\t", " ").isprintable():
            raise UntrustedError(f"not a {what}: its trusted comment has control characters")
        _check_algorithm(by_key[: len(HASHED)])
        rest = by_key[len(HASHED) :]
        return cls(rest[:_ID_SIZE], rest[_ID_SIZE:], comment, signed_comment)

    def verify(self, data: File, keys: tuple[PublicKey, ...]) -> PublicKey:
        """
        Return the key that has signed data and this file's trusted comment.

        Args:
            data: All of it.
            keys: Those that are trusted.

        Raises:
            UntrustedError: None of them has.
        """
        named = [key for key in keys if key.id == self.key_id]
        if not named:
            trusted = ", ".join(key.name for key in keys) or "none"
            raise UntrustedError(
                f"signed by the key {name_of(self.key_id)}; trusted is {trusted}: "
                "take the file from whom you trust, or trust that key"
            )
        digest = hashlib.blake2b(data).digest()
        signer = next((key for key in named if key.has_signed(self.signed, digest)), None)
        if signer is None:
            raise UntrustedError(f"its content is not what the key {named[0].name} has signed")
        if not signer.has_signed(self.signed_comment, self.signed + self.comment.encode()):
            raise UntrustedError(f"its trusted comment is not what the key {signer.name} signed")
        return signer


def ed25519() -> ModuleType:
    """
    Return the module of the algorithm.

    Raises:
        UntrustedError: The package `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519 as algorithm
    except ModuleNotFoundError as error:
        raise UntrustedError(
            f"{error}, which is needed for signatures: pip install 'nativeplug[sign]'"
        ) from None
    return algorithm


def name_of(key_id: bytes) -> str:
    """Return a key's number as minisign writes it: that of a little-endian machine."""
    return key_id[::-1].hex().upper()


def decode(text: str, size: int, what: str) -> bytes:
    """
    Return what a line in Base64 stands for.

    Raises:
        UntrustedError: It is not that many bytes, or not written in the one way that RFC 4648,
            section 3.5, calls canonical.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise UntrustedError(f"not a {what}: a line is not Base64") from None
    if len(data) != size:
        raise UntrustedError(f"not a {what}: a line has {len(data)} bytes in place of {size}")
    if base64.b64encode(data).decode() != text:
        raise UntrustedError(f"not a {what}: a line's Base64 is not canonical")
    return data


def _check_algorithm(algorithm: bytes) -> None:
    if algorithm == _LEGACY:
        raise UntrustedError(
            "signed without hashing, as minisign did before 0.8: sign it with a newer minisign, "
            "without -l"
        )
    if algorithm != HASHED:
        raise UntrustedError(f"signed by an algorithm that is not known, {algorithm!r}")
