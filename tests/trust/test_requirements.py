"""What one ``open`` demands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nativeplug import OriginError
from nativeplug.loader.files import read_file
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements, Policy

DIGEST = "0123456789ABCDEF" * 4


def test_given() -> None:
    """Policies add up, also the process's where none was named; of pins the last one counts."""
    policy = Policy(owners=[0])
    first = OriginRequirements.of(policy, DIGEST)
    assert OriginRequirements(frozenset({policy}), DIGEST.lower()) == first
    both = first.plus(OriginRequirements.of(Policy(owners=[7]), 64 * "0"))
    assert OriginRequirements(frozenset({policy, Policy(owners=[7])}), 64 * "0") == both
    assert (
        {policy}
        == first.plus(OriginRequirements.of(Policy())).effective
        == first.plus(NO_REQUIREMENTS).effective
    )
    assert first.sha256 == first.plus(NO_REQUIREMENTS).sha256


def test_all_are_met(tmp_path: Path) -> None:
    """Every policy must be met, and all that stands against it is told."""
    path = tmp_path / "file.so"
    path.write_bytes(b"")
    content = read_file(str(path))
    strict = OriginRequirements.of(Policy(owners=[os.getuid() + 1])).plus(
        OriginRequirements.of(Policy(hardening={"nx"}))
    )
    assert () == NO_REQUIREMENTS.check(content)
    with pytest.raises(OriginError) as caught:
        strict.check(content)
    assert 2 == len(caught.value.reasons)


def test_none() -> None:
    """Nothing is demanded where nothing was said, or a policy that demands nothing."""
    assert NO_REQUIREMENTS == OriginRequirements.of()
    assert NO_REQUIREMENTS.are_none
    assert OriginRequirements.of(Policy()).are_none
    assert not OriginRequirements.of(sha256=DIGEST).are_none
    assert not OriginRequirements.of(Policy(owners=[0])).are_none


def test_what_is_judged() -> None:
    """A hash alone has the file judged, and nothing but a policy has it probed."""
    assert not NO_REQUIREMENTS.judge_files
    assert OriginRequirements.of(sha256=DIGEST).judge_files
    assert OriginRequirements.of(Policy(owners=[0])).judge_files
    assert NO_REQUIREMENTS.probe is OriginRequirements.of(sha256=DIGEST).probe is False
    assert OriginRequirements.of(Policy(probe=True)).probe is True


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
        OriginRequirements.of(policy, sha256)
