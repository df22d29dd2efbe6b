"""Files that are refused for where they come from."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Any

from nativeplug import OriginError, Policy
from nativeplug.trust.ledger import Entry
from refusals import DECLARED, SOUND, TELLING, Asked, Refusal, Stage, asking, compiled
from signing import FAR, Signer

_PutIt = Callable[[Stage], object]
_NOBODY = 2**31 - 7


def _demanding(**demands: Any) -> Asked:
    return lambda _stage: {"declarations": DECLARED, "policy": Policy(**demands)}


def _trusting(**demands: Any) -> Asked:
    return lambda stage: {"declarations": DECLARED, "policy": stage.signer.policy(**demands)}


def _refusal(name: str, words: str, asked: Asked, put: _PutIt = compiled(), **more: Any) -> Refusal:
    return Refusal(name, OriginError, words, put, asked, **more)


def _pinned(text: str, *flags: str) -> Asked:
    def asked(stage: Stage) -> dict[str, Any]:
        digest = hashlib.sha256(stage.compiled(text, *flags)).hexdigest()
        return {"declarations": DECLARED, "sha256": digest}

    return asked


def _of_mode(mode: int) -> _PutIt:
    def put(stage: Stage) -> None:
        compiled()(stage)
        stage.path.chmod(mode)

    return put


def _in_a_directory(mode: int) -> _PutIt:
    def put(stage: Stage) -> None:
        compiled()(stage)
        stage.folder.chmod(mode)
        stage.callback(stage.folder.chmod, 0o700)

    return put


def _through_a_directory(stage: Stage) -> None:
    """Put it in place by a link that leads through a directory that all can write to."""
    compiled()(stage)
    place = stage.folder / "open"
    place.mkdir()
    os.replace(stage.path, place / "plugin.so")
    place.chmod(0o777)
    stage.path.symlink_to("open/plugin.so")


# What is signed, and then changed.


def _signed(
    *words: str, name: str | None = None, by: Callable[[Stage], Signer] = lambda s: s.signer
) -> _PutIt:
    def put(stage: Stage) -> None:
        compiled()(stage)
        by(stage).sign(stage.path, *words, name=name)

    return put


def _in_our_name(stage: Stage) -> Signer:
    """Return somebody whose key has the number of ours."""
    other = Signer()
    object.__setattr__(other.secret, "id", stage.signer.secret.id)
    return other


def _then(change: Callable[[Stage], object]) -> _PutIt:
    """Return what signs it, and changes something then."""

    def put(stage: Stage) -> None:
        _signed("version:2", FAR)(stage)
        change(stage)

    return put


def _then_text(change: Callable[[str], str]) -> _PutIt:
    """Return what signs it, and changes the signature file."""
    return _then(lambda stage: stage.signature.write_text(change(stage.signature.read_text())))


def _then_data(change: Callable[[bytes], bytes]) -> _PutIt:
    """Return what signs it, and changes the plugin."""
    return _then(lambda stage: stage.put(change(stage.path.read_bytes())))


def _by_other_algorithm(text: str) -> str:
    lines = text.split("\n")
    data = b"Ed" + base64.b64decode(lines[1])[2:]
    return "\n".join([lines[0], base64.b64encode(data).decode(), *lines[2:]])


def _with_a_bit(text: str) -> str:
    """Return the same with one bit of the signature of the content changed."""
    lines = text.split("\n")
    data = bytearray(base64.b64decode(lines[1]))
    data[40] ^= 1
    return "\n".join([lines[0], base64.b64encode(data).decode(), *lines[2:]])


def _after_version_2(*words: str) -> _PutIt:
    """Return what signs it when version 2 has run already."""

    def put(stage: Stage) -> None:
        Entry(stage.signer.public, stage.path.name).advance("2")
        _signed(*words)(stage)

    return put


def _without_notes(stage: Stage) -> None:
    _signed("version:1")(stage)
    stage.state.write_text("in the way")


def _endless(stage: Stage) -> None:
    compiled()(stage)
    stage.signature.symlink_to("/dev/zero")


def _unreadable(stage: Stage) -> None:
    compiled()(stage)
    stage.signature.mkdir()


_ORIGIN = "-Wl,-rpath,$ORIGIN"

PLACES = (
    _refusal("another content", "its SHA-256 is .* is demanded", _pinned(SOUND)),
    _refusal("another directory", "it lies in ", _demanding(directories=["/usr/lib/nowhere"])),
    _refusal("another owner", "it belongs to user", _demanding(owners=[_NOBODY])),
    *(
        _refusal(
            f"a file of mode {mode:o}",
            rf"the file can be written by others \(mode 0{mode:o}\)",
            _demanding(refuse_writable_by_others=True),
            _of_mode(mode),
        )
        for mode in (0o666, 0o664, 0o646)
    ),
    *(
        _refusal(
            f"a directory of mode {mode:o}",
            rf"the directory '.*' can be written by others \(mode 0{mode:o}\)",
            _demanding(refuse_writable_by_others=True),
            _in_a_directory(mode),
        )
        for mode in (0o777, 0o770)
    ),
    _refusal(
        "a link through a directory",
        r"the directory '.*/open' can be written by others",
        _demanding(refuse_writable_by_others=True),
        _through_a_directory,
        ways=("open", "update"),
    ),
    _refusal("another toolchain", "it is of '", _demanding(toolchains=["Go go1.27*"])),
    _refusal(
        "an executable stack",
        "it asks for an executable stack",
        _demanding(hardening=["nx"]),
        compiled(TELLING, "-Wl,-z,execstack"),
    ),
    _refusal(
        "what is relocated stays writable",
        "stays writable",
        _demanding(hardening=["relro"]),
        compiled(TELLING, "-Wl,-z,norelro"),
    ),
    _refusal(
        "late binding",
        "it binds its functions late",
        _demanding(hardening=["bind_now"]),
        compiled(TELLING, "-Wl,-z,lazy"),
    ),
    _refusal(
        "several demands",
        "it lies in .*; it belongs to .*; it is not signed",
        lambda stage: {
            "declarations": DECLARED,
            "policy": stage.signer.policy(directories=["/usr/lib/nowhere"], owners=[_NOBODY]),
        },
    ),
    _refusal(
        "libraries from its own place, pinned",
        "relative to its own place",
        _pinned(TELLING, _ORIGIN),
        compiled(TELLING, _ORIGIN),
        ways=("open", "again"),
        first=asking(),
    ),
)

SIGNED = (
    _refusal("no signature", "it is not signed", _trusting()),
    _refusal("an endless signature", "not a regular file", _trusting(), _endless),
    _refusal("a directory as signature", "cannot read its signature", _trusting(), _unreadable),
    _refusal(
        "a signature of another key",
        "signed by the key",
        _trusting(),
        _signed(by=lambda _stage: Signer()),
    ),
    _refusal(
        "a signature in another key's name",
        "its content is not what the key",
        _trusting(),
        _signed(by=_in_our_name),
    ),
    _refusal(
        "more bytes than were signed",
        "its content is not what the key",
        _trusting(),
        _then_data(lambda data: data + b"\0"),
    ),
    _refusal(
        "another byte than was signed",
        "its content is not what the key",
        _trusting(),
        _then_data(lambda data: data.replace(b"greeter 1.2", b"greeter 1.3")),
    ),
    _refusal(
        "another bit of the signature",
        "its content is not what the key",
        _trusting(),
        _then_text(_with_a_bit),
    ),
    _refusal(
        "another version than was signed",
        "its trusted comment is not what the key",
        _trusting(),
        _then_text(lambda text: text.replace("version:2", "version:3")),
    ),
    _refusal(
        "another date than was signed",
        "its trusted comment is not what the key",
        _trusting(),
        _then_text(lambda text: text.replace("2999", "3999")),
    ),
    _refusal(
        "a signature that is cut",
        "it has four lines",
        _trusting(),
        _then_text(lambda text: text[:-1]),
    ),
    _refusal(
        "a signature by another algorithm",
        "",
        _trusting(),
        _then_text(_by_other_algorithm),
    ),
    _refusal(
        "another plugin's signature",
        "its signature is for the file 'other.so'",
        _trusting(),
        _signed(name="other.so"),
    ),
    _refusal(
        "a signature that has expired",
        "its signature expired at 2020-01-01",
        _trusting(),
        _signed("expires:2020-01-01"),
    ),
    _refusal(
        "a signature without a date",
        "does not say when it expires",
        _trusting(require_expiry=True),
        _signed("version:1"),
    ),
    _refusal(
        "a signature without a version",
        "tells no version",
        _trusting(require_version=True),
        _signed(FAR),
    ),
    _refusal(
        "a version in words",
        "is not numbers with dots between",
        _trusting(),
        _signed("version:rc1"),
    ),
    _refusal(
        "two versions", "says 'version:' twice", _trusting(), _signed("version:1", "version:2")
    ),
    _refusal(
        "an older version",
        "version 1 is older than version 2, which was run",
        _trusting(),
        _after_version_2("version:1"),
    ),
    _refusal(
        "no version where there was one",
        "its signature tells no version, and version 2 was run",
        _trusting(),
        _after_version_2(),
    ),
    _refusal(
        "versions that cannot be noted",
        "cannot remember versions in",
        _trusting(),
        _without_notes,
    ),
    _refusal(
        "libraries from its own place, signed",
        "relative to its own place",
        _trusting(),
        lambda stage: (
            compiled(TELLING, _ORIGIN)(stage),
            stage.signer.sign(stage.path),
        ),
    ),
)
