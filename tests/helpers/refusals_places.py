"""Files that are refused for where they are, whose, and how they are made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

from nativeplug import OriginError, Policy
from refusals import (
    DECLARED,
    SOUND,
    TELLING,
    WAYS,
    Asked,
    Refusal,
    Stage,
    ask,
    compiled,
    put_next,
)

_PutIt = Callable[[Stage], object]
_NOBODY = 2**31 - 7


def _demanding(**demands: Any) -> Asked:
    return lambda _stage: {"declarations": DECLARED, "policy": Policy(**demands)}


def _refusal(name: str, words: str, asked: Asked, put: _PutIt = put_next, **more: Any) -> Refusal:
    return Refusal(name, OriginError, words, put, asked, **more)


def _pinned(text: str, *flags: str) -> Asked:
    def asked(stage: Stage) -> dict[str, Any]:
        digest = hashlib.sha256(stage.compiled(text, *flags)).hexdigest()
        return {"declarations": DECLARED, "sha256": digest}

    return asked


def _of_mode(mode: int) -> _PutIt:
    def put(stage: Stage) -> None:
        put_next(stage)
        stage.path.chmod(mode)

    return put


def _in_a_directory(mode: int) -> _PutIt:
    def put(stage: Stage) -> None:
        put_next(stage)
        stage.folder.chmod(mode)
        stage.callback(stage.folder.chmod, 0o700)

    return put


def _through_a_directory(stage: Stage) -> None:
    """Put it in place by a link that leads through a directory that all can write to."""
    put_next(stage)
    place = stage.folder / "open"
    place.mkdir()
    os.replace(stage.path, place / "plugin.so")
    place.chmod(0o777)
    stage.path.symlink_to("open/plugin.so")


def _beside_a_library(stage: Stage) -> None:
    """Put it in place beside a library that all can write to."""
    compiled(TELLING, _ORIGIN)(stage)
    library = stage.folder / "libc.so.6"  # which it needs, and would find there
    library.write_bytes(b"a library")
    library.chmod(0o666)


_ORIGIN, _RELATIVE = "-Wl,-rpath,$ORIGIN", "-Wl,-rpath,/usr/lib::libs"

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
        "an executable stack where the policy has a say",
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
        first=ask,
    ),
    *(
        _refusal(
            f"libraries from the working directory, {how}",
            "it looks in '', which is relative to the working directory; it looks in 'libs', which",
            asked,
            compiled(TELLING, _RELATIVE),
            ways=ways,
            first=ask,
        )
        for how, asked, ways in (
            ("pinned", _pinned(TELLING, _RELATIVE), ("open", "again")),
            ("where the policy has a say", _demanding(refuse_writable_by_others=True), WAYS),
        )
    ),
    _refusal(
        "a library that others can write to",
        r"its library '.*/libc.so.6' can be written by others \(mode 0666\)",
        _demanding(refuse_writable_by_others=True),
        _beside_a_library,
    ),
)
