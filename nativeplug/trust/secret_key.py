"""
Secret keys in minisign's format, and signing with them.

Such a file's key lies under a password (scrypt, and a check sum by BLAKE2b-256), or open.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nativeplug.trust.minisign import (
    HASHED,
    KEY,
    TRUSTED,
    UNTRUSTED,
    PublicKey,
    SignatureFile,
    UntrustedError,
    decode,
    ed25519,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SCRYPT, _OPEN, _BLAKE2B = b"Sc", b"\0\0", b"B2"
# Algorithms (of keys, of passwords, of the check sum), salt, two limits; then what is encrypted:
# number, seed and public key, check sum.
_FILE: Final = struct.Struct("<2s2s2s32sQQ104s")
_SECRET: Final = struct.Struct("<8s32s32s32s")
_SALT_SIZE, _ID_SIZE, _SEED_SIZE = 32, 8, 32
# libsodium's crypto_pwhash_scryptsalsa208sha256_*LIMIT_SENSITIVE, which minisign takes: a
# gigabyte, and some seconds.
_WORK: Final = 1 << 25
_MEMORY: Final = 1 << 30
_BLOCK = 8  # scrypt's r
_LEAST_WORK: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that signs."""

    id: bytes
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SecretKey:
        """Return a fresh key."""
        return cls(os.urandom(_ID_SIZE), os.urandom(_SEED_SIZE))

    @classmethod
    def parse(cls, text: str, password: str | None = None) -> SecretKey:
        """
        Read a secret key's file.

        Args:
            text: What is in the file.
            password: What it lies under; None if it lies open.

        Raises:
            UntrustedError: It is damaged, or the password is wrong or missing.
        """
        stored = _Stored.parse(text)
        secret = stored.secret
        if stored.is_encrypted:
            if password is None:
                raise UntrustedError("it lies under a password: give that")
            secret = _xor(secret, _stretch(password, stored.salt, stored.work, stored.memory))
        key_id, seed, public, check = _SECRET.unpack(secret)
        made = cls(key_id, seed)
        expected = _check_sum(key_id, seed, public)
        # Of one that lies open, minisign leaves it out.
        if check != expected and (stored.is_encrypted or any(check)):
            raise UntrustedError("its password is wrong, or it is damaged")
        if made.public.key != public:
            raise UntrustedError("it is damaged: its two halves do not belong together")
        return made

    def format(self, password: str | None = None) -> str:
        """Return the text for a secret key's file, which lies open where there is no password."""
        public = self.public.key
        if password is None:
            secret = _SECRET.pack(self.id, self.seed, public, b"")
            data = _FILE.pack(KEY, _OPEN, _BLAKE2B, b"", 0, 0, secret)
        else:
            check, salt = _check_sum(self.id, self.seed, public), os.urandom(_SALT_SIZE)
            secret = _SECRET.pack(self.id, self.seed, public, check)
            hidden = _xor(secret, _stretch(password, salt, _WORK, _MEMORY))
            data = _FILE.pack(KEY, _SCRYPT, _BLAKE2B, salt, _WORK, _MEMORY, hidden)
        return f"{UNTRUSTED}minisign encrypted secret key\n{_encode(data)}\n"

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.id, self._private().public_key().public_bytes_raw())

    def sign(self, data: bytes, comment: str) -> str:
        """
        Return the text of a signature file.

        Args:
            data: What is signed, all of it.
            comment: The trusted comment.

        Raises:
            UntrustedError: The comment is none that would be read again.
        """
        try:
            encoded = comment.encode()
        except UnicodeEncodeError:  # names of files can be any bytes
            raise UntrustedError("its trusted comment cannot be written in UTF-8") from None
        private = self._private()
        signed = private.sign(hashlib.blake2b(data).digest())
        signed_comment = private.sign(signed + encoded)
        text = (
            f"{UNTRUSTED}signature from nativeplug secret key\n"
            f"{_encode(HASHED + self.id + signed)}\n{TRUSTED}{comment}\n{_encode(signed_comment)}\n"
        )
        SignatureFile.parse(text.encode())
        return text

    def _private(self) -> Ed25519PrivateKey:
        made: Ed25519PrivateKey = ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)
        return made


def is_encrypted(text: str) -> bool:
    """
    Tell whether a secret key lies under a password.

    Raises:
        UntrustedError: It is no secret key.
    """
    return _Stored.parse(text).is_encrypted


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is in a secret key's file."""

    is_encrypted: bool
    salt: bytes
    work: int
    memory: int
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> _Stored:
        lines = text.split("\n")
        if len(lines) != 3 or lines[-1] or not lines[0].startswith(UNTRUSTED):  # noqa: PLR2004
            raise UntrustedError("not a minisign secret key: it has a comment and a key")
        data = decode(lines[1], _FILE.size, "minisign secret key")
        kind, hiding, check, salt, work, memory, secret = _FILE.unpack(data)
        if (kind, check) != (KEY, _BLAKE2B) or hiding not in {_SCRYPT, _OPEN}:
            raise UntrustedError("a minisign secret key of algorithms that are not known")
        return cls(hiding == _SCRYPT, salt, work, memory, secret)


def _check_sum(key_id: bytes, seed: bytes, public: bytes) -> bytes:
    return hashlib.blake2b(KEY + key_id + seed + public, digest_size=32).digest()


def _xor(data: bytes, other: bytes) -> bytes:
    return bytes(one ^ two for one, two in zip(data, other, strict=True))


def _stretch(password: str, salt: bytes, work: int, memory: int) -> bytes:
    """Return as many bytes from a password as there are to be hidden."""
    if work > _WORK or memory > _MEMORY:
        raise UntrustedError("its password needs more memory than minisign's own keys do")
    cost, parallel = _parameters(work, memory)
    room = 128 * _BLOCK * (cost + parallel + 2) + (1 << 20)
    try:
        return hashlib.scrypt(
            password.encode(),
            salt=salt,
            n=cost,
            r=_BLOCK,
            p=parallel,
            maxmem=room,
            dklen=_SECRET.size,
        )
    except (MemoryError, ValueError) as error:  # OpenSSL's, which has too little memory
        raise UntrustedError(f"cannot work on its password: {error}") from None


def _parameters(work: int, memory: int) -> tuple[int, int]:
    """Return scrypt's N and p for libsodium's limits; pickparams() in its sources."""
    work = max(work, _LEAST_WORK)
    if work < memory // 32:
        return _power(work // (_BLOCK * 4)), 1
    cost = _power(memory // (_BLOCK * 128))
    return cost, max(min(work // 4 // cost, 0x3FFFFFFF) // _BLOCK, 1)


def _power(most: int) -> int:
    """Return the first power of two, from two on, that is more than half of *most*."""
    power = 2
    while power <= most // 2:
        power *= 2
    return power


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
