"""What trusted comments say."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from nativeplug.trust.comment import Comment, date_of, order_of, written
from nativeplug.trust.minisign import UntrustedError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, None, None)),
        ("timestamp:1\tfile:a.so\thashed", ("a.so", None, None)),
        ("file:a:b.so version:1.4.2 note:file:c built", ("a:b.so", "1.4.2", None)),
        ("timestamp:1\tfile:my a.so\thashed\tversion:2", ("my a.so", "2", None)),
        ("file: \u3000a.so \tby hand version:2", (" \u3000a.so ", "2", None)),
        ("file:my a.so version:2", ("my", "2", None)),
        ("expires:2027-01-02", (None, None, datetime(2027, 1, 2, tzinfo=timezone.utc))),
        ("Version:7 versions:8 version", (None, None, None)),
    ],
)
def test_said(text: str, expected: tuple[object, ...]) -> None:
    """
    Words between white space that have a known key count; all others are free.

    Where there are tabs, a file's name goes on to the next.
    """
    assert Comment(*expected) == Comment.parse(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version:1 version:1", "its trusted comment says 'version:' twice"),
        ("file:a file:b", "its trusted comment says 'file:' twice"),
        ("file:a\tfile:b", "its trusted comment says 'file:' twice"),
        ("version:1 version:1\tfile:a", "its trusted comment says 'version:' twice"),
        ("version:", "the version '' is not numbers with dots between"),
        ("version:1.4.2-rc1", "the version '1.4.2-rc1' is not numbers"),
        ("version:01", "the version '01' is not numbers"),
        ("version:1..2", "is not numbers"),
        ("version:-1", "is not numbers"),
        ("version:\u0661", "is not numbers"),  # a digit, but not of ASCII
        ("version:1.1.1.1.1.1.1.1.1", "is not numbers"),
        ("version:1234567890123456789", "is not numbers"),
        ("expires:", "the time '' is not written as '2027-01-01'"),
        ("expires:2027-1-1", "is not written as"),
        ("expires:2027-02-29", "is not written as"),
        ("expires:2027-01-01T00:00:00", "is not written as"),
        ("expires:2027-01-01T00:00:00+00:00", "is not written as"),
        ("expires:2027-01-01T24:00:00Z", "is not written as"),
        ("expires:soon", "is not written as"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    """A word that stands there twice, or is not written as it must be, is an error."""
    with pytest.raises(UntrustedError, match=reason):
        Comment.parse(text)


def test_order() -> None:
    """Versions are compared by their numbers; missing ones at the end are 0."""
    versions = ["10", "1.10", "0", "1.0.1", "2", "1", "0.9", "1.2"]
    expected = ["0", "0.9", "1", "1.0.1", "1.2", "1.10", "2", "10"]
    assert expected == sorted(versions, key=order_of)
    assert order_of("1") == order_of("1.0") == order_of("1.0.0")


def test_dates() -> None:
    """A date is its first moment in UTC, and is written with its time."""
    assert "2027-01-01T00:00:00Z" == written(date_of("2027-01-01"))
    assert "2027-01-01T12:30:59Z" == written(date_of("2027-01-01T12:30:59Z"))
