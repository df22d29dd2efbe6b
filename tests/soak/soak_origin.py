"""What is signed, changed by a bit; and signatures of the program minisign and of ours."""

from __future__ import annotations

import contextlib
import hashlib
import math
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from nativeplug import OriginError, Policy
from nativeplug.loader.files import Content, FileKey, read_file
from nativeplug.trust.minisign import UNTRUSTED, PublicKey, SignatureFile, UntrustedError
from nativeplug.trust.secret_key import SecretKey
from nativeplug.trust.verify import check
from signing import FAR, Signer, build_unsigned
from soaking import Measured, main, times

_SEED = 5
_SECONDS = 30  # for the program minisign


def bit_flips(scale: float, folder: Path) -> Measured:
    """Change a bit of the plugin, of its signature file or of the trusted comment, 10,000 times."""
    signer, plugin = Signer(), build_unsigned(folder, "int good(void) { return 1; }")
    signature = signer.sign(plugin, "version:1.2", FAR)
    text, good = signature.read_bytes(), read_file(str(plugin))
    plugin_bytes = bytes(good.data)
    policy = signer.policy(allow_older=True, require_version=True, require_expiry=True)
    check(good, policy)
    rng, accepted = random.Random(_SEED), []  # noqa: S311 - it must be repeatable
    for number in range(times(10_000, scale)):
        what, start, end = _parts(plugin_bytes, text)[number % 3]
        bit = rng.randrange(8 * start, 8 * end)
        changed = good
        if what == "plugin":
            data = _flipped(plugin_bytes, bit)
            changed = Content(good.path, good.key, data, hashlib.sha256(data).hexdigest())
        signature.write_bytes(text if what == "plugin" else _flipped(text, bit))
        if _is_accepted(changed, policy):
            accepted.append(f"bit {bit} of the {what}")
    count = times(10_000, scale)
    found = Measured(
        len(accepted),
        f"{len(accepted)} of {count:,}",
        accepted[:20],
        [_flip_untrusted(text, good, signer.secret.public)],
    )
    signature.write_bytes(text)
    return found if _is_accepted(good, policy) else Measured(math.inf, "the good one is refused")


def _parts(data: bytes, text: bytes) -> Sequence[tuple[str, int, int]]:
    """Return what is changed, each with its first and last byte: all that means anything."""
    free = text.index(b"\n")  # what stands before it is signed by nobody
    comment = text.index(b"trusted comment: ", free)
    return (
        ("plugin", 0, len(data)),
        ("signature file", free, len(text)),
        ("trusted comment", comment, text.index(b"\n", comment) + 1),
    )


def _flipped(data: bytes, bit: int) -> bytes:
    made = bytearray(data)
    made[bit // 8] ^= 1 << bit % 8
    return bytes(made)


def _is_accepted(found: Content, policy: Policy) -> bool:
    try:
        check(found, policy)
    except OriginError:
        return False
    return True


def _flip_untrusted(text: bytes, good: Content, key: PublicKey) -> str:
    """Change each bit of the untrusted comment: the file is refused, or says the same."""
    same, end = 0, 8 * text.index(b"\n")
    for bit in range(end):
        with contextlib.suppress(UntrustedError):
            found = SignatureFile.parse(_flipped(text, bit))
            found.verify(good.data, (key,))
            if bit < 8 * len(UNTRUSTED) or found != SignatureFile.parse(text):
                raise AssertionError(f"bit {bit} of the untrusted comment changes what is read")
            same += 1
    return f"of {end} flips in the untrusted comment, {same} leave all the rest as it was"


def interop(scale: float, folder: Path) -> Measured:
    """Sign and verify 200 files each, with keys of both, by the program minisign and by us."""
    program = shutil.which("minisign")
    if program is None:
        return Measured(math.nan, "not measured: no minisign")
    keys = [folder / "minisign", folder / "ours"]
    _run(program, "-G", "-W", "-p", f"{keys[0]}.pub", "-s", f"{keys[0]}.key")
    _write_key(keys[1], SecretKey.generate())
    rng, problems = random.Random(_SEED), list[str]()  # noqa: S311 - it must be repeatable
    count = times(200, scale)
    for number in range(count):
        plugin = folder / f"{number}.so"
        plugin.write_bytes(rng.randbytes(rng.randrange(100_000)))
        problems += _compare(program, plugin, keys[number % 2])
    passwords = 1 if scale == 1 else 0  # they need a gigabyte
    for _ in range(passwords):
        problems += _compare_password(program, folder)
    version = _run(program, "-v")[1].strip()
    text = f"{len(problems)} of {4 * count} files, {passwords} passwords ({version})"
    return Measured(len(problems), text, problems[:20])


def _compare(program: str, plugin: Path, key: Path) -> Iterator[str]:
    """Sign and verify a file, by each for the other; then damage it."""
    public = PublicKey.parse(Path(f"{key}.pub").read_text())
    secret = SecretKey.parse(Path(f"{key}.key").read_text())
    policy = Policy(public_keys=[str(public)], allow_older=True)
    signature, data = Path(f"{plugin}.minisig"), plugin.read_bytes()

    def theirs() -> bool:
        return _run(program, "-V", "-m", str(plugin), "-p", f"{key}.pub")[0]

    def ours() -> bool:
        made = plugin.read_bytes()
        stat = FileKey.of(plugin.stat())
        return _is_accepted(Content(str(plugin), stat, made, ""), policy)

    def sign_ours() -> None:
        signature.write_text(secret.sign(data, f"file:{plugin.name}\tversion:1.2\t{FAR}"))

    def sign_theirs() -> None:
        _run(program, "-S", "-m", str(plugin), "-s", f"{key}.key")

    for sign in (sign_theirs, sign_ours):
        plugin.write_bytes(data)
        sign()
        for name, verify in (("minisign", theirs), ("nativeplug", ours)):
            if not verify():
                yield f"{sign.__name__}: refused by {name}"
        plugin.write_bytes(data + b"!")
        for name, verify in (("minisign", theirs), ("nativeplug", ours)):
            if verify():
                yield f"{sign.__name__}, then damaged: accepted by {name}"


def _compare_password(program: str, folder: Path) -> Iterator[str]:
    """Use a key of ours that lies under a password by minisign."""
    key, plugin = folder / "hidden", folder / "hidden.so"
    plugin.write_bytes(b"a plugin")
    secret = SecretKey.generate()
    _write_key(key, secret, "correct horse")
    if not _run(program, "-S", "-m", str(plugin), "-s", f"{key}.key", typed="correct horse\n")[0]:
        yield "minisign cannot use a key that lies under a password of ours"
    if not _run(program, "-V", "-m", str(plugin), "-p", f"{key}.pub")[0]:
        yield "minisign does not verify what it signed by that"


def _write_key(path: Path, key: SecretKey, password: str | None = None) -> None:
    Path(f"{path}.key").write_text(key.format(password))
    Path(f"{path}.pub").write_text(f"{UNTRUSTED}ours\n{key.public}\n")


def _run(*command: str, typed: str = "") -> tuple[bool, str]:
    """Return whether a program ended well, and what it has printed."""
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    return done.returncode == 0, done.stdout


if __name__ == "__main__":
    main(bit_flips, interop)
