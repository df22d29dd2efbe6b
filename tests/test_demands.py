"""What one ``open`` demands."""

from __future__ import annotations

from typing import Any

import pytest

from nativeplug.trust import UNSAID, Demands, Policy
from nativeplug.trust.policy import NOTHING

DIGEST = "0123456789ABCDEF" * 4


def test_given() -> None:
    """What is said later counts; what is not said stays."""
    first = Demands.of(Policy(owners=[0]), DIGEST)
    assert Demands(Policy(owners=[0]), DIGEST.lower()) == first == first.plus(UNSAID)
    assert Demands(NOTHING, DIGEST.lower()) == first.plus(Demands.of(Policy()))
    assert Demands(first.policy, 64 * "0") == first.plus(Demands.of(sha256=64 * "0"))


def test_none() -> None:
    """Nothing is demanded where nothing was said, or a policy that demands nothing."""
    assert UNSAID == Demands.of()
    assert UNSAID.are_none
    assert Demands.of(Policy()).are_none
    assert not Demands.of(sha256=DIGEST).are_none
    assert not Demands.of(Policy(owners=[0])).are_none


@pytest.mark.parametrize(
    ("policy", "sha256", "kind", "text"),
    [
        ("strict", None, TypeError, "policy must be Policy, not str"),
        (None, b"0" * 64, TypeError, "sha256 must be str, not bytes"),
        (None, "", ValueError, "sha256 must be 64 hexadecimal digits, not ''"),
        (None, "0" * 63, ValueError, "64 hexadecimal digits"),
        (None, "0" * 64 + "\n", ValueError, "64 hexadecimal digits"),
        (None, "g" * 64, ValueError, "64 hexadecimal digits"),
    ],
)
def test_wrong(policy: Any, sha256: Any, kind: type[Exception], text: str) -> None:
    """What is wrong is told."""
    with pytest.raises(kind, match=text):
        Demands.of(policy, sha256)
