"""Files that are refused for what has been signed, and by whom."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from nativeplug import OriginError
from nativeplug.trust.version_store import Entry
from refusals import DECLARED, TELLING, Asked, Refusal, Stage, compiled, put_next
from signing import FAR, Signer

_PutIt = Callable[[Stage], object]


def _trusting(**demands: Any) -> Asked:
    return lambda stage: {"declarations": DECLARED, "policy": stage.signer.policy(**demands)}


def _refusal(name: str, words: str, asked: Asked, put: _PutIt) -> Refusal:
    return Refusal(name, OriginError, words, put, asked)


def _untrusted(name: str, words: str, put: _PutIt) -> Refusal:
    return _refusal(name, words, _trusting(), put)


# What is signed, and then changed.


def _signed(
    *words: str, name: str | None = None, by: Callable[[Stage], Signer] = lambda s: s.signer
) -> _PutIt:
    def put(stage: Stage) -> None:
        put_next(stage)
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
    put_next(stage)
    stage.signature.symlink_to("/dev/zero")


def _unreadable(stage: Stage) -> None:
    put_next(stage)
    stage.signature.mkdir()


SIGNED = (
    _untrusted("no signature", "it is not signed", put_next),
    _untrusted("an endless signature", "not a regular file", _endless),
    _untrusted("a directory as signature", "cannot read its signature", _unreadable),
    _untrusted(
        "a signature of another key",
        "signed by the key",
        _signed(by=lambda _stage: Signer()),
    ),
    _untrusted(
        "a signature in another key's name",
        "its content is not what the key",
        _signed(by=_in_our_name),
    ),
    _untrusted(
        "more bytes than were signed",
        "its content is not what the key",
        _then_data(lambda data: data + b"\0"),
    ),
    _untrusted(
        "another byte than was signed",
        "its content is not what the key",
        _then_data(lambda data: data.replace(b"greeter 1.2", b"greeter 1.3")),
    ),
    _untrusted(
        "another bit of the signature",
        "its content is not what the key",
        _then_text(_with_a_bit),
    ),
    _untrusted(
        "another version than was signed",
        "its trusted comment is not what the key",
        _then_text(lambda text: text.replace("version:2", "version:3")),
    ),
    _untrusted(
        "another date than was signed",
        "its trusted comment is not what the key",
        _then_text(lambda text: text.replace("2999", "3999")),
    ),
    _untrusted(
        "a signature that is cut",
        "it has four lines",
        _then_text(lambda text: text[:-1]),
    ),
    _untrusted(
        "a signature by another algorithm",
        "signed without hashing",
        _then_text(_by_other_algorithm),
    ),
    _untrusted(
        "another plugin's signature",
        "its signature is for the file 'other.so'",
        _signed(name="other.so"),
    ),
    _untrusted(
        "a signature that has expired",
        "its signature expired at 2020-01-01",
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
    _untrusted(
        "a version in words",
        "is not numbers with dots between",
        _signed("version:rc1"),
    ),
    _untrusted("two versions", "says 'version:' twice", _signed("version:1", "version:2")),
    _untrusted(
        "an older version",
        "version 1 is older than version 2, which was run",
        _after_version_2("version:1"),
    ),
    _untrusted(
        "no version where there was one",
        "its signature tells no version, and version 2 was run",
        _after_version_2(),
    ),
    _untrusted(
        "versions that cannot be noted",
        "cannot remember versions in",
        _without_notes,
    ),
    _untrusted(
        "libraries from its own place, signed",
        "relative to its own place",
        lambda stage: (
            compiled(TELLING, "-Wl,-rpath,$ORIGIN")(stage),
            stage.signer.sign(stage.path),
        ),
    ),
)
