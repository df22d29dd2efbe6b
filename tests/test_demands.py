"""What one ``open`` demands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nativeplug import OriginError
from nativeplug.loader.files import read_file
from nativeplug.trust import UNSAID, Demands, Policy

DIGEST = "0123456789ABCDEF" * 4


def test_given() -> None:
    """Policies add up, also the process's where none was named; of pins the last one counts."""
    policy = Policy(owners=[0])
    first = Demands.of(policy, DIGEST)
    assert Demands(frozenset({policy}), DIGEST.lower()) == first
    both = first.plus(Demands.of(Policy(owners=[7]), 64 * "0"))
    assert Demands(frozenset({policy, Policy(owners=[7])}), 64 * "0") == both
    assert {policy} == first.plus(Demands.of(Policy())).effective == first.plus(UNSAID).effective
    assert first.sha256 == first.plus(UNSAID).sha256


def test_all_are_met(tmp_path: Path) -> None:
    """Every policy must be met, and all that stands against it is told."""
    path = tmp_path / "file.so"
    path.write_bytes(b"")
    content = read_file(str(path))
    strict = Demands.of(Policy(owners=[os.getuid() + 1])).plus(Demands.of(Policy(hardening={"nx"})))
    assert 1 == len(UNSAID.check(content))
    with pytest.raises(OriginError) as caught:
        strict.check(content)
    assert 2 == len(caught.value.reasons)


def test_none() -> None:
    """Nothing is demanded where nothing was said, or a policy that demands nothing."""
    assert UNSAID == Demands.of()
    assert UNSAID.are_none
    assert Demands.of(Policy()).are_none
    assert not Demands.of(sha256=DIGEST).are_none
    assert not Demands.of(Policy(owners=[0])).are_none


def test_what_is_judged() -> None:
    """A hash alone has the file judged, and nothing but a policy has it probed."""
    assert not UNSAID.judge_files
    assert Demands.of(sha256=DIGEST).judge_files
    assert Demands.of(Policy(owners=[0])).judge_files
    assert UNSAID.probe is Demands.of(sha256=DIGEST).probe is False
    assert Demands.of(Policy(probe=True)).probe is True


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
