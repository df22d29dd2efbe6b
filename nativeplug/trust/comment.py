"""
What a trusted comment says to us: the file's name, its version, and until when it is good.

To minisign it is free text. To us it is words between white space, of which these four count::

    timestamp:1795748543  file:greeter.so  hashed  version:1.4.2  expires:2027-01-01

minisign writes the first three by itself, with tabs between. So where there are any, a file's name
goes on to the next, and may have spaces. None may stand there twice, or be none of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from nativeplug.trust.minisign import UntrustedError

_KNOWN: Final = ("timestamp", "file", "version", "expires")
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.(0|[1-9][0-9]{0,17})){0,7}", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# strptime(3) alone would take "2027-1-1" as well.
_TIME_TEXT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Comment:
    """What a trusted comment says; None for what it does not."""

    file: str | None
    version: str | None
    expires: datetime | None

    @classmethod
    def parse(cls, text: str) -> Comment:
        """
        Read a trusted comment.

        Raises:
            UntrustedError: A word stands there twice, or is not written as it must be.
        """
        said: dict[str, str] = {}
        for word in _words(text):
            key, colon, value = word.partition(":")
            if not colon or key not in _KNOWN:
                continue
            if key in said:
                raise UntrustedError(f"its trusted comment says '{key}:' twice")
            said[key] = value
        version, expires = said.get("version"), said.get("expires")
        if version is not None:
            order_of(version)
        return cls(said.get("file"), version, None if expires is None else date_of(expires))


def _words(text: str) -> Iterator[str]:
    parts = text.split("\t")
    for part in parts:
        if len(parts) > 1 and part.startswith("file:"):
            yield part
        else:
            yield from part.split()


def order_of(version: str) -> tuple[int, ...]:
    """
    Return what versions are compared by: their numbers, where missing ones at the end are 0.

    Raises:
        UntrustedError: It is not made of up to eight numbers with dots between.
    """
    if _VERSION.fullmatch(version) is None:
        raise UntrustedError(f"the version {version!r} is not numbers with dots between")
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def date_of(text: str) -> datetime:
    """
    Return the moment that a date or a time, in UTC, begins.

    Raises:
        UntrustedError: It is not written as ``2027-01-01`` or ``2027-01-01T12:00:00Z``.
    """
    try:
        whole = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
        whole = whole if _TIME_TEXT.fullmatch(whole) else ""
        return datetime.strptime(whole, _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        raise UntrustedError(
            f"the time {text!r} is not written as '2027-01-01' or '2027-01-01T12:00:00Z'"
        ) from None


def written(moment: datetime) -> str:
    """Return a time in UTC as `date_of` reads it."""
    return moment.strftime(_TIME)
